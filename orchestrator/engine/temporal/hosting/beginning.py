"""What a workflow is started with: the first entries of its saga, and what lists show of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from temporalio.common import SearchAttributePair, TypedSearchAttributes

from orchestrator.engine.starting import started_entry
from orchestrator.engine.temporal import keys, names
from orchestrator.engine.temporal.wire import write, write_delta
from orchestrator.journal.entries import RollbackBegan, SagaCompensated
from orchestrator.journal.fold import fold
from orchestrator.journal.reason import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.engine.sagas import Served, StartSaga
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState


class Beginning(NamedTuple):
    """What a workflow is started with.

    Attributes:
        opening: why it is there.
        first: the journal so far.
        attributes: by which it is found.
        memo: what lists show besides.
    """

    opening: bytes
    first: bytes
    attributes: TypedSearchAttributes
    memo: dict[str, Any]


def new_saga(
    start: StartSaga,
    served: Served | None,
    now: int,
    *,
    sampled: bool = False,
    tombstone: bool = False,
    sinks: Iterable[str] = (),
) -> Beginning:
    """A saga that is started now, or one that was compensated before it was started.

    Args:
        start: what is started.
        served: its definition.
        now: nanoseconds since the epoch, UTC.
        sampled: its trace is exported.
        tombstone: it never runs: a late start finds it.
        sinks: the names of those that are told of its events.
    """
    entries: list[Entry] = [started_entry(start, served, now, now, sampled=sampled)]
    if tombstone:
        entries += [
            RollbackBegan(now, Reason(ReasonCode.CANCELLED, "compensated before it was started")),
            SagaCompensated(now),
        ]
    why = "tombstone" if tombstone else "start"
    attributes, memo = shown_of(fold(start.saga_id, entries), start.digest)
    return Beginning(write(why=why, published=dict.fromkeys(sinks, 0)), write_delta(0, entries), attributes, memo)


def shown_of(state: SagaState, digest: bytes) -> tuple[TypedSearchAttributes, dict[str, Any]]:
    """By what a saga is found as it stands, and what lists show besides."""
    assert state.status is not None
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(keys.DEFINITION, state.definition),
        SearchAttributePair(keys.VERSION, str(state.version)),
        SearchAttributePair(keys.STATUS, state.status.name),
        SearchAttributePair(keys.STARTED_AT, state.started_at),
        SearchAttributePair(keys.ATTRIBUTES, [f"{name}={value}" for name, value in state.attributes]),
    ]
    if state.ended_at is not None:
        pairs.append(SearchAttributePair(keys.ENDED_AT, state.ended_at))
    memo: dict[str, Any] = {names.DIGEST_MEMO: digest, names.STARTED_MEMO: state.started_at}
    if (cause := state.cause) is not None:
        memo[names.CAUSE_MEMO] = write(**cause._asdict())
        pairs.append(SearchAttributePair(keys.REASON, cause.code))
        if cause.command:
            pairs.append(SearchAttributePair(keys.COMMAND, cause.command))
    return TypedSearchAttributes(pairs), memo
