"""Exit status 0 if the service in this container is ready; the image's HEALTHCHECK.

`http.client` asks no proxy, whatever the environment names.
"""

import http.client
import os
import sys

DEFAULT_PORT = "8093"


def is_ready(port: int) -> bool:
    """Whether /readyz answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    port = os.environ.get("PORT") or os.environ.get("MINER__SERVICES__HTTP__PORT") or DEFAULT_PORT
    sys.exit(not is_ready(int(port)))
