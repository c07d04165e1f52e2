"""What a call's metadata says of the saga behind it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class CallMetadata:
    """The metadata of one call; what the caller did not send is None.

    Attributes:
        idempotency_key: Same intent, same key; on a command or compensation.
        compensates: On a compensation: the idempotency key of the command that it undoes.
        verifies: On a verify query: the idempotency key of the command asked about.
        saga_id: The saga that sends the command.
        traceparent: The caller's span, as W3C trace context writes it.
    """

    idempotency_key: str | None = None
    compensates: str | None = None
    verifies: str | None = None
    saga_id: str | None = None
    traceparent: str | None = None

    @classmethod
    def read(cls, metadata: Iterable[tuple[str, str | bytes]] | None) -> "CallMetadata":
        """Reads what concerns us from an invocation's metadata."""
        known: dict[str, str] = {}
        for name, value in metadata or ():
            attribute = _ATTRIBUTES.get(name)
            # An empty value says nothing, and only names that end in -bin carry bytes.
            if attribute is not None and value and isinstance(value, str):
                known[attribute] = value
        return cls(**known)


_ATTRIBUTES: Final = {
    "idempotency-key": "idempotency_key",
    "compensates": "compensates",
    "verifies": "verifies",
    "saga-id": "saga_id",
    "traceparent": "traceparent",
}
