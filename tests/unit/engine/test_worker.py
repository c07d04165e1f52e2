"""One replica: what it does with a saga that fails it, with many sagas, and with those that have ended."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from orchestrator.engine.replica.claiming import recovery
from orchestrator.engine.run.commands.command_issuer import CommandIssuer
from orchestrator.engine.run.executor import Executor
from orchestrator.engine.run.forward.code import Forward
from orchestrator.engine.run.journal_writer import SagaWriter
from orchestrator.engine.run.stop_control import StopControl
from orchestrator.journal.state import SagaState, Status
from tests.support.engine_world import RESERVE, Answer, altered, rejected, trip, turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

    from orchestrator.ports.claims import Claim, Served
    from tests.support.engine_world import EngineWorld


class Unreadable:
    """Stands for a request class that can no longer read what the journal holds."""

    DESCRIPTOR = RESERVE.DESCRIPTOR

    @staticmethod
    def FromString(_data: bytes) -> object:  # noqa: N802 - as protobuf calls it
        raise ValueError("these bytes are no request")


async def test_an_engine_that_fails_suspends_the_saga_instead_of_trying_for_ever(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(altered(trip, "ReserveStock", request=Unreadable))
    world.participants.scripts["AuthorizePayment"] = [rejected()]
    state = await world.process().run()

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.message) == ("ENGINE_FAILED", "ValueError: these bytes are no request")
    assert world.participants.of("ReleaseStock") == []


async def test_a_replica_that_recovers_many_sagas_stays_alive(
    world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "_CLAIM_BATCH", 2)
    process = world.process()
    world.participants.scripts["PriceOrder"] = [Answer() for _ in range(5)]
    for number in range(5):
        await process.worker.start(world.order(saga_id=f"saga-{number}"))
    world.crash()

    beats: list[str] = []
    heir = world.process()
    heartbeat, claim = heir.journal.heartbeat, heir.journal.claim_unfinished

    def beating(owner: str, lease: int) -> Awaitable[int]:
        beats.append("beat")
        return heartbeat(owner, lease)

    def claiming(owner: str, limit: int, served: Served | None = None) -> Awaitable[list[Claim]]:
        beats.append("claim")
        return claim(owner, limit, served)

    monkeypatch.setattr(heir.journal, "heartbeat", beating)
    monkeypatch.setattr(heir.journal, "claim_unfinished", claiming)
    assert await heir.worker.open() == 5
    assert beats == ["beat", *["claim", "beat"] * 3]


async def test_a_saga_that_has_ended_leaves_nothing_to_the_garbage_collector(world: EngineWorld) -> None:
    process = world.process()
    await process.run(saga_id="before")
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await process.run()
        await turns()
        gc.collect()
        left = {type(each) for each in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()

    assert not left & {Executor, CommandIssuer, Forward, StopControl, SagaWriter, SagaState}, "the rest is the world's"
