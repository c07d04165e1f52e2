"""Who makes a call over gRPC, as far as the connection and the metadata prove it."""

from __future__ import annotations

from typing import Any

from orchestrator.participant.certificates import names_now
from orchestrator.participant.trust import Caller


def caller_of(context: Any) -> Caller:  # noqa: ANN401 - of either kind
    """The caller, by the context of a call. Of several tokens, none counts."""
    said = [str(value) for name, value in context.invocation_metadata() or () if name == "authorization"]
    return Caller(names_of(context), said[0] if len(said) == 1 else "", str(context.peer()))


def names_of(context: Any) -> tuple[str, ...]:  # noqa: ANN401 - of either kind
    """The names in the caller's certificate, which the server has verified; empty without one, or once it has ended."""
    pem = shown_by(context)
    return names_now(pem) if pem else ()


def shown_by(context: Any) -> bytes | None:  # noqa: ANN401 - of either kind
    """The caller's certificate, in PEM, which the server has verified when the connection was made."""
    shown = context.auth_context().get("x509_pem_cert")
    return bytes(shown[0]) if shown else None
