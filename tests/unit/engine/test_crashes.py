"""A process that dies anywhere loses nothing: the journal is cut after every single entry, and the saga recovered.

The first life ends when the journal would hold one entry more than it may; the next one recovers the saga, with
participants that remember what was done. Whatever the cut, the end is the one that the saga would have had.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator import CommandRejected, CommandUnknown, SagaRejected, best_effort, saga, scope
from orchestrator.engine.run import failpoints
from orchestrator.journal.entries import CommandCompleted, CommandRefused, CompensationCompleted
from orchestrator.journal.fold import fold
from orchestrator.journal.state import Status
from shop.analytics.v1.analytics_pb2 import RecordOrderRequest
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.support.engine_world import (
    ARRANGE,
    AUTHORIZE,
    CAPTURE,
    CONFIRM,
    PRICE,
    RESERVE,
    SAGA,
    EngineProcess,
    EngineWorld,
    Shop,
    order_of,
    trip,
    turns,
    until,
)  # fmt: skip
from tests.unit.engine.guarded_participants import GuardedParticipants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.journal.entries import Entry
    from tests.support.engine_world import Definition


@saga("spread", version=1)
async def spread(_order: StartOrderRequest, shop: Shop) -> Receipt:
    """Branches side by side, scopes, a TaskGroup, and something that the saga can do without."""

    async def pack(name: str) -> None:
        with scope(name):
            await shop.inventory.ReserveStock(ReserveStockRequest(order_id=name))
            await shop.pricing.PriceOrder(PRICE)
            await shop.inventory.ReserveStock(ReserveStockRequest(order_id=f"{name} again"))

    async with asyncio.TaskGroup() as group:
        group.create_task(pack("item-1"))
        group.create_task(pack("item-2"))
    await asyncio.gather(shop.payment.AuthorizePayment(AUTHORIZE), shop.shipping.ArrangeShipment(ARRANGE))
    await shop.payment.CapturePayment(CAPTURE)
    await asyncio.gather(
        shop.email.SendConfirmation(CONFIRM), best_effort(shop.analytics.RecordOrder(RecordOrderRequest()))
    )
    return Receipt()


@saga("second_thoughts", version=1)
async def second_thoughts(_order: StartOrderRequest, shop: Shop) -> Receipt:
    """Catches a rejection, goes on, and gives up in the end."""
    await shop.inventory.ReserveStock(RESERVE)
    try:
        await shop.payment.AuthorizePayment(AUTHORIZE)
    except CommandRejected:
        await shop.shipping.ArrangeShipment(ARRANGE)
    raise SagaRejected("CHANGED_MY_MIND", "no, rather not")


@saga("detour", version=1)
async def detour(_order: StartOrderRequest, shop: Shop) -> Receipt:
    """Goes on without what it may never know of, and completes."""
    await shop.inventory.ReserveStock(RESERVE)
    with contextlib.suppress(CommandUnknown):
        await shop.payment.AuthorizePayment(AUTHORIZE)
    await shop.shipping.ArrangeShipment(ARRANGE)
    await shop.payment.CapturePayment(CAPTURE)
    await shop.email.SendConfirmation(CONFIRM)
    return Receipt()


class Story(NamedTuple):
    """A saga, what its participants make of it, and where it ends."""

    definition: Definition
    end: Status
    refuses: frozenset[str] = frozenset()
    loses: tuple[str, ...] = ()
    fronts: tuple[str, ...] = ()


STORIES = {
    "goes through": Story(trip, Status.COMPLETED),
    "goes through, branch by branch": Story(spread, Status.COMPLETED),
    "refused by the third": Story(trip, Status.COMPENSATED, frozenset({"ArrangeShipment"})),
    "refused at the pivot": Story(trip, Status.COMPENSATED, frozenset({"CapturePayment"})),
    "refused in one of two branches": Story(spread, Status.COMPENSATED, frozenset({"ArrangeShipment"})),
    "gives up by itself": Story(second_thoughts, Status.COMPENSATED, frozenset({"AuthorizePayment"})),
    "goes through although answers are lost": Story(
        trip, Status.COMPLETED, loses=("ReserveStock", "CapturePayment", "CapturePayment", "SendConfirmation")
    ),
    "goes back although answers are lost": Story(
        trip,
        Status.COMPENSATED,
        frozenset({"CapturePayment"}),
        ("ReserveStock", "ArrangeShipment", "ReleaseStock", "ReleaseStock", "CancelShipment"),
    ),
    "goes back because somebody else refuses after doubt": Story(
        trip, Status.COMPENSATED, loses=("AuthorizePayment",), fronts=("AuthorizePayment",) * 99
    ),
    "goes through although somebody else refuses after doubt": Story(
        trip,
        Status.COMPLETED,
        loses=("CapturePayment", "SendConfirmation"),
        fronts=("CapturePayment", "SendConfirmation", "SendConfirmation"),
    ),
    "goes on without what somebody else refuses after doubt": Story(
        detour, Status.COMPLETED, loses=("AuthorizePayment",), fronts=("AuthorizePayment",) * 99
    ),
    "goes on without what it can do without": Story(spread, Status.COMPLETED, frozenset({"RecordOrder"})),
}
stories = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())


class Play:
    """A story, on a world of its own."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.world = EngineWorld(story.definition)
        self.ledger = GuardedParticipants()
        self.ledger.on_call = self.world._note_call
        self.ledger.refuses |= story.refuses
        self.ledger.loses.update(story.loses)
        self.ledger.fronts.update(story.fronts)
        self.world.participants = self.ledger

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.world.end()

    async def first_life(self, cut_after: int | None = None, *, loses_acknowledgement: bool = False) -> EngineProcess:
        """Start the saga, and let it come as far as the journal lets it."""
        process = self.world.process()
        process.journal.cut_after = cut_after
        process.journal.loses_acknowledgement = loses_acknowledgement
        await self.live(process)
        return process

    async def live(self, process: EngineProcess) -> None:
        """Until the process is dead, or the saga ended."""
        started = asyncio.ensure_future(process.worker.start(order_of(self.story.definition)))
        await until(lambda: process.is_dead or self.has_ended())
        await turns()  # whatever a dead process might still do
        started.cancel()

    async def next_life(self, cut_after: int | None = None) -> EngineProcess:
        self.world.crash()
        process = self.world.process()
        process.journal.cut_after = cut_after
        opened = asyncio.ensure_future(process.worker.open())
        await until(lambda: process.is_dead or self.has_ended())
        await turns()
        opened.cancel()
        return process

    def has_ended(self) -> bool:
        return self.world.state().status in (None, Status.COMPLETED, Status.COMPENSATED, Status.SUSPENDED) and bool(
            self.world.entries()
        )

    def check_end(self) -> None:
        """The saga has ended as its story does, and every effect is accounted for, once."""
        self.world.check_promises()
        state = self.world.state()
        assert state.status is self.story.end
        assert set(self.ledger.applied.values()) <= {1}
        intents = [f"{SAGA}/{command.key}" for command in state.commands.values()]
        if self.story.end is Status.COMPENSATED:
            assert self.ledger.standing == []
            begun = [key for key in reversed(intents) if key in self.ledger.compensated]
            assert self.ledger.compensated == begun, "in reverse order of start"
        else:
            abandoned = {f"{SAGA}/{c.key}" for c in state.commands.values() if c.compensation is not None}
            assert set(self.ledger.compensated) == abandoned
            completed = [f"{SAGA}/{command.key}" for command in state.commands.values() if command.reply is not None]
            assert set(self.ledger.standing) <= set(completed)
            sent = [call.key for call in self.ledger.calls if "compensates" not in call.metadata]
            assert set(sent) == set(intents)


@pytest.fixture
def lengths() -> Callable[[Story], Any]:
    async def entries_of(story: Story) -> list[Entry]:
        async with Play(story) as play:
            await play.first_life()
            play.check_end()
            return play.world.entries()

    return entries_of


@stories
@pytest.mark.parametrize("loses_acknowledgement", [False, True], ids=["acknowledged", "unacknowledged"])
async def test_a_saga_cut_after_any_entry_ends_as_it_would_have(
    story: Story, lengths: Callable[[Story], Any], *, loses_acknowledgement: bool
) -> None:
    whole = await lengths(story)
    assert len(whole) > 6
    for cut in range(1, len(whole)):
        async with Play(story) as play:
            first = await play.first_life(cut, loses_acknowledgement=loses_acknowledgement)
            kept = play.world.entries()
            assert first.is_dead
            assert len(kept) == cut

            sent_before = len(play.ledger.calls)
            await play.next_life()
            play.check_end()
            assert silent_about(kept).isdisjoint(call.key for call in play.ledger.calls[sent_before:]), (
                f"cut after {cut}"
            )


def silent_about(entries: list[Entry]) -> set[str]:
    """The keys of what recovery must not send, because its result is journalled."""
    settled = {f"{SAGA}/{entry.key}" for entry in entries if isinstance(entry, (CommandCompleted, CommandRefused))}
    return settled | {
        f"{SAGA}/compensation:{entry.key}" for entry in entries if isinstance(entry, CompensationCompleted)
    }


async def test_a_saga_whose_start_never_became_durable_has_no_effect() -> None:
    async with Play(STORIES["goes through"]) as play:
        await play.first_life(0)

        assert play.world.entries() == []
        assert not play.ledger.applied


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.sampled_from([*STORIES.values()]), cuts=st.lists(st.integers(1, 6), max_size=12))
def test_a_saga_that_dies_again_and_again_ends_as_it_would_have(story: Story, cuts: list[int]) -> None:
    async def lives() -> None:
        async with Play(story) as play:
            await play.first_life(1)
            for cut in cuts:
                await play.next_life(len(play.world.entries()) + cut)
            await play.next_life()
            play.check_end()

    asyncio.run(lives())


@stories
@pytest.mark.parametrize("failpoint", failpoints.NAMES)
async def test_a_saga_is_recovered_from_a_kill_at_any_failpoint(story: Story, failpoint: str) -> None:
    reached = 0
    for number in range(1, 100):
        async with Play(story) as play:
            counter = iter(range(1, 1000))
            process = play.world.process()

            def kill(
                _key: str, *, number: int = number, process: EngineProcess = process, counter: Iterator[int] = counter
            ) -> None:
                if next(counter) == number:
                    process.kill()

            failpoints.arm(failpoint, kill)
            await play.live(process)
            failpoints.disarm_all()
            if not process.is_dead:
                break
            if not play.world.entries():
                continue  # its start was never acknowledged
            reached += 1
            await play.next_life()
            play.check_end()
    goes_back = story.end is Status.COMPENSATED
    assert reached or (failpoint in {"rollback_began", "compensated"} and not goes_back)


@stories
async def test_every_prefix_of_a_journal_is_a_legal_story(story: Story, lengths: Callable[[Story], Any]) -> None:
    whole = await lengths(story)
    for length in range(1, len(whole) + 1):
        state = fold(SAGA, whole[:length])
        assert (state.status in {Status.COMPLETED, Status.COMPENSATED}) == (length == len(whole))
