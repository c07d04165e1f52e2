"""Why an orchestrator is not reached without TLS: for people.

gRPC says in words of its own that a connection failed, or nothing at all. So one is made once more by hand, without a
call. With TLS, :mod:`orchestrator.connections.handshake` tells why.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Final

from orchestrator.contract.addresses import split_address

_PATIENCE_SECONDS: Final = 2.0
_ANOTHER: Final = "name another --address"


async def why_unreached(address: str) -> str:
    """Why nobody answers without TLS at ``host:port``, and what to do."""
    host, port = split_address(address)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except socket.gaierror:
        return f"the host {host!r} is not known; {_ANOTHER}"
    except ConnectionRefusedError:
        return f"nobody listens there; start one (`orchestrator serve`), or {_ANOTHER}"
    except TimeoutError:
        return f"the host is silent; look at the network between, or {_ANOTHER}"
    except OSError as error:
        return f"{error.strerror or error}; {_ANOTHER}"
    writer.close()
    if await _speaks_tls(host, port):
        return "it listens with TLS; name the authorities that you trust with --tls-ca"
    return f"what listens there speaks no gRPC, or ends at this moment; ask again, or {_ANOTHER}"


async def _speaks_tls(host: str, port: str) -> bool:
    """Whether a handshake succeeds, or fails as one of TLS; whose certificate it is does not matter."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with contextlib.suppress(OSError, EOFError, TimeoutError):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
        writer.close()
        return True
    return False
