"""One service of the whole, as a server of its own: what BentoCloud runs in each container.

python -m tests.stand_ins.serve_part TARGET SERVICE PORT [ADDRESSES]   (addresses of other services, as JSON)
"""

import json
import sys

from _bentoml_impl.loader import load
from _bentoml_impl.server import serve_http

target, service, port, *addresses = sys.argv[1:]
load(target, ".").inject_config()
serve_http(
    target,
    working_dir=".",
    host="127.0.0.1",
    port=int(port),
    service_name=service,
    dependency_map=json.loads(addresses[0]) if addresses else {},
)
