"""Starts for which there is no room are queued, and begun once, in their turn, by whichever replica has room."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.engine.bindings.gradual_return import FIRST_ROOM
from orchestrator.engine.replica.capacity.limits import Limits
from orchestrator.engine.sagas import Load
from orchestrator.errors import ActRefused, JournalUnavailable, Overloaded, SagaExists
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.entries import SagaAdmitted, SagaQueued, SagaRecovered, SagaStarted, SagaWoken
from orchestrator.journal.priority import Priority
from orchestrator.journal.state import Status
from tests.support.engine_world import ORDER, Answer, EngineWorld, order_of, rejected, trip, turns, until
from tests.support.waiting_sagas import DAY, note, patient, sleepy
from tests.support.wrong_clock import WrongClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import Any

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.claims import Claim, Served
    from tests.support.engine_world import EngineProcess

other = dataclasses.replace(trip, name="other_trip")


class Busy:
    """A world whose replicas have room for one saga, and one replica that has it.

    Attributes:
        answer: for which the first saga waits; so there is no room until it is given.
    """

    def __init__(self, world: EngineWorld, process: EngineProcess) -> None:
        self.world = world
        self.process = process
        self.answer = Answer()

    @classmethod
    async def open(cls, world: EngineWorld, limits: Limits) -> Busy:
        world.limits = limits
        busy = cls(world, await world.open())
        world.participants.scripts["ReserveStock"] = [busy.answer]
        await busy.start("first")
        await until(lambda: busy.answer.asked)
        return busy

    async def start(
        self,
        saga_id: str,
        priority: Priority = Priority.NORMAL,
        wait: float = 0.0,
        of: SagaDefinition[Any, Any, Any] = trip,
    ) -> SagaState:
        return await self.process.worker.start(order_of(of, ORDER, saga_id)._replace(priority=priority), wait)

    def began(self) -> list[str]:
        """The sagas that were queued, in the order in which they were begun."""
        found = [
            (entry.at, saga_id)
            for saga_id in self.world.journal._sagas
            for entry in self.world.entries(saga_id)
            if isinstance(entry, SagaAdmitted)
        ]
        return [saga_id for _, saga_id in sorted(found)]


@pytest.fixture
async def busy(world: EngineWorld) -> Busy:
    return await Busy.open(world, Limits(live=1, queued=6, queued_by_definition={"trip": 4}))


async def test_a_start_without_room_is_durable_and_waits(busy: Busy) -> None:
    state = await busy.start("second")

    assert state.status is Status.WAITING
    assert state.queued is not None
    kinds = [type(entry) for entry in busy.world.entries("second")]
    assert kinds == [SagaStarted, SagaQueued]
    assert not busy.process.sagas.is_live("second"), "nothing of it is in memory"
    assert busy.world.journal._sagas["second"].owner is None


async def test_a_queued_saga_is_begun_when_there_is_room(busy: Busy) -> None:
    await busy.start("second")
    await turns()
    assert busy.began() == []

    busy.answer.give()
    state = await busy.world.stopped("second")

    assert state.status is Status.COMPLETED
    kinds = [type(entry) for entry in busy.world.entries("second")]
    assert kinds[:3] == [SagaStarted, SagaQueued, SagaAdmitted]
    assert SagaRecovered not in kinds


async def test_who_waits_for_the_end_of_a_queued_saga_is_told_it(busy: Busy) -> None:
    waiting = asyncio.ensure_future(busy.start("second", wait=1e6))
    await until(lambda: busy.world.entries("second"))
    busy.answer.give()

    assert (await waiting).status is Status.COMPLETED


async def test_queued_sagas_are_begun_in_order_and_higher_levels_first(busy: Busy) -> None:
    await busy.start("low", Priority.LOW)
    await busy.start("normal")
    await busy.start("high", Priority.HIGH)
    await busy.start("later")

    busy.answer.give()
    for saga_id in ("low", "normal", "high", "later"):
        await busy.world.stopped(saga_id)

    assert busy.began() == ["high", "normal", "later", "low"]


async def test_a_full_queue_refuses_and_leaves_no_row(busy: Busy) -> None:
    for number in range(4):
        await busy.start(f"queued-{number}")

    with pytest.raises(Overloaded, match="4 sagas of trip are queued"):
        await busy.start("too much")

    assert "too much" not in busy.world.journal._sagas


async def test_a_flood_of_one_definition_fills_the_queue_of_no_other(world_of: Any) -> None:  # noqa: ANN401
    world = world_of(trip, other)
    busy = await Busy.open(world, Limits(live=1, queued=6, queued_by_definition={"trip": 4}))
    for number in range(4):
        await busy.start(f"queued-{number}")
    with pytest.raises(Overloaded):
        await busy.start("too much")

    for number in range(2):
        assert (await busy.start(f"other-{number}", of=other)).status is Status.WAITING
    with pytest.raises(Overloaded, match="6 sagas are queued"):
        await busy.start("other-2", of=other)

    busy.answer.give()
    for saga_id in ("queued-3", "other-1"):
        await world.stopped(saga_id)
    assert busy.began()[:4] == ["other-0", "queued-0", "other-1", "queued-1"]


async def test_a_repeated_start_finds_the_queued_saga_even_where_the_queue_is_full(busy: Busy) -> None:
    for number in range(4):
        await busy.start(f"queued-{number}")

    state = await busy.start("queued-1")
    assert state.status is Status.WAITING
    assert len(busy.world.entries("queued-1")) == 2
    changed = order_of(trip, ORDER, "queued-1")._replace(digest=b"another")
    with pytest.raises(SagaExists):
        await busy.process.worker.start(changed)


async def test_a_definition_with_a_limit_of_its_own_is_queued_while_others_go_on(world_of: Any) -> None:  # noqa: ANN401
    world = world_of(trip, other)
    busy = await Busy.open(world, Limits(live_by_definition={"trip": 1}))
    assert (await busy.start("second")).status is Status.WAITING

    assert (await busy.start("other", wait=1e6, of=other)).status is Status.COMPLETED
    assert busy.began() == []
    busy.answer.give()
    await world.stopped("second")


async def test_a_start_does_not_overtake_those_that_are_queued(busy: Busy) -> None:
    await busy.start("second")
    hold = Answer()
    busy.world.participants.scripts["ReserveStock"] = [hold]
    busy.answer.give()
    await busy.world.stopped("first")

    assert not busy.process.sagas.is_live("second"), "its turn has come, and it is not begun yet"
    assert (await busy.start("third")).status is Status.WAITING
    await until(lambda: hold.asked)
    hold.give()
    await busy.world.stopped("third")
    assert busy.began() == ["second", "third"]


async def test_a_start_that_the_journal_refuses_takes_no_place_in_the_queue(busy: Busy) -> None:
    busy.process.journal.switch("down")
    with pytest.raises(JournalUnavailable):
        await busy.start("second")
    busy.process.journal.switch("up")

    assert "second" not in busy.world.journal._sagas
    busy.answer.give()
    await busy.world.stopped("first")
    assert (await busy.start("third", wait=1e6)).status is Status.COMPLETED


async def test_the_next_process_begins_what_an_earlier_one_has_queued(busy: Busy) -> None:
    await busy.start("second")
    await busy.start("third")

    await busy.world.recover()

    for saga_id in ("second", "third"):
        assert (await busy.world.stopped(saga_id)).status is Status.COMPLETED


@pytest.mark.parametrize("cut", range(2, 16))
async def test_a_crash_after_any_entry_forgets_no_queued_saga(busy: Busy, cut: int) -> None:
    await busy.start("second")
    await busy.start("third")
    busy.process.journal.cut_after = cut
    busy.answer.give()
    await turns(500)

    await busy.world.recover()

    for saga_id in ("first", "second", "third"):
        assert (await busy.world.stopped(saga_id)).status is Status.COMPLETED
        admitted = [entry for entry in busy.world.entries(saga_id) if isinstance(entry, SagaAdmitted)]
        assert len(admitted) == (0 if saga_id == "first" else 1)


async def test_many_queued_sagas_that_are_begun_at_once_call_their_participants_gradually(world: EngineWorld) -> None:
    busy = await Busy.open(world, Limits(live=1))
    for number in range(40):
        await busy.start(f"queued-{number}")
    world.limits = Limits(live=100)
    world.clock.hold_from = 0.4  # no step of a gradual return passes
    answers = [Answer() for _ in range(41)]
    world.participants.scripts["ReserveStock"] = [*answers]

    await world.recover()
    await until(lambda: len(busy.began()) == 40)
    await turns()

    assert sum(bool(answer.asked) for answer in answers) <= FIRST_ROOM + 1


async def test_a_clock_that_is_set_back_keeps_no_queue_waiting(shared: EngineWorld) -> None:
    busy = await Busy.open(shared, Limits(live=1))
    clock = WrongClock(shared.clock, wrong=0)
    two = shared.process(clock=clock)
    await two.worker.open()
    await shared.let_pass(2)
    clock._wrong = -3600 * 10**9
    await busy.start("second")
    await shared.let_pass(2)

    (admitted,) = (entry for entry in shared.entries("second") if isinstance(entry, SagaAdmitted))
    assert admitted.owner == two.worker.owner


async def test_what_was_claimed_before_a_crash_is_recovered(busy: Busy) -> None:
    await busy.start("second")
    (claim,) = await busy.world.journal.claim_queued("replica-1", {"trip": 1})
    assert claim.saga_id == "second"

    await busy.world.recover()

    assert (await busy.world.stopped("second")).status is Status.COMPLETED
    assert busy.began() == ["second"]


async def test_a_claim_whose_answer_is_lost_is_found_again(busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    await busy.start("second")
    claim = busy.world.journal.claim_queued
    lost: list[Claim] = []

    async def forgetful(owner: str, wanted: Mapping[str, int], served: Served | None = None) -> list[Claim]:
        lost.extend(await claim(owner, wanted, served))
        raise JournalUnavailable("the answer is lost")

    monkeypatch.setattr(busy.world.journal, "claim_queued", forgetful)
    busy.answer.give()
    await until(lambda: lost)
    await turns()
    assert not busy.process.sagas.is_live("second")

    busy.world.clock.advance(20)

    assert (await busy.world.stopped("second")).status is Status.COMPLETED


async def test_a_queued_saga_that_is_cancelled_never_runs(busy: Busy) -> None:
    await busy.start("second")
    sent = len(busy.world.participants.methods())

    state = await busy.process.sagas.act(Act.CANCEL, "second", "enough", Actor("ada"))

    assert state.rollback is not None
    assert (await busy.world.stopped("second")).status is Status.COMPENSATED
    busy.answer.give()
    await busy.world.stopped("first")
    assert len(busy.world.participants.methods()) - sent == 4, "those of the first saga"


async def test_a_queued_saga_that_is_paused_leaves_the_queue_and_runs_when_it_is_resumed(busy: Busy) -> None:
    await busy.start("second")
    state = await busy.process.sagas.act(Act.PAUSE, "second", "a moment", Actor("ada"))
    assert (state.status, state.queued) == (Status.SUSPENDED, None)
    assert await busy.world.journal.queued() == []

    await busy.process.sagas.act(Act.RESUME, "second", "go on", Actor("ada"))

    assert (await busy.world.stopped("second")).status is Status.COMPLETED


async def test_no_attempt_of_a_queued_saga_waits(busy: Busy) -> None:
    await busy.start("second")

    with pytest.raises(ActRefused, match="no attempt that waits"):
        await busy.process.sagas.act(Act.RETRY_NOW, "second", "now", Actor("ada"))
    assert busy.process.sagas.preview(await busy.process.sagas.get("second")) == []


async def test_a_deadline_passes_in_the_queue_too(world_of: Any) -> None:  # noqa: ANN401
    hasty = dataclasses.replace(trip, deadline=timedelta(seconds=30), reserve=timedelta(seconds=10))
    world = world_of(hasty)
    busy = await Busy.open(world, Limits(live=1))
    await busy.start("second")
    assert busy.world.journal._sagas["second"].record.wake_at == world.state("second").forward_until

    world.clock.advance(21)
    busy.answer.give(rejected())
    await until(lambda: world.state("second").status is Status.COMPENSATED)

    state = world.state("second")
    assert state.rollback is not None
    assert (state.rollback.code, state.commands) == ("DEADLINE", {})


async def test_a_parked_saga_that_is_due_goes_on_before_queued_ones_are_begun(world_of: Any) -> None:  # noqa: ANN401
    world = world_of(trip, sleepy)
    world.limits = Limits(live=1)
    process = await world.open()
    await process.worker.start(order_of(sleepy, ORDER, "parked"))
    await until(lambda: world.state("parked").status is Status.WAITING)
    world.participants.scripts["ReserveStock"] = [answer := Answer()]
    await process.worker.start(order_of(trip, ORDER, "first"))
    await until(lambda: answer.asked)
    world.clock.advance(DAY + 1)
    await until(lambda: process.worker.recovery.timers.waits_for_room)
    for saga_id in ("second", "third"):
        assert (await process.worker.start(order_of(trip, ORDER, saga_id))).queued
    answer.give()

    assert (await world.stopped("parked")).status is Status.COMPLETED
    assert (await world.stopped("third")).status is Status.COMPLETED
    woken, begun = (
        min(entry.at for each in sagas for entry in world.entries(each) if isinstance(entry, kind))
        for sagas, kind in ((["parked"], SagaWoken), (["second", "third"], SagaAdmitted))
    )
    assert woken < begun


async def test_a_signal_to_a_queued_saga_leaves_it_its_turn(world_of: Any) -> None:  # noqa: ANN401
    busy = await Busy.open(world_of(trip, patient), Limits(live=1))
    queued = await busy.start("second", of=patient)
    await busy.process.sagas.signal("second", note("in time"))
    state = busy.world.state("second")
    assert (state.queued, [*state.signals]) == (queued.queued, ["request-1"])

    busy.answer.give()
    await until(lambda: busy.began() == ["second"])


async def test_children_are_not_queued(busy: Busy) -> None:
    child = order_of(trip, ORDER, "child")._replace(parent_id="first")

    assert (await busy.process.worker.start(child, 1e6)).status is Status.COMPLETED


async def test_what_there_is_to_do_is_told_by_definition(busy: Busy) -> None:
    await busy.start("second")
    await busy.start("third")

    loads = await busy.process.sagas.loads()

    oldest = busy.world.state("second").started_at
    assert list(loads.definitions) == [Load("trip", 1, 0, 2, 4, oldest)]
    assert (loads.most_live, loads.most_queued) == (1, 6)


@pytest.fixture
async def shared() -> AsyncIterator[EngineWorld]:
    world = EngineWorld(trip, shared=True)
    yield world
    world.check_promises()
    await world.end()


async def test_a_saga_that_one_replica_has_queued_another_one_begins(shared: EngineWorld) -> None:
    busy = await Busy.open(shared, Limits(live=1))
    await busy.start("second")
    two = await shared.open()

    await shared.let_pass(2)

    (admitted,) = (entry for entry in shared.entries("second") if isinstance(entry, SagaAdmitted))
    assert admitted.owner == two.worker.owner
    assert shared.state("second").status is Status.COMPLETED


async def test_a_replica_leaves_queued_sagas_of_a_version_that_it_does_not_serve(shared: EngineWorld) -> None:
    busy = await Busy.open(shared, Limits(live=1))
    await busy.start("second")
    newer = dataclasses.replace(trip, version=2)
    two = await shared.open(newer)
    await shared.let_pass(2)
    assert shared.state("second").status is Status.WAITING

    state = await two.worker.start(order_of(newer, ORDER, "third"), 0.0)
    assert state.queued is None, "those that wait are not in its way"
    busy.answer.give()
    await shared.let_pass(2)
    assert shared.state("second").status is Status.COMPLETED


async def test_a_stopped_replica_hands_over_what_it_has_claimed(shared: EngineWorld) -> None:
    busy = await Busy.open(shared, Limits(live=1))
    await busy.start("second")
    await shared.journal.claim_queued(busy.process.worker.owner, {"trip": 1})
    busy.answer.give()
    closing = asyncio.ensure_future(busy.process.worker.close(1.0))
    await shared.let_pass(2)
    await closing
    await shared.open()
    await shared.let_pass(2)

    assert shared.state("second").status is Status.COMPLETED
