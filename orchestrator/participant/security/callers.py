"""Who makes a call over gRPC or HTTP, as far as the connection and the metadata prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.participant.security.trust import Caller

if TYPE_CHECKING:
    from collections.abc import Mapping


def caller_of(context: Any) -> Caller:  # noqa: ANN401 - of either kind
    """The caller, by the context of a call. Of several tokens, none counts."""
    said = [str(value) for name, value in context.invocation_metadata() or () if name == "authorization"]
    return Caller(names_of(context), said[0] if len(said) == 1 else "", str(context.peer()))


def names_of(context: Any) -> tuple[str, ...]:  # noqa: ANN401 - of either kind
    """The names in the caller's certificate, which the server has verified; empty without one, or once it has ended."""
    pem = shown_by(context)
    return _names(pem) if pem else ()


def shown_by(context: Any) -> bytes | None:  # noqa: ANN401 - of either kind
    """The caller's certificate, in PEM, which the server has verified when the connection was made."""
    shown = context.auth_context().get("x509_pem_cert")
    return bytes(shown[0]) if shown else None


def caller_of_scope(scope: Mapping[str, Any]) -> Caller:
    """The caller, by the scope of a call of ASGI, whose TLS extension brings certificates.

    Of several tokens, none counts.
    """
    said = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"authorization"]
    peer = ":".join(map(str, scope.get("client") or ()))
    chain = scope.get("extensions", {}).get("tls", {}).get("client_cert_chain") or ()
    names = _names(chain[0].encode()) if chain else ()
    return Caller(names, said[0] if len(said) == 1 else "", peer)


def _names(pem: bytes) -> tuple[str, ...]:
    from orchestrator.participant.security.certificates import names_now  # noqa: PLC0415 - many servers tell of none

    return names_now(pem)
