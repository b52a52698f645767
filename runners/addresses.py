"""Whether an address is this machine's own."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself: all of 127.0.0.0/8, ::1, and localhost with the names below it.

    Nothing is looked up; another name that happens to lead here is not known to.
    """
    host = host.lower().strip("[]").rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:127.0.0.1
    return (mapped or address).is_loopback
