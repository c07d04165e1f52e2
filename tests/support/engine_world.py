"""A world for the engine: participants that answer as a test says, a clock that jumps, a journal that can fail.

In every test: no effectful command is sent before its intent is durable, and no compensation
before the rollback is; see :meth:`EngineWorld.check_promises`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from orchestrator.analysis.plan.reader import read_plan
from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.definition.saga import saga
from orchestrator.engine.replica.assemble import assemble
from orchestrator.engine.replica.capacity.limits import Limits
from orchestrator.engine.run.commands.command_execution import NOT_SENT
from orchestrator.engine.run.sending.queued_attempts import REST_AFTER_SECONDS
from orchestrator.engine.sagas import StartSaga
from orchestrator.journal.entries import CommandRefused, EventPublished
from orchestrator.journal.fold import fold
from orchestrator.journal.four_eyes import ONE_PERSON
from orchestrator.journal.outbox import outbox_of
from orchestrator.journal.outcome import Failure, Rejected, Unknown
from orchestrator.journal.state import ENDED, SagaState, Status
from orchestrator.ports.adapters import Adapters
from orchestrator.store.memory import MemoryJournal, MemoryState
from orchestrator.testing.world.clock import JumpingClock
from orchestrator.testing.world.network import NetworkConnection
from orchestrator.testing.world.observer import RecordingObserver
from orchestrator.testing.world.participants import ScriptedParticipants
from orchestrator.testing.world.queue import QueueConnection, VirtualQueue
from orchestrator.testing.world.switched_journal import SwitchedJournal
from orchestrator.testing.world.virtual_loop import Process
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

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.contract.command import Command
    from orchestrator.definition.participants import Participant
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.events import OutboxEvent
    from orchestrator.journal.four_eyes import FourEyes
    from orchestrator.journal.outcome import Outcome
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.observer import Observer
    from orchestrator.testing.world.network import Network
    from orchestrator.testing.world.participants import ReceivedCall

    Definition = SagaDefinition[Any, Any, Any]

SAGA = "saga-1"
ORDER = StartOrderRequest(customer_id="ada")


def rejected(code: str = "FAILED_PRECONDITION", reason: str = "NO", *, echoed: bool = False) -> Rejected:
    return Rejected(Failure(StatusCode[code], "no", reason), echoed=echoed)


NOT_SEEN = rejected("NOT_FOUND", "COMMAND_NOT_SEEN", echoed=True)


def unknown(code: str = "DEADLINE_EXCEEDED", retry_after: float = 0.0) -> Unknown:
    return Unknown(Failure(StatusCode[code], "no answer"), retry_after)


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


class EngineProcess:
    """One replica, which a test can kill.

    Attributes:
        process: what it runs in; here it only knows whether it has crashed.
        journal: its connection to the journal.
        sagas: the facade over its sagas.
        worker: what it runs.
        acts: what can be done to its sagas.
    """

    def __init__(
        self,
        name: str,
        journal: MemoryJournal,
        participants: Network,
        definitions: Sequence[Definition],
        observer: Observer,
        clock: JumpingClock,
        limits: Limits,
        four_eyes: FourEyes = ONE_PERSON,
        queue: VirtualQueue | None = None,
        *,
        tells_life: bool = False,
    ) -> None:
        self.process = Process(name)
        beneath = journal.handle() if journal.shared else journal
        self.journal = SwitchedJournal(beneath, self.process)
        ticking = cast("Clock", clock)  # it is one, but for what cancelling a task answers, which nobody reads
        by_queue = None if queue is None else QueueConnection(queue, self.process, ticking)
        connection = by_queue or NetworkConnection(participants, self.process)
        adapters = Adapters(self.journal, connection, observer, ticking, lambda: 0.5, by_queue)
        self.sagas = assemble(
            definitions,
            adapters,
            owner=name,
            lease=60.0,
            limits=limits,
            plan_of=plan_of,
            four_eyes=four_eyes,
            tells_life=tells_life,
        )
        self.worker, self.acts = self.sagas.worker, self.sagas.acts

    @property
    def is_dead(self) -> bool:
        """It was killed, or its journal was cut."""
        return self.process.crashed

    async def run(self, message: Any = ORDER, saga_id: str = SAGA) -> SagaState:  # noqa: ANN401 - any message
        """Start a saga and wait until it has ended or is suspended."""
        (served,) = {saga.definition.name: saga for saga in self.worker.served}.values()
        return await self.worker.start(order_of(served.definition, message, saga_id), wait=1e6)

    def kill(self) -> None:
        self.process.crash()


@functools.lru_cache(maxsize=64)
def plan_of(definition: Definition) -> Plan:
    """The plan of a definition, read once for all replicas."""
    return read_plan(definition)


class EngineWorld:
    """A journal, participants, and as many processes, at once or one after another, as a test needs.

    Args:
        definitions: the sagas.
        shared: the processes know that there are others. Then no time passes but in :meth:`let_pass`, because they look
            again and again for what the others want.

    Attributes:
        limits: what the next processes may do at once.
        four_eyes: what two people must ask the next processes for.
        queue: by which the next processes reach the participants; ``None`` for calls.
        tells_life: the next processes tell the life of their sagas.
    """

    def __init__(self, *definitions: Definition, shared: bool = False) -> None:
        self.definitions = definitions
        self.participants = ScriptedParticipants()
        self.participants.on_call = self._note_call
        self.clock = JumpingClock()
        self.journal = MemoryJournal(self.clock.now, MemoryState() if shared else None)
        self.observer = RecordingObserver()
        self.processes: list[EngineProcess] = []
        self.broken_promises: list[str] = []
        self.limits = Limits()
        self.four_eyes = ONE_PERSON
        self.queue: VirtualQueue | None = None
        self.tells_life = False
        self._owners = itertools.count(1)
        if shared:
            self.clock.hold_from = 0.0

    def by_queue(self) -> VirtualQueue:
        """Reach the participants over a queue from now on; an answer may take any number of turns."""
        self.clock.hold_from = REST_AFTER_SECONDS
        self.queue = VirtualQueue(self.participants, cast("Clock", self.clock))
        return self.queue

    async def let_pass(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass in a shared world, in small steps, and everything happen that is due in between."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            await turns()

    def process(self, *definitions: Definition, clock: JumpingClock | None = None) -> EngineProcess:
        """A new replica; of other code than the world's, and with a clock of its own, if given."""
        definitions = definitions or self.definitions
        name = f"replica-{next(self._owners)}"
        process = EngineProcess(
            name,
            self.journal,
            self.participants,
            definitions,
            self.observer,
            clock or self.clock,
            self.limits,
            self.four_eyes,
            self.queue,
            tells_life=self.tells_life,
        )
        self.processes.append(process)
        return process

    def worker(self) -> Worker:
        """The worker of a new replica."""
        return self.process().worker

    def order(self, message: Any = ORDER, saga_id: str = SAGA) -> StartSaga:  # noqa: ANN401 - any message
        """What starts a saga of the world's first definition."""
        return order_of(self.definitions[0], message, saga_id)

    async def open(self, *definitions: Definition) -> EngineProcess:
        """A new replica that has recovered what no replica advances."""
        process = self.process(*definitions)
        await process.worker.open()
        return process

    async def recover(self, *definitions: Definition) -> EngineProcess:
        """Kill every replica, and open a new one."""
        self.crash()
        return await self.open(*definitions)

    def crash(self) -> None:
        """Every replica is killed; its leases lapse."""
        for process in self.processes:
            process.kill()
        self.journal._alive_until.clear()

    def entries(self, saga_id: str = SAGA) -> list[Entry]:
        """What is durable."""
        kept = self.journal._sagas.get(saga_id)
        return list(kept.entries) if kept else []

    def told(self) -> list[OutboxEvent]:
        """What stands in the outbox, in its order."""
        return list(self.journal._outbox.events.values())

    def state(self, saga_id: str = SAGA) -> SagaState:
        """The state to which the durable entries lead."""
        return fold(saga_id, self.entries(saga_id))

    async def stopped(self, saga_id: str = SAGA) -> SagaState:
        """The saga once it has durably ended or is suspended."""
        await until(lambda: self.state(saga_id).status in {*ENDED, Status.SUSPENDED})
        return self.state(saga_id)

    async def end(self) -> None:
        """End every task of the test."""
        self.crash()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    def _note_call(self, command: Command, call: ReceivedCall) -> None:
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
                is_unsent = isinstance(entry, CommandRefused) and entry.failure.reason == NOT_SENT
                assert (getattr(entry, "attempt", 1) == 0) is is_unsent, entry
                assert 0 < getattr(entry, "started_at", 1) <= entry.at, entry
        for saga_id, seen in self.observer.entries.items():
            durable = Counter(self.entries(saga_id))
            assert not Counter(seen) - durable, "the observer was told of what is not durable, or twice"
        publish = any(isinstance(entry, EventPublished) for each in self.journal._sagas for entry in self.entries(each))
        if (publish or self.told()) and not self.journal._tombstones:  # else the journal that told them may be gone
            telling = [outbox_of(each, self.entries(each), 0, tells_life=False) for each in self.journal._sagas]
            told = Counter(event for event in self.told() if not event.type.startswith("saga.v1."))
            assert told == Counter(event for events in telling for event in events), "the outbox is not what is durable"


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


def recoded(
    definition: Definition,
    function: Callable[[Any, Any], Awaitable[Message]],
    stubs: type[object],
    *participants: Participant,
) -> Definition:
    """The definition, with other code over other participants."""
    return dataclasses.replace(definition, function=function, stubs=stubs, participants=participants)


async def until(condition: Callable[[], object], most: int = 10_000) -> None:
    """Give the loop turns until the condition holds."""
    for _ in range(most):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition never held")


async def turns(number: int = 100) -> None:
    """Give the loop turns, in which nothing more should happen."""
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
