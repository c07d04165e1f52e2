"""The facade itself: what can be asked, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence

    from orchestrator.contract.command import Command
    from orchestrator.engine.sagas.dry_runs import PlannedCompensation, ReplayFinding
    from orchestrator.engine.sagas.health import ParticipantHealth, RecoveryProgress
    from orchestrator.engine.sagas.load import Loads
    from orchestrator.engine.sagas.requests import Signal, StartSaga
    from orchestrator.engine.sagas.served import Served
    from orchestrator.engine.sagas.waiting import Waiting
    from orchestrator.journal.actor import Actor
    from orchestrator.journal.acts import Act
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.outcome import Failure
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.catalogue import SagaCount, SagaFilter, SagaRecord, UnclaimedCount
    from orchestrator.ports.claims import LivingReplica
    from orchestrator.ports.figures import Counted, SuspendedGroup, Window

PATIENCE_SECONDS: Final = 5.0
"""How long an act waits by default for the replica that advances the saga."""


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
