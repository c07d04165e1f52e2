"""What a call's metadata says of the saga behind it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

IDEMPOTENCY_KEY: Final = "idempotency-key"
COMPENSATES: Final = "compensates"
VERIFIES: Final = "verifies"
SAGA_ID: Final = "saga-id"
TRACEPARENT: Final = "traceparent"


@dataclass(frozen=True, slots=True)
class CallMetadata:
    """The metadata of one call, as it was sent; what the caller did not send is None.

    Attributes:
        idempotency_key: same intent, same key; on a command or compensation.
        compensates: on a compensation: the idempotency key of the command that it undoes.
        verifies: on a verify query: the idempotency key of the command asked about.
        saga_id: the saga that sends the command.
        traceparent: the caller's span, as W3C trace context writes it.
        contradicted: the names that were sent more than once, with different values; the first value is kept.
    """

    idempotency_key: str | None = None
    compensates: str | None = None
    verifies: str | None = None
    saga_id: str | None = None
    traceparent: str | None = None
    contradicted: tuple[str, ...] = ()

    @classmethod
    def read(cls, metadata: Iterable[tuple[str, str | bytes]] | None) -> "CallMetadata":
        """Read what concerns us from an invocation's metadata."""
        known: dict[str, str] = {}
        contradicted: tuple[str, ...] = ()
        for name, value in metadata or ():
            attribute = _ATTRIBUTES.get(name)
            # Only names that end in -bin carry bytes, and none of ours does.
            if attribute is None or not isinstance(value, str):
                continue
            if known.setdefault(attribute, value) != value and name not in contradicted:
                contradicted = (*contradicted, name)
        return cls(**known, contradicted=contradicted)


_ATTRIBUTES: Final = {
    IDEMPOTENCY_KEY: "idempotency_key",
    COMPENSATES: "compensates",
    VERIFIES: "verifies",
    SAGA_ID: "saga_id",
    TRACEPARENT: "traceparent",
}
