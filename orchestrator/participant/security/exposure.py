"""Which servers can be reached from other machines, by the address where they listen."""

import ipaddress


def is_exposed(listen: str) -> bool:
    """Whether a server that listens at ``host:port`` can be reached from other machines.

    ``0.0.0.0`` and ``[::]`` are every address of this machine, so they can; so can a name that is not ``localhost``,
    because a name may stand for any address.
    """
    if listen.startswith("unix"):
        return False
    host = listen.rpartition(":")[0].strip("[]").lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return True
    return not (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
