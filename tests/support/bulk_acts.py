"""Bulk acts as tests of stores and of the engine keep them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from orchestrator.engine.bulk.facade import NewBulkAct
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.decisions import CommandDecision
from orchestrator.ports.bulk_acts import Answer, BulkAct, BulkSaga, BulkStatus, Reach

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from tests.support.engine_world import EngineProcess

PREPARED: Final = BulkAct(
    bulk_id="20260101-120000-aaaaaa",
    revision=1,
    status=BulkStatus.PREPARED,
    act=Act.CANCEL,
    decision=None,
    asked_for=b"\x00filter\xff",
    reach=Reach(),
    prepared_at=1,
    prepared_by=Actor("ada"),
)
"""Waits for a person to start it."""

FULL: Final = replace(
    PREPARED,
    status=BulkStatus.STOPPING,
    act=Act.RESOLVE_OUTCOME,
    decision=CommandDecision("PaymentService.CapturePayment", took_effect=True, reply=b"\xff\x00", reply_type="a.B"),
    reach=Reach(("place_order",), (("tenant", "acme\x00"),)),
    counts={Answer.DONE: 3, Answer.REFUSED: 2},
    to_do=4,
    started_at=5,
    started_by=Actor("bob", "token file", "ipv4:10.0.0.7:40312"),
    why="the bank is closed\x00",
    stopped_by=Actor("eve"),
    ended_at=6,
    begun=5,
    owner="replica-1",
    not_before=7,
    expires_at=8,
)
"""Everything is set."""


def bulk_act(number: int, **changes: Any) -> BulkAct:  # noqa: ANN401 - any field
    """One of its own id."""
    return replace(PREPARED, bulk_id=f"20260101-12000{number}-aaaaaa", **changes)


def bulk_ids(acts: Iterable[BulkAct]) -> list[str]:
    return [each.bulk_id for each in acts]


def sagas(number: int, answer: Answer = Answer.UNCHECKED) -> list[BulkSaga]:
    """So many, from position 1 on."""
    return [BulkSaga(position, f"saga-{position}", answer) for position in range(1, number + 1)]


async def pages_of(*pages: Sequence[str]) -> AsyncIterator[Sequence[str]]:
    """The ids of sagas, page by page."""
    for page in pages:
        yield page


async def prepared(
    process: EngineProcess,
    act: Act,
    saga_ids: Sequence[str],
    decision: CommandDecision | None = None,
    by: Actor = PREPARED.prepared_by,
) -> BulkAct:
    """A bulk act whose dry run has ended."""
    new = NewBulkAct(act, b"", by, decision)
    return await followed(process, (await process.sagas.bulk.prepare(new, pages_of(saga_ids))).bulk_id)


async def carried_out(process: EngineProcess, act: BulkAct, by: Actor = PREPARED.prepared_by) -> BulkAct:
    """A prepared bulk act once it was started, and is over."""
    await process.sagas.bulk.start(act.bulk_id, "because", by)
    return await followed(process, act.bulk_id)


async def followed(process: EngineProcess, bulk_id: str) -> BulkAct:
    """A bulk act once nothing more happens by itself."""
    return [each async for each in process.sagas.bulk.watch(bulk_id)][-1]


async def sagas_of(process: EngineProcess, act: BulkAct) -> Sequence[BulkSaga]:
    """What came of it for each of its sagas."""
    return await process.sagas.bulk.sagas(act.bulk_id, 0, 10_000)
