"""A world for the engine: participants that answer as a test says, a clock that jumps, a journal that can fail.

Always on, whatever a test is about: no effectful command is sent before its intent is durable, and no compensation
before the rollback is; see :meth:`Stage.check_promises`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.definition.saga import saga
from orchestrator.engine.bindings.binding import Bindings
from orchestrator.engine.definitions import ServedSaga, ServedSagas
from orchestrator.engine.replica.replica import Replica
from orchestrator.engine.replica.worker import Worker
from orchestrator.engine.sagas import StartSaga
from orchestrator.errors import JournalUnavailable
from orchestrator.journal.fold import fold
from orchestrator.journal.outcome import Completed, Failure, Rejected, Unknown
from orchestrator.journal.state import ENDED, SagaState, Status
from orchestrator.ports.adapters import Adapters
from orchestrator.store.memory import MemoryJournal
from orchestrator.testing.samples.sampler import Sampler
from shop.analytics.v1.analytics_pb2_grpc import AnalyticsServiceStub  # noqa: TC001 - the signatures of sagas are read
from shop.email.v1.email_pb2 import SendConfirmationRequest
from shop.email.v1.email_pb2_grpc import EmailServiceStub  # noqa: TC001 - as above
from shop.inventory.v1.inventory_pb2 import ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub  # noqa: TC001 - as above
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.payment.v1.payment_pb2 import AuthorizePaymentRequest, CapturePaymentRequest
from shop.payment.v1.payment_pb2_grpc import PaymentServiceStub  # noqa: TC001 - as above
from shop.pricing.v1.pricing_pb2 import PriceOrderRequest
from shop.pricing.v1.pricing_pb2_grpc import PricingServiceStub  # noqa: TC001 - as above
from shop.shipping.v1.shipping_pb2 import ArrangeShipmentRequest
from shop.shipping.v1.shipping_pb2_grpc import ShippingServiceStub  # noqa: TC001 - as above

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from google.protobuf.message import Message

    from orchestrator.contract.command import Command
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Outcome
    from orchestrator.ports.journal import Append, Journal

    Definition = SagaDefinition[Any, Any, Any]

SAGA = "saga-1"
ORDER = StartOrderRequest(customer_id="ada")


def rejected(code: str = "FAILED_PRECONDITION", reason: str = "NO", *, echoed: bool = False) -> Rejected:
    return Rejected(Failure(StatusCode[code], "no", reason), echoed=echoed)


NOT_SEEN = rejected("NOT_FOUND", "COMMAND_NOT_SEEN", echoed=True)


def unknown(code: str = "DEADLINE_EXCEEDED", retry_after: float = 0.0) -> Unknown:
    return Unknown(Failure(StatusCode[code], "no answer"), retry_after)


class Call(NamedTuple):
    """One attempt, as a participant saw it."""

    method: str
    metadata: dict[str, str]
    request: bytes

    @property
    def key(self) -> str:
        return self.metadata["idempotency-key"]


class Answer:
    """An answer for which the caller waits until the test gives it.

    Attributes:
        asked: how many attempts wait, or have waited, for it.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._outcome: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> Outcome | None:
        self.asked += 1
        return await asyncio.shield(self._outcome)

    def give(self, outcome: Outcome | None = None) -> None:
        self._outcome.set_result(outcome)


@functools.cache
def sample(kind: type[Message]) -> Message:
    """A message that keeps its contract."""
    return Sampler("stage").message(kind)


class Participants:
    """Participants that complete every command, unless a test says otherwise.

    Attributes:
        calls: every attempt, in order.
        timeouts: per method, that of its latest attempt, in seconds.
        scripts: per method, what its next attempts come to; an async function is awaited for it.
        replies: per method, the message that a completed command answers with.
        on_call: sees every attempt before it is answered.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.timeouts: dict[str, float] = {}
        self.scripts: dict[str, list[Any]] = defaultdict(list)
        self.replies: dict[str, Any] = {}
        self.on_call: Callable[[Command, Call], None] = lambda _command, _call: None

    async def answer(self, command: Command, call: Call) -> Outcome:
        self.calls.append(call)
        self.on_call(command, call)
        script = self.scripts[command.method]
        step = script.pop(0) if script else None
        await asyncio.sleep(0)
        if callable(step):
            step = await step()
        reply = self.replies.get(command.method) or sample(command.response)
        return step or Completed(reply.SerializeToString())

    def methods(self) -> list[str]:
        return [call.method for call in self.calls]

    def of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]


class JumpingClock:
    """Nobody waits: a short sleep moves the time on; a long one (heartbeats, waits) lasts until the test says so."""

    def __init__(self) -> None:
        self.time = 1_700_000_000_000_000_000
        self.slept: list[float] = []
        self.hold_from = 10.0  # more than any pause between attempts
        self._held: list[tuple[int, asyncio.Future[None]]] = []

    def now(self) -> int:
        self.time += 1000
        return self.time

    async def sleep(self, seconds: float) -> None:
        due = self.time + int(seconds * 1e9)
        if seconds >= self.hold_from:
            self._held.append((due, asyncio.get_running_loop().create_future()))
            await self._held[-1][1]
            return
        self.slept.append(seconds)
        self.time = max(self.time, due)
        await asyncio.sleep(0)

    def call_after(self, seconds: float, callback: Callable[[], None]) -> asyncio.Task[None]:
        async def wait() -> None:
            await self.sleep(seconds)
            callback()

        return asyncio.ensure_future(wait())

    def is_held(self) -> bool:
        return any(not ended.done() for _, ended in self._held)

    def advance(self, seconds: float) -> None:
        """Let time pass, and long sleeps end."""
        self.time += int(seconds * 1e9)
        for due, ended in self._held:
            if due <= self.time and not ended.done():
                ended.set_result(None)


class Line:
    """The line of one process to the world: its journal and its participants. Appends take a turn of the loop.

    Attributes:
        journal_is: ``up``; ``down``: it refuses everything; ``held``: appends wait until it is up again.
        dead: the process was killed: it neither writes nor sends any more, and learns nothing.
        cut_after: die as soon as the journal would hold more entries than this; those that fit are written.
        loses_acknowledgement: die, too, when it holds exactly that many.
    """

    def __init__(self, journal: MemoryJournal, participants: Participants) -> None:
        self._journal = journal
        self._participants = participants
        self._held: list[Callable[[], None]] = []
        self.journal_is: Literal["up", "down", "held"] = "up"
        self.dead = False
        self.cut_after: int | None = None
        self.loses_acknowledgement = False

    def append(self, append: Append) -> asyncio.Future[None]:
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def write() -> None:
            if self.dead or written.cancelled():
                return
            if self.journal_is == "down":
                written.set_exception(JournalUnavailable("the disk is full"))
            elif self.journal_is == "held":
                self._held.append(write)
            else:
                self._write(append, written)

        asyncio.get_running_loop().call_soon(write)
        return written

    def _write(self, append: Append, written: asyncio.Future[None]) -> None:
        total = append.expected_sequence + len(append.entries)
        if self.cut_after is not None and total > self.cut_after:
            self.dead = True
            self._write_beginning(append, append.entries[: self.cut_after - append.expected_sequence])
            return
        done = self._journal.append(append)
        self.dead = self.loses_acknowledgement and total == self.cut_after
        if self.dead:
            return
        if error := done.exception():
            written.set_exception(error)
        else:
            written.set_result(None)

    def _write_beginning(self, append: Append, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        kept = self._journal._sagas.get(append.saga_id)
        state = fold(append.saga_id, [*(kept.entries if kept else []), *entries])
        assert state.status is not None
        self._journal.append(append._replace(entries=entries, status=state.status, ended_at=state.ended_at)).result()

    def up(self) -> None:
        self.journal_is = "up"
        for write in self._held:
            write()
        self._held.clear()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any other method of the journal
        asked = getattr(self._journal, name)

        async def ask(*arguments: object) -> object:
            if self.dead:
                await for_ever()
            if self.journal_is == "down":
                raise JournalUnavailable("the disk is full")
            return await asked(*arguments)

        return ask

    async def is_serving(self, _service: str) -> bool:
        return True

    def caller(self, command: Command) -> Callable[..., Awaitable[Outcome]]:
        async def call(request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float) -> Outcome:  # noqa: ASYNC109
            if self.dead:
                await for_ever()
            self._participants.timeouts[command.method] = timeout
            outcome = await self._participants.answer(command, Call(command.method, dict(metadata), request))
            if self.dead:
                await for_ever()
            return outcome

        return call


class Witness:
    """An observer that remembers.

    Attributes:
        entries: what it was told to be durable, in order, per saga.
    """

    def __init__(self) -> None:
        self.entries: dict[str, list[Entry]] = defaultdict(list)

    def samples(self, saga_id: str, traceparent: str) -> bool:
        return bool(saga_id) or bool(traceparent)

    def journalled(self, saga_id: str, entries: Sequence[Entry]) -> None:
        self.entries[saga_id] += entries

    def recovered(self, saga_id: str, entries: Sequence[Entry], *, told: bool = False) -> None:  # noqa: ARG002 - the port's
        assert entries, saga_id


class Process:
    """One replica, which a test can kill.

    Attributes:
        worker: what it runs.
        operations: what can be done to its sagas.
        line: its line to the world.
    """

    def __init__(self, worker: Worker, line: Line) -> None:
        self.worker = worker
        self.sagas = Replica(worker)
        self.acts = self.sagas.acts
        self.line = line

    async def run(self, message: Any = ORDER, saga_id: str = SAGA) -> SagaState:  # noqa: ANN401 - any message
        """Start a saga and wait until it has ended or is suspended."""
        (served,) = {saga.definition.name: saga for saga in self.worker.served}.values()
        return await self.worker.start(order_of(served.definition, message, saga_id), wait=1e6)

    def kill(self) -> None:
        self.line.dead = True


class Stage:
    """A journal, participants, and as many processes, at once or one after another, as a test needs."""

    def __init__(self, *definitions: Definition) -> None:
        self.definitions = definitions
        self.journal = MemoryJournal()
        self.participants = Participants()
        self.participants.on_call = self._note_call
        self.clock = JumpingClock()
        self.witness = Witness()
        self.processes: list[Process] = []
        self.broken_promises: list[str] = []
        self._owners = itertools.count(1)

    def process(self, *definitions: Definition) -> Process:
        """A new replica; of other code than the stage's, if given."""
        definitions = definitions or self.definitions
        line = Line(self.journal, self.participants)
        journal: Journal = line  # type: ignore[assignment]  # it answers for the rest through __getattr__
        adapters = Adapters(journal, line, self.witness, self.clock, lambda: 0.5)
        bindings = Bindings([definition.participants for definition in definitions], line, self.clock)
        served = ServedSagas(ServedSaga.over(d, None, bindings) for d in definitions)  # type: ignore[arg-type]
        process = Process(Worker(served, bindings, adapters, owner=f"replica-{next(self._owners)}", lease=60.0), line)
        self.processes.append(process)
        return process

    def worker(self) -> Worker:
        """The worker of a new replica."""
        return self.process().worker

    def order(self, message: Any = ORDER, saga_id: str = SAGA) -> StartSaga:  # noqa: ANN401 - any message
        """What starts a saga of the stage's first definition."""
        return order_of(self.definitions[0], message, saga_id)

    async def open(self, *definitions: Definition) -> Process:
        """A new replica that has recovered what nobody advances."""
        process = self.process(*definitions)
        await process.worker.open()
        return process

    async def recover(self, *definitions: Definition) -> Process:
        """Kill whoever runs, and open a new replica."""
        self.crash()
        return await self.open(*definitions)

    def crash(self) -> None:
        """Whoever runs is killed; its leases lapse."""
        for process in self.processes:
            process.kill()
        self.journal._alive_until.clear()

    def entries(self, saga_id: str = SAGA) -> list[Entry]:
        """What is durable."""
        kept = self.journal._sagas.get(saga_id)
        return list(kept.entries) if kept else []

    def state(self, saga_id: str = SAGA) -> SagaState:
        """The state to which the durable entries lead."""
        return fold(saga_id, self.entries(saga_id))

    async def stopped(self, saga_id: str = SAGA) -> SagaState:
        """The saga once it has durably ended or is suspended."""
        await until(lambda: self.state(saga_id).status in {*ENDED, Status.SUSPENDED})
        return self.state(saga_id)

    async def strike(self) -> None:
        """The play is over: nothing of it goes on."""
        self.crash()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    def _note_call(self, command: Command, call: Call) -> None:
        """Hold every attempt against what must be durable before it."""
        saga_id = call.metadata["saga-id"]
        key = call.key.removeprefix(f"{saga_id}/")
        state = self.state(saga_id)
        if "compensates" in call.metadata:
            of = call.metadata["compensates"].removeprefix(f"{saga_id}/")
            if not state.rollback and (of not in state.commands or state.commands[of].compensation is None):
                self.broken_promises.append(f"{call.key} was sent before the rollback was durable")
        elif command.effect is not Effect.QUERY and key not in state.commands:
            self.broken_promises.append(f"{call.key} was sent before its intent was durable")

    def check_promises(self) -> None:
        """No attempt was sent too early, and the observer was told what is durable, in order, once."""
        assert not self.broken_promises
        for saga_id in self.journal._sagas:
            for entry in self.entries(saga_id):
                assert getattr(entry, "attempt", 1) >= 1, entry
                assert 0 < getattr(entry, "started_at", 1) <= entry.at, entry
        for saga_id, seen in self.witness.entries.items():
            durable = Counter(self.entries(saga_id))
            assert not Counter(seen) - durable, "the observer was told of what is not durable, or twice"


def order_of(definition: Definition, message: Any = ORDER, saga_id: str = SAGA) -> StartSaga:  # noqa: ANN401
    data = message.SerializeToString()
    return StartSaga(saga_id, definition.name, definition.version, data, data)


def altered(definition: Definition, method: str, **changes: object) -> Definition:
    """The definition, with another contract for one method of its participants."""
    participants = tuple(
        dataclasses.replace(
            participant,
            commands={
                name: dataclasses.replace(command, **changes) if name == method else command  # type: ignore[arg-type]
                for name, command in participant.commands.items()
            },
        )
        for participant in definition.participants
    )
    return dataclasses.replace(definition, participants=participants)


async def until(condition: Callable[[], object], most: int = 10_000) -> None:
    """Give the loop turns until the condition holds."""
    for _ in range(most):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def turns(number: int = 100) -> None:
    """Give everybody time to do what they should not."""
    for _ in range(number):
        await asyncio.sleep(0)


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


@dataclass(frozen=True)
class Shop:
    """The participants of the sagas below."""

    inventory: InventoryServiceStub
    pricing: PricingServiceStub
    payment: PaymentServiceStub
    shipping: ShippingServiceStub
    email: EmailServiceStub
    analytics: AnalyticsServiceStub


RESERVE, AUTHORIZE, ARRANGE = (
    ReserveStockRequest(order_id=SAGA),
    AuthorizePaymentRequest(order_id=SAGA),
    (ArrangeShipmentRequest(order_id=SAGA)),
)
PRICE, CAPTURE, CONFIRM = (
    PriceOrderRequest(),
    CapturePaymentRequest(order_id=SAGA),
    (SendConfirmationRequest(order_id=SAGA)),
)


@saga("trip", version=1)
async def trip(order: StartOrderRequest, shop: Shop) -> Receipt:
    """A query, three compensable commands, the pivot, and one that only goes forward."""
    price = await shop.pricing.PriceOrder(PRICE)
    await shop.inventory.ReserveStock(RESERVE)
    await shop.payment.AuthorizePayment(AUTHORIZE)
    parcel = await shop.shipping.ArrangeShipment(ARRANGE)
    await shop.payment.CapturePayment(CAPTURE)
    await shop.email.SendConfirmation(CONFIRM)
    return Receipt(order_id=order.customer_id, total=price.total, carrier=parcel.shipment.carrier)


FORWARD = [
    "PriceOrder",
    "ReserveStock",
    "AuthorizePayment",
    "ArrangeShipment",
    "CapturePayment",
    "SendConfirmation",
]
BACKWARD = ["CancelShipment", "VoidAuthorization", "ReleaseStock"]
