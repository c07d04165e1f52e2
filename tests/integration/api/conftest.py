"""The API over a real server and a real channel; the participants are mocks in this process, which a test may hold."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
import time
from collections import defaultdict
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import grpc.aio
import pytest
from typer.testing import CliRunner

from orchestrator.access.fingerprints import fingerprint
from orchestrator.access.narrowed import NarrowedSagas
from orchestrator.access.narrowed_bulk import NarrowedBulkActs
from orchestrator.access.narrowed_dead_commands import NarrowedDeadCommands
from orchestrator.access.narrowed_events import NarrowedEvents
from orchestrator.access.narrowed_schedules import NarrowedSchedules
from orchestrator.access.opening import AccessSettings, open_authentication
from orchestrator.api.admission import Admission, StartLimits
from orchestrator.api.feed import SagaFeed
from orchestrator.api.server import ApiServer
from orchestrator.api.services.access import AccessService
from orchestrator.api.services.bulk import BulkActService
from orchestrator.api.services.definition import DefinitionService
from orchestrator.api.services.event import EventService
from orchestrator.api.services.figures import FiguresService
from orchestrator.api.services.saga import SagaService
from orchestrator.api.services.schedule import ScheduleService
from orchestrator.api.starts import Starts
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.channels.grpc.bearer import with_token
from orchestrator.channels.grpc.channel import GrpcChannel
from orchestrator.cli.app import app
from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.replica.assemble import DEFAULT_LIMITS, assemble
from orchestrator.errors import JournalError
from orchestrator.journal.four_eyes import ONE_PERSON
from orchestrator.journal.outcome import Failure, Rejected
from orchestrator.observability import open_observability
from orchestrator.ports.adapters import Adapters
from orchestrator.shop.order_details import OrderDetails
from orchestrator.shop.order_service import OrderService
from orchestrator.shop.place_order import place_order
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.mock import ContractParticipant
from saga.v1.access_service_pb2_grpc import add_AccessServiceServicer_to_server
from saga.v1.bulk_service_pb2_grpc import BulkActServiceStub, add_BulkActServiceServicer_to_server
from saga.v1.definition_service_pb2_grpc import add_DefinitionServiceServicer_to_server
from saga.v1.event_service_pb2_grpc import add_EventServiceServicer_to_server
from saga.v1.figures_service_pb2_grpc import FiguresServiceStub, add_FiguresServiceServicer_to_server
from saga.v1.saga_service_pb2_grpc import SagaServiceStub, add_SagaServiceServicer_to_server
from saga.v1.schedule_service_pb2_grpc import ScheduleServiceStub, add_ScheduleServiceServicer_to_server
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.order.v1.order_service_pb2_grpc import OrderServiceStub, add_OrderServiceServicer_to_server
from shop.type.v1.type_pb2 import Address, Line
from tests.support.dead_commands import KnownDeadCommands
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from orchestrator.contract.command import Command
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.replica.capacity.limits import Limits
    from orchestrator.engine.replica.replica import Replica
    from orchestrator.journal.four_eyes import FourEyes
    from orchestrator.journal.outcome import Outcome
    from orchestrator.ports.journal import Journal

    Definition = SagaDefinition[Any, Any, Any]
    Services = dict[str, Callable[[grpc.aio.Server], None]]

NOBODY = "127.0.0.1:1"


class Answer(NamedTuple):
    """What a command ended with."""

    code: int
    out: str
    err: str


class Mocks:
    """Participants made from their contracts.

    Attributes:
        held: methods whose calls wait until the event is set.
        refused: methods that refuse, by the number of times.
    """

    def __init__(self) -> None:
        self.core = ContractParticipant(each.service for each in place_order.participants)
        self.held: dict[str, asyncio.Event] = {}
        self.refused: dict[str, int] = defaultdict(int)
        self.called: list[str] = []

    def hold(self, method: str) -> asyncio.Event:
        return self.held.setdefault(method, asyncio.Event())

    async def is_serving(self, _service: str) -> bool:
        return True

    def caller(self, command: Command) -> Callable[..., Any]:
        async def call(request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float) -> Outcome:  # noqa: ARG001, ASYNC109
            self.called.append(command.method)
            if command.method in self.held:
                await self.held[command.method].wait()
            if self.refused[command.method] > 0:
                self.refused[command.method] -= 1
                return Rejected(Failure(StatusCode.FAILED_PRECONDITION, "told to refuse", "TOLD"))
            return self.core.answer(command, request, metadata)

        return call


class Api:
    """Everything that a test of the API needs."""

    def __init__(
        self,
        server: ApiServer,
        channel: grpc.aio.Channel,
        sagas: Replica,
        mocks: Mocks,
        journal: MemoryJournal,
        admission: Admission,
        feed: SagaFeed,
        services: Services,
        dead_commands: KnownDeadCommands,
    ) -> None:
        self.server = server
        self.services = services
        self.dead_commands = dead_commands
        self.address = server.address
        self.channel = channel
        self.admission = admission
        self.feed = feed
        self.orders = OrderServiceStub(channel)
        self.sagas = SagaServiceStub(channel)
        self.schedules = ScheduleServiceStub(channel)
        self.figures = FiguresServiceStub(channel)
        self.bulk = BulkActServiceStub(channel)
        self.replica = sagas
        self.worker = sagas.worker
        self.mocks = mocks
        self.journal = journal

    async def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "it never came to that"
            await asyncio.sleep(0)

    async def called(self, method: str) -> None:
        await self.until(lambda: method in self.mocks.called)


def _services(
    replica: Replica,
    journal: Journal,
    clock: SystemClock,
    admission: Admission,
    feed: SagaFeed,
    dead_commands: KnownDeadCommands,
    nobody: GrpcChannel,
) -> Services:
    """What adds each service to a server, by its full name."""
    narrowed = NarrowedSagas(replica)
    starts = Starts(narrowed, admission)
    figures = FiguresService(narrowed, clock, NarrowedDeadCommands(dead_commands))
    sagas = SagaService(narrowed, starts, feed, clock)
    orders = OrderService(narrowed, starts, clock, OrderDetails(lambda _: nobody.current))
    return {
        "saga.v1.AccessService": partial(add_AccessServiceServicer_to_server, AccessService()),
        "saga.v1.DefinitionService": partial(add_DefinitionServiceServicer_to_server, DefinitionService(narrowed)),
        "saga.v1.EventService": partial(add_EventServiceServicer_to_server, EventService(NarrowedEvents(journal))),
        "saga.v1.FiguresService": partial(add_FiguresServiceServicer_to_server, figures),
        "saga.v1.SagaService": partial(add_SagaServiceServicer_to_server, sagas),
        "saga.v1.ScheduleService": partial(
            add_ScheduleServiceServicer_to_server,
            ScheduleService(NarrowedSchedules(replica.schedules, narrowed), narrowed),
        ),
        "saga.v1.BulkActService": partial(
            add_BulkActServiceServicer_to_server, BulkActService(NarrowedBulkActs(replica.bulk), narrowed)
        ),
        "shop.order.v1.OrderService": partial(add_OrderServiceServicer_to_server, orders),
    }


def _access(folder: Path, subjects: str) -> AccessSettings:
    """Where ada stands, and the others."""
    file = folder / "subjects.yaml"
    file.write_text(f"ada: {{sha256: {fingerprint(TOKEN)}, roles: [admin]}}\n{subjects}")
    return AccessSettings(folder, file)


@asynccontextmanager
async def serving(
    journal: Journal,
    mocks: Mocks,
    owner: str,
    lease: float = 15.0,
    limits: Limits = DEFAULT_LIMITS,
    others: Sequence[Definition] = (),
    subjects: str = "",
    four_eyes: FourEyes = ONE_PERSON,
) -> AsyncIterator[Api]:
    """A replica with its API, as the composition root puts them together; its participants are mocks.

    Who calls is ada, an admin; there may be other subjects.
    """
    clock = SystemClock()
    adapters = Adapters(journal, mocks, open_observability({}), clock, random.random)
    definitions = [place_order, *others]
    replica = assemble(definitions, adapters, owner=owner, lease=lease, limits=limits, four_eyes=four_eyes)
    worker = replica.worker
    nobody = GrpcChannel(NOBODY)
    admission = Admission(StartLimits(in_flight=256, queued=2000), lambda: 1.0)
    dead_commands, feed = KnownDeadCommands(), SagaFeed(replica, clock)
    state = tempfile.TemporaryDirectory()
    services = _services(replica, journal, clock, admission, feed, dead_commands, nobody)
    authentication = open_authentication(_access(Path(state.name), subjects), clock.now)
    server = ApiServer("127.0.0.1:0", services, authentication, clock)
    async with AsyncExitStack() as stack:
        stack.enter_context(state)
        stack.push_async_callback(nobody.close)
        await worker.open()
        worker.recovery.reached = server.be_ready
        await server.start()
        channel = await stack.enter_async_context(
            grpc.aio.insecure_channel(server.address, interceptors=with_token(TOKEN))
        )
        looked_into = cast("MemoryJournal", journal)  # by tests on a journal in memory
        try:
            yield Api(server, channel, replica, mocks, looked_into, admission, feed, services, dead_commands)
        finally:
            for event in mocks.held.values():
                event.set()
            await server.drain(0)
            with contextlib.suppress(JournalError):  # a test may have ended its database
                await worker.close(5)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving(MemoryJournal(SystemClock().now), Mocks(), "test") as api:
        yield api


def an_order(**changes: Any) -> StartOrderRequest:  # noqa: ANN401 - any field
    order = StartOrderRequest(
        customer_id="ada",
        email="ada@example.com",
        lines=[Line(sku="MUG-BLUE", quantity=2)],
        ship_to=Address(name="Ada", street="St James 12", city="Berlin", postal_code="10115", country="DE"),
        card_token="tok_ok",
        member=True,
    )
    for name, value in changes.items():
        if name == "wait":
            order.wait.FromSeconds(value)
        else:
            setattr(order, name, value)
    return order


@pytest.fixture(name="an_order")
def _an_order() -> Callable[..., StartOrderRequest]:
    return an_order


@pytest.fixture
def orchestrator(api: Api, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[Answer]]:
    """Run a command of ``orchestrator`` in this process, against the server of the test, as ada."""
    monkeypatch.setenv("ORCHESTRATOR_TOKEN", TOKEN)

    async def call(*arguments: str) -> Answer:
        command = [*arguments, "--address", api.address]
        result = await asyncio.to_thread(CliRunner().invoke, app, command, catch_exceptions=False)
        return Answer(result.exit_code, result.stdout, result.stderr)

    return call
