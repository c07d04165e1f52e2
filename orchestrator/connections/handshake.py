"""Who is at the other end of an address, and why a connection with TLS is not made there: for people.

gRPC tells of a handshake that failed in words of its own, or says "Socket closed". So the handshake is made once more
by hand, without a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.contract.addresses import split_address
from orchestrator.participant.security.certificates import Certificate, certificate_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.connections.tls import ClientTls

_PATIENCE_SECONDS: Final = 2.0


class Greeting(NamedTuple):
    """What a client says first; a server then says something, or refuses the client's certificate.

    Attributes:
        protocol: its name in the handshake.
        words: what is said.
    """

    protocol: str
    words: bytes


GRPC_GREETING: Final = Greeting("h2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
HTTP_GREETING: Final = Greeting("http/1.1", b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")


class Met(NamedTuple):
    """Who was met at an address.

    Attributes:
        certificate: what was shown; ``None`` where nothing was.
        why: why no connection can be made; empty where one can.
        is_there: somebody answers.
    """

    certificate: Certificate | None
    why: str = ""
    is_there: bool = True


async def meet(address: str, tls: ClientTls, greeting: Greeting = GRPC_GREETING) -> Met:
    """Make a handshake with the server at ``host:port``."""
    certificate: Certificate | None = None
    try:
        certificate = await _shown(address, tls, greeting)
        await _greet(address, tls, greeting)
    except ssl.SSLCertVerificationError as error:
        return Met(certificate, _unverified(error, address, tls, certificate))
    except ssl.SSLError as error:
        return Met(certificate, _refused(error, tls, is_ours=certificate is not None))
    except (OSError, EOFError, TimeoutError) as error:
        is_there = certificate is not None
        return Met(certificate, _silent(error, address, tls, is_there=is_there), is_there)
    return Met(certificate)


async def _shown(address: str, tls: ClientTls, greeting: Greeting) -> Certificate | None:
    """The certificate that a server shows, whether it is trusted or not."""
    context = tls.context(greeting.protocol)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with _connected(address, tls, context) as (_, writer):
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return certificate_of(der) if der else None


async def _greet(address: str, tls: ClientTls, greeting: Greeting) -> None:
    """Connect as a channel does; a server that wants another certificate of ours says so when it should answer."""
    async with _connected(address, tls, tls.context(greeting.protocol)) as (reader, writer):
        writer.write(greeting.words)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            if not await reader.read(1):
                raise EOFError


@contextlib.asynccontextmanager
async def _connected(
    address: str, tls: ClientTls, context: ssl.SSLContext
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = split_address(address)
    opening = asyncio.open_connection(host, int(port or 443), ssl=context, server_hostname=tls.name_at(address))
    reader, writer = await asyncio.wait_for(opening, _PATIENCE_SECONDS)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def _unverified(
    error: ssl.SSLCertVerificationError, address: str, tls: ClientTls, certificate: Certificate | None
) -> str:
    whose = ", ".join(certificate.names) if certificate and certificate.names else "nobody"
    if "mismatch" in error.verify_message:
        return f"its certificate is that of {whose}, and {tls.name_at(address)} was expected"
    if "expired" in error.verify_message and certificate is not None:
        return f"its certificate, that of {whose}, ended on {certificate.ends_at:%Y-%m-%d at %H:%M} UTC"
    if "issuer" in error.verify_message or "self-signed" in error.verify_message:
        return f"its certificate, that of {whose}, is not from an authority in {tls.files.ca}"
    return f"its certificate, that of {whose}, is not good: {error.verify_message}"


def _refused(error: ssl.SSLError, tls: ClientTls, *, is_ours: bool) -> str:
    if "WRONG_VERSION_NUMBER" in str(error):
        return "it answers without TLS"
    what = (error.reason or str(error)).lower().replace("_", " ")
    if not is_ours:
        return f"the handshake failed: {what}"
    return f"it does not take {_ours(tls)}: {what}"


def _silent(error: OSError | EOFError | TimeoutError, address: str, tls: ClientTls, *, is_there: bool) -> str:
    if is_there:
        return f"it closes the connection, as it may not take {_ours(tls)}"
    return f"nobody answers at {address}: {getattr(error, 'strerror', None) or 'nothing came'}"


def _ours(tls: ClientTls) -> str:
    mine = tls.files.certificate
    return f"our certificate {mine}" if mine is not None else "a client without a certificate"
