"""The one port of several processes: nobody else's, and kept while all of them are away.

``SO_REUSEPORT`` lets processes share a port, and would let a stranger of the same user share it too. So the port is
first bound without it, which fails wherever anybody has the port; then it is bound with it, and never listened on.
"""

from __future__ import annotations

import errno
import socket

from orchestrator.errors import SettingsError


def hold_port(address: str, *, variable: str = "ORCHESTRATOR_LISTEN") -> tuple[socket.socket, str]:
    """Take a port for processes that share it.

    Args:
        address: ``host:port``; port 0 leaves the choice to the system.
        variable: the setting that says it, for the message.

    Returns:
        What holds the port until it is closed, and the address with the port that was really taken.

    Raises:
        SettingsError: the address cannot be used, or this system shares no port between processes.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise SettingsError("ORCHESTRATOR_PROCESSES: this system has no SO_REUSEPORT; start one process for each port")
    host, _, port = address.rpartition(":")
    held = None
    try:
        family, kind, _, _, target = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(target)
            alone.listen()
            taken = alone.getsockname()
        held = socket.socket(family, kind)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(taken)
    except (OSError, ValueError) as error:
        if held is not None:
            held.close()
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        cause = f"port {port} is in use" if in_use else str(error)
        raise SettingsError(f"cannot listen on {address}: {cause}; set {variable} to another host:port") from None
    return held, f"{host}:{taken[1]}"
