"""A watch of one saga goes on from where it was, and shows what a read from the first event would show."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from orchestrator import saga, saga_id, scope, signal
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.finding.history import read_history
from orchestrator.engine.temporal.opening import WorkerOptions
from orchestrator.journal.acts import Act
from orchestrator.journal.fold import fold
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.answers import ADA, BUSY_FOR_LONG, note
from orchestrator.testing.conformance.engines.sagas import MANY, RECODED, Shop, long, parcel, sleepy, trip
from orchestrator.testing.world.participants import ScriptedParticipants
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import CapturePaymentRequest
from tests.integration.temporal.test_from_outside import acts_heard_of, served, was_sent
from tests.support.fetched_histories import Fetching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from temporalio.client import WorkflowHistoryEventAsyncIterator

    from orchestrator.engine.sagas import Waiting
    from orchestrator.journal.entries import Entry
    from orchestrator.testing.conformance.engines.harness import Stage
    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Cannot find activity to cancel"),
]

SHORT_RUNS: Final = WorkerOptions(most_events=20, grace=0.0)


@saga("eventful", version=1)
async def eventful(order: StartOrderRequest, shop: Shop) -> Receipt:
    """Commands, a note, more commands, and another note."""

    async def reserve(name: str) -> None:
        with scope(name):
            await shop.inventory.ReserveStock(ReserveStockRequest(order_id=saga_id()))

    for number in range(4):
        await reserve(f"before-{number}")
    await signal("note", StringValue, timeout=timedelta(minutes=5))
    for number in range(4):
        await reserve(f"after-{number}")
    await signal("note", StringValue, timeout=timedelta(minutes=5))
    await shop.payment.CapturePayment(CapturePaymentRequest(order_id=saga_id()))
    return Receipt(order_id=order.customer_id)


class Seen(NamedTuple):
    """What a watch has shown, and what a read has shown then.

    Attributes:
        state: all of it, as it was then.
        waiting: what the saga waited for.
        entries: the journal, read just after.
    """

    state: Any
    waiting: list[Waiting]
    entries: list[Entry]


def whole(value: Any) -> Any:  # noqa: ANN401 - whatever a state holds
    """All that a state holds, as values that can be compared."""
    if isinstance(value, dict):
        return [(key, whole(each)) for key, each in value.items()]
    if isinstance(value, list | tuple):
        return [whole(each) for each in value]
    if isinstance(value, Enum) or not type(value).__module__.startswith("orchestrator.journal."):
        return value
    names = getattr(value, "__slots__", None) or vars(value)
    return {name: whole(getattr(value, name)) for name in names}


class Watch:
    """Watches one saga with a process that does not serve it, and so cannot ask its workflow.

    Attributes:
        seen: what was shown.
        ended: the watch has ended.
    """

    def __init__(self, client: Client, watcher: Stage, name: str) -> None:
        self._client, self._watcher, self._name = client, watcher, name
        self.seen: list[Seen] = []
        self._has_shown = asyncio.Event()
        self.ended = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        try:
            async for state in self._watcher.sagas.watch(self._name):
                shown, waiting = whole(state), self._watcher.sagas.waiting(state)
                entries = (await read_history(self._client, self._name)).entries
                self.seen.append(Seen(shown, waiting, entries))
                self._has_shown.set()
        finally:
            self._has_shown.set()

    async def until(self, shows: Callable[[Seen], bool]) -> None:
        """Wait until the latest that it has shown is like that."""
        while not self.seen or not shows(self.seen[-1]):
            assert not self.ended.done(), "it has ended before"
            self._has_shown.clear()
            await self._has_shown.wait()


@asynccontextmanager
async def watched(client: Client, fetching: Fetching, name: str) -> AsyncIterator[Watch]:
    """A watch of a saga by another process."""
    target = client.service_client.config.target_host
    other = await Client.connect(target, namespace=client.namespace, interceptors=[fetching])
    async with served(other, ScriptedParticipants(), parcel) as watcher:
        watch = Watch(client, watcher, name)
        try:
            yield watch
        finally:
            watch.ended.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch.ended


@pytest.fixture
async def client(temporal_namespaces: Namespaces) -> Client:
    return await connect(temporal_namespaces.take())


@pytest.fixture
def fetching() -> Fetching:
    return Fetching()


async def waits(stage: Stage, name: str) -> bool:
    return bool(stage.sagas.waiting(await stage.sagas.get(name)))


async def shows_what_is_read(watch: Watch, stage: Stage, name: str) -> None:
    """A saga that stands still is shown as it is read."""
    state = await stage.sagas.get(name)
    read = whole(state), stage.sagas.waiting(state)
    await watch.until(lambda seen: (seen.state, seen.waiting) == read)


async def test_a_watch_shows_at_each_change_what_a_read_shows_through_acts_and_new_runs(
    client: Client, fetching: Fetching
) -> None:
    async with served(client, ScriptedParticipants(), eventful, options=SHORT_RUNS) as stage:
        first = stage.hold("ReserveStock")
        stage.participants.scripts["ReserveStock"].append(BUSY_FOR_LONG)
        await stage.start(eventful, "saga-1")
        async with watched(client, fetching, "saga-1") as watch:
            await first.asked.wait()
            await shows_what_is_read(watch, stage, "saga-1")
            pausing = asyncio.ensure_future(stage.sagas.act(Act.PAUSE, "saga-1", "wait", ADA))
            await stage.eventually(lambda: acts_heard_of(client, "saga-1"))
            first.give()
            await pausing
            await shows_what_is_read(watch, stage, "saga-1")

            await stage.sagas.act(Act.RESUME, "saga-1", "go on", ADA)
            await stage.eventually(lambda: waits(stage, "saga-1"))
            await shows_what_is_read(watch, stage, "saga-1")
            await stage.sagas.act(Act.RETRY_NOW, "saga-1", "it may work now", ADA)
            await stage.comes_to("saga-1", Status.WAITING)
            await shows_what_is_read(watch, stage, "saga-1")

            held = [stage.hold("ReserveStock") for _ in range(4)]
            await stage.sagas.signal("saga-1", note("so it is", "signal-1"))
            for each in held:
                await each.asked.wait()
                await shows_what_is_read(watch, stage, "saga-1")
                each.give()
            await stage.comes_to("saga-1", Status.WAITING)
            await stage.sagas.act(Act.CANCEL, "saga-1", "rather not", ADA)
            await watch.ended
            await shows_what_is_read(watch, stage, "saga-1")

    runs = fetching.given_first()
    assert len(runs) > 2, "it has gone on in new runs"
    assert runs == [1] * len(runs)
    statuses = [seen.state["status"] for seen in watch.seen]
    assert {Status.RUNNING, Status.SUSPENDED, Status.WAITING} < set(statuses)
    assert statuses[-1] is Status.COMPENSATED
    for state, _, entries in watch.seen:
        reads = [whole(fold("saga-1", entries[:number])) for number in range(1, len(entries) + 1)]
        assert state in reads, "no read has ever shown that"


def has_commands(number: int, seen: Seen) -> bool:
    return len(seen.state["commands"]) == number


async def test_a_watch_is_given_each_event_once_or_twice_however_many_changes_it_shows(
    client: Client, fetching: Fetching
) -> None:
    async with served(client, ScriptedParticipants(), long) as stage:
        held = [stage.hold("ReserveStock") for _ in range(MANY)]
        await stage.start(long, "saga-1")
        async with watched(client, fetching, "saga-1") as watch:
            for number, answer in enumerate(held, 1):
                await answer.asked.wait()
                await watch.until(partial(has_commands, number))
                answer.give()
            await watch.ended

    history = await client.get_workflow_handle("saga-1").fetch_history()
    assert len(watch.seen) > MANY
    assert len(history.events) > 4 * MANY
    assert max(fetching.events.values()) <= 2
    assert fetching.given_first() == [1]
    assert watch.seen[-1].state == whole(fold("saga-1", watch.seen[-1].entries))


async def test_a_watch_of_a_terminated_saga_shows_who_and_why_and_the_run_that_follows(
    client: Client, fetching: Fetching
) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        answer = stage.hold("AuthorizePayment")
        await stage.start(trip, "saga-1")
        async with watched(client, fetching, "saga-1") as watch:
            await answer.asked.wait()
            await client.get_workflow_handle("saga-1").terminate(reason="somebody was in a hurry")
            await shows_what_is_read(watch, stage, "saga-1")
            suspended = watch.seen[-1].state["status"]

            answer.give()
            await stage.sagas.act(Act.RESUME, "saga-1", "that was a mistake", ADA)
            await watch.ended
            await shows_what_is_read(watch, stage, "saga-1")

    assert (suspended, watch.seen[-1].state["status"]) == (Status.SUSPENDED, Status.COMPLETED)
    assert fetching.given_first() == [1, 1]


async def test_a_watch_of_a_saga_whose_code_has_diverged_shows_both_sides_and_its_rollback(
    client: Client, fetching: Fetching
) -> None:
    participants = ScriptedParticipants()
    async with served(client, participants, sleepy) as stage:
        await stage.start(sleepy, "saga-1")
        await stage.eventually(lambda: was_sent(participants, "ReserveStock"))
    recoded = next(each for each in RECODED if each.name == "sleepy")
    async with served(client, participants, recoded) as stage, watched(client, fetching, "saga-1") as watch:
        await stage.comes_to("saga-1", Status.SUSPENDED)
        await shows_what_is_read(watch, stage, "saga-1")
        await stage.sagas.act(Act.CANCEL, "saga-1", "its code is gone", ADA)
        await watch.ended
        await shows_what_is_read(watch, stage, "saga-1")

    assert watch.seen[-1].state["status"] is Status.COMPENSATED


def at_no_place(pages: WorkflowHistoryEventAsyncIterator) -> None:
    pages._next_page_token = b"no place that this server has ever named"


def cut_off(_: WorkflowHistoryEventAsyncIterator) -> None:
    raise RPCError("the connection is gone", RPCStatusCode.UNAVAILABLE, b"")


@pytest.mark.parametrize(("goes_wrong", "times"), [(at_no_place, 2), (cut_off, 1)])
async def test_a_watch_goes_on_where_the_server_does_not_know_its_place_any_more_or_was_away(
    client: Client, fetching: Fetching, goes_wrong: Callable[[WorkflowHistoryEventAsyncIterator], None], times: int
) -> None:
    async with served(client, ScriptedParticipants(), trip) as stage:
        answer, last = stage.hold("AuthorizePayment"), stage.hold("CapturePayment")
        await stage.start(trip, "saga-1")
        async with watched(client, fetching, "saga-1") as watch:
            await answer.asked.wait()
            await shows_what_is_read(watch, stage, "saga-1")
            fetching.goes_wrong = goes_wrong
            answer.give()
            await last.asked.wait()
            await shows_what_is_read(watch, stage, "saga-1")
            assert fetching.goes_wrong is None
            last.give()
            await watch.ended
            await shows_what_is_read(watch, stage, "saga-1")

    assert fetching.given_first() == [times]
    assert watch.seen[-1].state["status"] is Status.COMPLETED
