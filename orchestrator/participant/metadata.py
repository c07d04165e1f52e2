"""What comes with a call of a saga, and what no saga sends."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

IDEMPOTENCY_KEY: Final = "idempotency-key"
COMPENSATES: Final = "compensates"
COMPENSATES_FOREIGN: Final = "compensates-foreign"
VERIFIES: Final = "verifies"
SAGA_ID: Final = "saga-id"
TRACEPARENT: Final = "traceparent"
# Keys are indexed, and PostgreSQL refuses index entries of more than some 2,700 bytes.
LONGEST_KEY: Final = 500


class Kind(StrEnum):
    """What a method is to a saga.

    | kind             | the contract's effect         | a rejection       |
    |------------------|-------------------------------|-------------------|
    | ``COMMAND``      | COMPENSABLE, PIVOT            | is recorded       |
    | ``RETRYABLE``    | RETRYABLE                     | may succeed later |
    | ``COMPENSATION`` | RETRYABLE, named by a command | may succeed later |
    | ``QUERY``        | QUERY                         | is not recorded   |
    | ``FOREIGN``      | as ``COMMAND``                | is recorded       |

    A ``FOREIGN`` command calls a service that does not recognise a repeated command: it is never run twice with one
    key.
    """

    COMMAND = "command"
    RETRYABLE = "retryable"
    COMPENSATION = "compensation"
    QUERY = "query"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class CallMetadata:
    """The metadata of one call, as it was sent; what the caller did not send is None.

    Attributes:
        idempotency_key: same intent, same key; on a command or compensation.
        compensates: on a compensation: the idempotency key of the command that it undoes.
        verifies: on a verify query: the idempotency key of the command asked about.
        saga_id: the saga that sends the command.
        traceparent: the caller's span, as W3C trace context writes it.
        compensates_foreign: on a compensation: the idempotency key of a command of another service, which it undoes.
        contradicted: the names that were sent more than once, with different values; the first value is kept.
    """

    idempotency_key: str | None = None
    compensates: str | None = None
    verifies: str | None = None
    saga_id: str | None = None
    traceparent: str | None = None
    compensates_foreign: str | None = None
    contradicted: tuple[str, ...] = ()

    @classmethod
    def read(cls, metadata: Iterable[tuple[str, str | bytes]] | None) -> "CallMetadata":
        """Read what concerns us from an invocation's metadata, or from headers whose names are in lower case."""
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

    def nonsense(self, kind: str) -> Iterator[tuple[str, str]]:
        """What no saga sends to a method of this kind: pairs of a name and what is wrong with it.

        Keys may be unreadable, or not fit the method or one another. A verify query carries the key of its command also
        as its own, so there the two are equal.
        """
        for name, attribute in _ATTRIBUTES.items():
            value = getattr(self, attribute)
            if name in _UNCHECKED:
                continue
            if value is not None and (wrong := _wrong(value)):
                yield name, wrong
            if name in self.contradicted:
                yield name, "must be sent once"
        if self.compensates is not None:
            if kind != Kind.COMPENSATION:
                yield COMPENSATES, "is only for a compensation"
            elif self.compensates == self.idempotency_key:
                yield COMPENSATES, "must name another command than the compensation itself"
        if self.verifies is not None and kind != Kind.QUERY:
            yield VERIFIES, "is only for a query"


_ATTRIBUTES: Final = {
    IDEMPOTENCY_KEY: "idempotency_key",
    COMPENSATES: "compensates",
    VERIFIES: "verifies",
    SAGA_ID: "saga_id",
    TRACEPARENT: "traceparent",
    COMPENSATES_FOREIGN: "compensates_foreign",
}
# W3C's rule is to ignore an unusable one; a key of another service is recorded nowhere.
_UNCHECKED: Final = frozenset({TRACEPARENT, COMPENSATES_FOREIGN})


def _wrong(value: str) -> str | None:
    if not value.strip():
        return "must not be empty"
    if len(value) > LONGEST_KEY:
        return f"must be at most {LONGEST_KEY} characters"
    if not (value.isascii() and value.isprintable()):
        return "must be printable ASCII"
    return None
