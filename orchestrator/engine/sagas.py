"""The facade of an engine: all that API, console, command line and applications may ask of it.

Whatever carries sagas on, our replicas or another engine, stands behind this one protocol.
"""

from __future__ import annotations

import base64
import enum
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from orchestrator.journal.priority import Priority
from orchestrator.journal.state import StepOutcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence

    from google.protobuf.message import Message

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.contract.command import Command
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.journal.actor import Actor
    from orchestrator.journal.acts import Act
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Failure
    from orchestrator.journal.state import CommandState, SagaState
    from orchestrator.ports.catalogue import SagaCount, SagaFilter, SagaRecord, UnclaimedCount
    from orchestrator.ports.claims import LivingReplica
    from orchestrator.ports.figures import Counted, SuspendedGroup, Window
    from orchestrator.ports.quotas import Rate


PATIENCE_SECONDS: Final = 5.0
"""How long an act waits by default for the replica that advances the saga."""


class Served(Protocol):
    """A definition that the engine can run."""

    @property
    def definition(self) -> SagaDefinition[Any, Any, Any]:
        """The code and what its signature says."""

    @property
    def plan(self) -> Plan:
        """What can be read from the code without running it."""


class StartSaga(NamedTuple):
    """What to start.

    Attributes:
        saga_id: the new saga's identity; the same for a repeated request.
        definition: the name of a served definition, and its version.
        input: the serialized input, valid.
        digest: of the definition and the input, to tell a repeated request from another one.
        attributes: the values by which the saga can be listed.
        traceparent: the W3C trace context of the caller, or empty.
        parent_id: the saga of which it is a child, or empty.
        priority: how urgent it is, where it is queued.
        started_by: who starts it; ``None`` where no caller from outside does.
    """

    saga_id: str
    definition: str
    version: int
    input: bytes
    digest: bytes
    attributes: tuple[tuple[str, str], ...] = ()
    traceparent: str = ""
    parent_id: str = ""
    priority: Priority = Priority.NORMAL
    started_by: Actor | None = None


class Signal(NamedTuple):
    """What a saga is told.

    Attributes:
        request_id: the same for a repeated request, which changes nothing.
        name: of the signal.
        message_type: the full name of its message.
        payload: the serialized message.
        requested_by: who gives it.
    """

    request_id: str
    name: str
    message_type: str
    payload: bytes
    requested_by: Actor

    def written(self) -> str:
        """As text, for the replica that advances the saga."""
        payload = base64.b64encode(self.payload).decode()
        return json.dumps([self.request_id, self.name, self.message_type, payload])

    @classmethod
    def read(cls, text: str, requested_by: Actor) -> Signal:
        """From that text."""
        request_id, name, message_type, payload = json.loads(text)
        return cls(request_id, name, message_type, base64.b64decode(payload), requested_by)


class WaitReason(enum.Enum):
    """Why a saga does not go on now; the numbers of ``saga.v1.WaitReason``."""

    BACKOFF = 1
    PARTICIPANT_DOWN = 2
    PARTICIPANT_BUSY = 3
    TIMER = 4
    SIGNAL = 5
    QUEUED = 6
    RATE = 7
    ANSWER = 8


class Waiting(NamedTuple):
    """What a saga waits for. Instants are nanoseconds since the epoch, UTC.

    Attributes:
        key: the key of the command whose attempt, query or compensation it is, or of the wait.
        service: the full name of the participant's service; empty for a wait of the code.
        attempt: the number of the attempt that is to come; 0 for a wait of the code.
        since: since when: the first of the attempts that failed in a row; of a participant, when it went down.
        until: when the attempt comes, or when a participant that is down is asked for its health again; when the time
            of a wait comes; until when an answer can come by a queue; 0 if unknown, or never.
        failure: how the latest attempt failed, if one did.
        signal: the name of the signal that is waited for, or empty.
        message_type: the full name of its message, or empty.
    """

    reason: WaitReason
    key: str
    service: str
    attempt: int
    since: int
    until: int
    failure: Failure | None
    signal: str = ""
    message_type: str = ""


class PlannedCompensation(NamedTuple):
    """A compensation that a rollback would make.

    Attributes:
        command: what would be compensated.
        compensation: the full name of the compensating rpc; empty where no contract is at hand.
        request: its request, where it can be derived.
        obstacle: why it cannot be made; empty where it can.
    """

    command: CommandState
    compensation: str
    request: Message | None
    obstacle: str

    @property
    def in_doubt(self) -> bool:
        """It is unknown whether the command took effect."""
        return self.command.outcome is not StepOutcome.COMPLETED


class ParticipantHealth(NamedTuple):
    """How one participant fares, as this process sees it.

    Attributes:
        service: the full name of its service.
        in_flight: calls that are in flight to it.
        waiting: calls that wait to be admitted.
        down_since: since when it is believed to be down, nanoseconds since the epoch, UTC; 0 where it is not.
        rate: how often all replicas together may call it; ``None`` for as often as they like.
    """

    service: str
    in_flight: int
    waiting: int
    down_since: int
    rate: Rate | None = None


class Load(NamedTuple):
    """How much there is to do of one definition.

    Attributes:
        live: how many of its sagas this process advances.
        most_live: how many it may advance; a start beyond is queued. 0 where only the limit of all sagas counts.
        queued: how many are queued, whichever process took them.
        most_queued: how many may be queued; a start beyond is refused.
        oldest_queued_at: when the oldest of those was started, nanoseconds since the epoch, UTC; 0 where none is.
    """

    definition: str
    live: int
    most_live: int
    queued: int
    most_queued: int
    oldest_queued_at: int


class ReplayFinding(NamedTuple):
    """Whether a saga's journal matches the code at hand.

    Attributes:
        in_line: it does.
        finding: what was found, in a few words, such as ``diverged``.
        message: both sides of a divergence, or what else is wrong; empty where nothing is.
    """

    in_line: bool
    finding: str
    message: str


class Loads(NamedTuple):
    """How much there is to do, by definition, and how much of it in all.

    Attributes:
        most_live: sagas that this process may advance.
        most_queued: sagas that may be queued, at all processes.
    """

    definitions: Sequence[Load]
    most_live: int
    most_queued: int


class RecoveryProgress(NamedTuple):
    """How far a process has come with what it found at its start.

    Attributes:
        under_way: it is not done yet.
        recovered: sagas that it has recovered so far.
        expected: sagas that it found, where it asked.
    """

    under_way: bool
    recovered: int
    expected: int


class Sagas(Protocol):
    """The sagas of one engine. Every method that asks for a saga may raise SagaNotFound and JournalError."""

    @property
    def live(self) -> int:
        """How many sagas are being advanced here."""

    def served(self) -> Iterable[Served]:
        """The definitions that can be started, by name and version."""

    def find(self, definition: str, version: int) -> Served | None:
        """The definition of this name and version; version 0 stands for the newest."""

    def contract(self, method: str) -> Command | None:
        """What the contract says of the rpc with this full name, where one is at hand."""

    def flaw(self, method: str, reply: bytes) -> Failure | None:
        """Why a serialized reply cannot be the answer of this rpc, if it cannot. Its contract must be at hand."""

    def is_live(self, saga_id: str) -> bool:
        """Whether a saga is being advanced here."""

    async def start(
        self, start: StartSaga, wait: float = 0.0, *, stopped: Callable[[], None] = lambda: None
    ) -> SagaState:
        """Start a saga, or find the one that this request started before; the saga after up to ``wait`` seconds.

        Args:
            start: what to start.
            wait: how long to wait for its end.
            stopped: called when the saga is advanced here no more, or was not advanced here at all.

        Raises:
            SagaExists: a saga of this id was started with another content.
            SagaDeleted: it was started before, has ended, and was deleted.
            Overloaded: there is no room for it, and none in the queue; it is not started.
            JournalUnavailable: it is not started.
        """

    async def get(self, saga_id: str) -> SagaState:
        """A saga as it stands."""

    async def entries(self, saga_id: str) -> list[Entry]:
        """The journal of a saga; empty where there is none of this id."""

    async def search(
        self, where: SagaFilter, limit: int, page_token: str, *, oldest_first: bool = False
    ) -> tuple[list[SagaRecord], str]:
        """A page of sagas, the newest first, and the token of the next page, empty on the last.

        Args:
            where: which sagas.
            limit: how many at most.
            page_token: that of the page, for the same filter and order; empty for the first.
            oldest_first: in the other order.

        Raises:
            InvalidInput: the page token is not one that a previous page gave out.
        """

    async def count(self) -> Sequence[SagaCount]:
        """How many sagas there are, by definition and status."""

    async def unclaimed(self) -> Sequence[UnclaimedCount]:
        """How many sagas should be advanced and no replica has claimed, by definition and version."""

    def watch(self, saga_id: str) -> AsyncIterator[SagaState]:
        """The saga as it stands, then after every change, until it has ended. Changes in a burst come as one."""

    def watch_all(self) -> AsyncIterator[SagaState]:
        """Every saga, after each of its changes on whichever replica; those in a burst come as one. For ever."""

    async def loads(self) -> Loads:
        """How much there is to do of each definition that is served or queued."""

    def waiting(self, state: SagaState) -> list[Waiting]:
        """What a saga waits for at this moment: what its journal says and, where it is advanced here, what else."""

    def all_waiting(self) -> Iterable[tuple[SagaState, list[Waiting]]]:
        """Every saga that is advanced here and waits for something at this moment."""

    async def waiting_elsewhere(self, reasons: Collection[int]) -> Sequence[SagaRecord]:
        """The sagas that other replicas advance, and that have been waiting for one of these reasons for a while."""

    async def refuse_act(self, act: Act, saga_id: str) -> None:
        """Say why an act cannot be done, if it cannot: a dry run.

        Raises:
            ActRefused: so it is.
            Recovering: the saga is yet to be recovered; ask again soon.
        """

    async def act(
        self, act: Act, saga_id: str, why: str, requested_by: Actor, *, patience: float = PATIENCE_SECONDS
    ) -> SagaState:
        """Cancel, pause, resume, or retry now; the saga, once that is durable. Repeating it changes nothing.

        Args:
            act: which of these.
            saga_id: the saga.
            why: in a sentence.
            requested_by: who wants it.
            patience: for how many seconds the replica that advances the saga is waited for, where it is another one.

        Raises:
            ActRefused: the saga is not in a state for it.
            ActNoted: that replica has not answered yet; the act is durable, and is carried out or refused later.
            Recovering: the saga is yet to be recovered; ask again soon.
        """

    async def signal(self, saga_id: str, signal: Signal, *, patience: float = PATIENCE_SECONDS) -> SagaState:
        """Give a saga a signal; the saga, once that is durable. Repeating it changes nothing.

        Args:
            saga_id: the saga.
            signal: what it is told.
            patience: as for :meth:`act`.

        Raises:
            UnknownSignal: its code asks for no signal of this name.
            SignalTypeDiffers: its code asks for another type of message.
            RequestIdUsed: another signal was given with this request id.
            ActRefused: it comes too late, or the saga's code is not served by any replica that could be asked.
            ActNoted: the replica that advances the saga has not answered yet; the signal is durable.
            Recovering: the saga is yet to be recovered; ask again soon.
        """

    async def resolve_outcome(
        self, saga_id: str, key: str, *, took_effect: bool, reply: bytes | None, evidence: str, requested_by: Actor
    ) -> SagaState:
        """Say what came of a command of a suspended saga that is in doubt, or was refused after the pivot.

        Args:
            saga_id: the saga.
            key: the command; without a number where only one is of this name.
            took_effect: whether it did.
            reply: its serialized reply, where it did and the reply is known.
            evidence: how that is known.
            requested_by: who says so.

        Raises:
            ActRefused: the saga is not suspended, the command's outcome is known, or its reply is needed.
        """

    async def resolve_compensation(self, saga_id: str, key: str, evidence: str, requested_by: Actor) -> SagaState:
        """Say that the effect of a command, which its compensation cannot take back, was taken back by other means.

        Raises:
            ActRefused: the saga is not suspended, or nothing is in the way of compensating the command.
        """

    async def skip_compensation(self, saga_id: str, key: str, evidence: str, requested_by: Actor) -> SagaState:
        """Let the effect of a command stand whose compensation is refused or in doubt, or which has none.

        Raises:
            ActRefused: the saga is not suspended, or nothing is in the way of compensating the command.
        """

    def preview(self, state: SagaState) -> list[PlannedCompensation]:
        """The compensations of a rollback of a saga from here on, in their order."""

    def participants(self) -> list[ParticipantHealth]:
        """How the participants fare."""

    def recovery(self) -> RecoveryProgress:
        """How far this process has come with what it found at its start."""

    async def figures(self, window: Window) -> Sequence[Counted]:
        """How sagas fared over time, the same at every replica; see :func:`~orchestrator.ports.figures.summed`."""

    async def suspended(self) -> Sequence[SuspendedGroup]:
        """The sagas that wait for an operator, by what they wait for, the one that waits for the longest first."""

    async def verify(self, saga_id: str) -> ReplayFinding:
        """Whether recovery would find that a saga's journal matches the code at hand. Nothing is sent or written."""

    async def inputs(self, saga_ids: Sequence[str]) -> Mapping[str, bytes]:
        """The serialized inputs of those of these sagas that there are, by id. No more of their journals is read."""

    async def replicas(self) -> Sequence[LivingReplica]:
        """The replicas that share the journal and are alive, each with how many sagas it advances."""
