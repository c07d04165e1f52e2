"""Acts on sagas that another replica advances: done there once, whichever replica dies, and answered as there."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ActNoted, ActRefused, JournalUnavailable, OrchestratorError
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act
from orchestrator.journal.entries import RetryRequested, RollbackBegan, SagaResumed, SagaSuspended
from orchestrator.journal.state import Status
from tests.support.engine_world import SAGA, Answer, EngineWorld, for_ever, rejected, trip, turns, unknown, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.journal.state import SagaState
    from tests.support.engine_world import EngineProcess


ACTS = (Act.CANCEL, Act.PAUSE, Act.RESUME, Act.RETRY_NOW)
SITUATIONS = ("running", "backing off", "past its pivot", "compensating", "suspended", "completed", "compensated")
DECISIONS = (RollbackBegan, SagaSuspended, SagaResumed, RetryRequested)


class Two:
    """A saga, the replica that owns it, and another one.

    Attributes:
        answer: an answer for which the saga waits, in some situations.
    """

    def __init__(self, *, is_deaf: bool = False) -> None:
        self.world = EngineWorld(trip, shared=True)
        self.answer = Answer()
        self._is_deaf = is_deaf

    async def open(self, situation: str = "running") -> None:
        self.owner, self.other = await self.world.open(), await self.world.open()
        self.owner.journal.is_deaf = self.other.journal.is_deaf = self._is_deaf
        await self._bring_into(situation)

    async def _bring_into(self, situation: str) -> None:
        scripts, worker = self.world.participants.scripts, self.owner.worker
        match situation:
            case "running":
                scripts["AuthorizePayment"] = [self.answer]
            case "backing off":
                scripts["AuthorizePayment"] = [unknown()]
            case "past its pivot":
                scripts["SendConfirmation"] = [self.answer]
            case "compensating":
                scripts["ArrangeShipment"] = [rejected()]
                scripts["VoidAuthorization"] = [self.answer]
            case "suspended":
                scripts["AuthorizePayment"] = [unknown()]
            case "compensated":
                scripts["ArrangeShipment"] = [rejected()]
        await worker.start(self.world.order())
        if situation in {"running", "past its pivot", "compensating"}:
            await until(lambda: self.answer.asked)
        await turns()
        if situation == "suspended":
            await self.owner.sagas.act(Act.PAUSE, SAGA, "wait", Actor("ada"))

    def ask(self, process: EngineProcess, act: Act, patience: float = 30.0) -> asyncio.Future[SagaState]:
        return asyncio.ensure_future(process.sagas.act(act, SAGA, f"{act.name} it", Actor("bob"), patience=patience))

    async def outcome(self, process: EngineProcess, act: Act) -> object:
        """What the caller is told, and what is decided in the journal."""
        asked = self.ask(process, act)
        await self.world.let_pass(1)
        if self.answer.asked:
            self.answer.give()
        await self.world.let_pass(10)
        try:
            state = await asked
            told: object = (state.rollback is not None, state.status is Status.SUSPENDED)
        except OrchestratorError as error:
            told = (type(error), getattr(error, "reason", ""), str(error))
        reasons = [entry.reason for entry in self.world.entries() if isinstance(entry, DECISIONS)]
        decided = [(reason.code, reason.message, reason.requested_by) for reason in reasons]
        return told, decided, self.world.state().status

    def decided(self, kind: type) -> list[str]:
        """Why decisions of a kind were made."""
        return [e.reason.message for e in self.world.entries() if isinstance(e, DECISIONS) and isinstance(e, kind)]


@pytest.fixture(params=[False, True], ids=["woken", "by polling alone"])
async def two(request: pytest.FixtureRequest) -> AsyncIterator[Two]:
    two = Two(is_deaf=request.param)
    yield two
    two.world.check_promises()
    await two.world.end()


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("act", ACTS, ids=[act.name for act in ACTS])
async def test_an_act_through_another_replica_is_answered_and_done_as_by_the_owner(act: Act, situation: str) -> None:
    outcomes = []
    for through_owner in (True, False):
        two = Two()
        await two.open(situation)
        outcomes.append(await two.outcome(two.owner if through_owner else two.other, act))
        two.world.check_promises()
        await two.world.end()

    assert outcomes[0] == outcomes[1]


async def test_an_act_waits_for_its_owner_no_longer_than_its_patience_and_is_done_later(two: Two) -> None:
    await two.open("running")
    cancel = two.ask(two.other, Act.CANCEL, patience=3.0)
    await two.world.let_pass(4)
    with pytest.raises(ActNoted, match="cancel of saga saga-1 is noted, but not done yet"):
        await cancel
    assert not two.world.state().rollback, "an attempt is in flight"

    two.answer.give()
    await two.world.let_pass(2)
    assert two.world.state().status is Status.COMPENSATED
    assert two.decided(RollbackBegan) == ["CANCEL it"]


async def test_an_act_on_a_saga_whose_owner_is_dead_is_done_after_the_takeover(two: Two) -> None:
    await two.open("running")
    two.owner.kill()
    pause = two.ask(two.other, Act.PAUSE, patience=3.0)
    await two.world.let_pass(4)
    with pytest.raises(ActNoted):
        await pause

    two.world.participants.scripts["AuthorizePayment"] = [unknown()]
    await two.world.let_pass(65, step=1.0)
    assert two.world.state().status is Status.SUSPENDED
    assert two.decided(SagaSuspended) == ["PAUSE it"]
    suspension = two.world.state().suspension
    assert suspension is not None
    assert suspension.requested_by == "bob"


async def test_an_act_outlives_the_replica_that_was_asked(two: Two) -> None:
    await two.open("running")
    cancel = two.ask(two.other, Act.CANCEL)
    await two.world.let_pass(0.25)
    two.other.kill()
    two.answer.give()
    await two.world.let_pass(2)

    assert not cancel.done()
    assert two.world.state().status is Status.COMPENSATED


async def test_an_act_that_was_done_before_its_owner_died_is_not_done_again(two: Two) -> None:
    """The owner dies between the act and its answer; an operator resumes the saga; then the request is found again."""
    await two.open("backing off")
    lost = asyncio.Event()

    async def lose(_request_id: str, _answer: str) -> None:
        lost.set()
        await for_ever()

    two.owner.journal.answer_act = lose  # type: ignore[assignment,method-assign]  # it dies here
    pause = two.ask(two.other, Act.PAUSE)
    await two.world.let_pass(1)
    assert lost.is_set()
    two.owner.kill()
    two.world.participants.scripts["AuthorizePayment"] = [two.answer]
    await two.other.sagas.act(Act.RESUME, SAGA, "go on", Actor("ada"))
    await until(lambda: two.answer.asked)
    await two.world.let_pass(2)

    assert pause.done()
    assert pause.result().status is Status.RUNNING, "as it stands now"
    two.answer.give()
    await two.world.stopped()
    assert two.world.state().status is Status.COMPLETED
    assert two.decided(SagaSuspended) == ["PAUSE it"]


async def test_an_act_on_a_saga_that_ends_before_its_owner_hears_of_it_is_refused(two: Two) -> None:
    await two.open("running")
    two.owner.journal.is_deaf = True
    pause = two.ask(two.other, Act.PAUSE)
    await turns()
    assert not pause.done()
    two.answer.give()
    await two.world.stopped()
    await two.world.let_pass(3)

    with pytest.raises(ActRefused, match="saga saga-1 has ended: completed"):
        await pause


async def test_an_act_is_asked_for_again_while_the_journal_is_away_from_its_owner(two: Two) -> None:
    await two.open("running")
    two.owner.journal.switch("down")
    cancel = two.ask(two.other, Act.CANCEL)
    await two.world.let_pass(2)
    assert not cancel.done()
    two.owner.journal.switch("up")
    await two.world.let_pass(1)
    two.answer.give()
    await two.world.let_pass(3)

    assert (await cancel).rollback


async def test_an_act_that_cannot_be_made_durable_is_not_acknowledged(two: Two) -> None:
    await two.open("running")
    two.other.journal.switch("down")

    with pytest.raises(JournalUnavailable):
        await two.ask(two.other, Act.CANCEL)


async def test_a_cancel_that_meets_the_hand_over_of_its_saga_is_done_by_the_next_owner(two: Two) -> None:
    await two.open("backing off")
    closing = asyncio.ensure_future(two.owner.worker.close(grace=60))
    cancel = two.ask(two.owner, Act.CANCEL)
    await turns()
    await closing
    await two.world.let_pass(4)

    assert (await cancel).rollback
    assert two.decided(RollbackBegan) == ["CANCEL it"]


async def test_many_acts_at_once_are_looked_for_by_one_query(two: Two) -> None:
    await two.open("running")
    looked: list[int] = []
    act_answers = two.other.journal.act_answers

    async def count(request_ids: list[str]) -> object:
        looked.append(len(request_ids))
        return await act_answers(request_ids)

    two.other.journal.act_answers = count  # type: ignore[assignment,method-assign]  # it counts
    asked = [two.ask(two.other, Act.CANCEL) for _ in range(20)]
    await two.world.let_pass(2)
    two.answer.give()
    await two.world.let_pass(2)

    assert all(state.rollback for state in await asyncio.gather(*asked))
    assert max(looked) == 20
    assert len(looked) < 20
    assert two.decided(RollbackBegan) == ["CANCEL it"]


async def test_a_saga_is_resumed_by_a_replica_that_serves_its_version(two: Two) -> None:
    await two.open("suspended")
    newer = await two.world.open(dataclasses.replace(trip, version=2))
    two.world.participants.scripts["AuthorizePayment"] = [two.answer]
    resume = two.ask(newer, Act.RESUME)
    await two.world.let_pass(3)

    assert (await resume).status is Status.RUNNING
    assert SAGA not in newer.worker.live
    assert two.decided(SagaResumed) == ["RESUME it"]
