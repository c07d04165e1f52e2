"""Entries, and a writer for them: what the tests of the stores, of the codec and of the state share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.cause import Cause
from orchestrator.journal.events import HeldEvent, OutboxEvent
from orchestrator.journal.outcome import Failure
from orchestrator.journal.priority import Priority
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status
from orchestrator.journal.waits import WaitEnd
from orchestrator.ports.journal import Append, NewSaga

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Sequence

    from orchestrator.ports.journal import Journal

AT = 1_700_000_000_000_000_000
FAILURE = Failure(StatusCode.UNAVAILABLE, "nobody there: ça va\x00\n", "GONE")
REASON = Reason(ReasonCode.CANCELLED, "he changed his mind", "Shop.Buy#1", "ada")
ATTRIBUTES = (("customer_id", "ada"), ("order_id", "ünï code"))

EVERY_ENTRY: tuple[e.Entry, ...] = (
    e.SagaStarted(AT, "place_order", 1, b"\x00input", "00-" + "a" * 32 + "-" + "b" * 16 + "-01", True, ATTRIBUTES),
    e.CommandIntended(AT + 1, "Shop.Buy#1", "shop.v1.Shop.Buy", Effect.COMPENSABLE, b"\xff\x00"),
    e.CommandIntended(AT + 2, "item-1/Shop.Tell#1", "shop.v1.Shop.Tell", Effect.RETRYABLE, b"", best_effort=True),
    e.CommandQueued(AT + 2, "Shop.Buy#1", 1, AT + 2, AT + 50, AT + 60),
    e.AttemptFailed(AT + 3, "Shop.Buy#1", 1, AT + 2, FAILURE),
    e.CommandCompleted(AT + 4, "Shop.Buy#1", 2, AT + 3, b"\x01reply"),
    e.CommandRefused(AT + 5, "Shop.Pay#1", 1, AT + 4, FAILURE),
    e.CommandAbandoned(AT + 6, "item-1/Shop.Tell#1", 4, AT + 5, FAILURE),
    e.RollbackBegan(AT + 7, REASON),
    e.CompensationBegan(AT + 8, "Shop.Buy#1", "shop.v1.Shop.Return", b"return"),
    e.CompensationRejected(AT + 9, "Shop.Buy#1", 1, AT + 8, FAILURE),
    e.CompensationCompleted(AT + 10, "Shop.Buy#1", 2, AT + 9),
    e.SagaRecovered(AT + 11, "host-1-abc"),
    e.SagaSuspended(AT + 12, REASON),
    e.SagaCompensated(AT + 13),
    e.SagaCompleted(AT + 14, b"result\x00"),
    e.SagaStarted(AT + 15, "fulfil", 2, b"", "", False, (), AT + 90, AT + 80, "saga-0"),
    e.AttemptFailed(AT + 16, "Shop.Buy#1", 2, AT + 15, FAILURE, harmless=True),
    e.SagaResumed(AT + 17, REASON),
    e.OutcomeResolved(AT + 18, "Shop.Buy#1", True, b"reply", REASON),
    e.CompensationSkipped(AT + 19, "Shop.Buy#1", REASON),
    e.SagaPartiallyCompensated(AT + 20),
    e.RetryRequested(AT + 21, REASON),
    e.DeadlinePassed(AT + 22),
    e.ValueRecorded(AT + 23, "now#1", "1700000000"),
    e.CompensationBegan(AT + 24, "Shop.Pay#1", "shop.v1.Shop.Refund", b""),
    e.CompensationResolved(AT + 25, "Shop.Pay#1", REASON),
    e.WaitBegan(AT + 26, "item-1/signal:approval#1", "approval", "saga.v1.Decision", AT + 60),
    e.WaitBegan(AT + 27, "sleep#1", due_at=AT + 50),
    e.SignalReceived(AT + 28, "request-1", "approval", "saga.v1.Decision", b"\x08\x01", Actor("ada")),
    e.WaitEnded(AT + 29, "item-1/signal:approval#1", WaitEnd.SIGNAL, "request-1"),
    e.WaitEnded(AT + 30, "sleep#1", WaitEnd.DUE),
    e.SagaParked(AT + 31, AT + 50),
    e.SagaWoken(AT + 32, "host-1-abc", "timer"),
    e.SagaQueued(AT + 33, Priority.HIGH, AT - 300),
    e.SagaAdmitted(AT + 34, "host-1-abc"),
    e.ActProposed(AT + 35, "Shop.Pay#1", "SKIP_COMPENSATION Shop.Pay#1", REASON),
    e.EventPublished(AT + 36, "event:shop.v1.Sold#1", "shop.v1.Sold", b"\x0a\x00sold", at_once=True),
    e.EventsHandedOn(
        AT + 37, "Saga.fulfil#1", (HeldEvent("saga-1/Saga.fulfil#1", "fulfil", "event:a.B#1", AT, "a.B", b"\xff\x00"),)
    ),
)
"""One of every kind, in an order that no saga would have: a store does not care."""


class Writing:
    """Writes the journal of one saga under one claim, as the engine does.

    Attributes:
        sequence: how many entries it believes the journal to hold.
    """

    def __init__(
        self, journal: Journal, saga_id: str = "saga-1", owner: str = "a", token: int = 1, sequence: int = 0
    ) -> None:
        self.journal = journal
        self.saga_id = saga_id
        self.owner = owner
        self.token = token
        self.sequence = sequence

    def start(
        self,
        *entries: e.Entry,
        definition: str = "place_order",
        digest: bytes = b"digest",
        started_at: int = AT,
        attributes: tuple[tuple[str, str], ...] = (),
        turn_at: int | None = None,
        outbox: Sequence[OutboxEvent] = (),
    ) -> Future[None]:
        """Write the first entries, which claim the saga; or queue it, where it is to have a turn."""
        new = NewSaga(definition, 1, digest, started_at, attributes)
        status = Status.RUNNING if turn_at is None else Status.WAITING
        return self.write(*(entries or EVERY_ENTRY[:1]), status=status, new=new, turn_at=turn_at, outbox=outbox)

    def write(
        self,
        *entries: e.Entry,
        status: Status = Status.RUNNING,
        ended_at: int | None = None,
        new: NewSaga | None = None,
        wake_at: int | None = None,
        turn_at: int | None = None,
        cause: Cause | None = None,
        outbox: Sequence[OutboxEvent] = (),
    ) -> Future[None]:
        """Write entries after those before."""
        standing = (status, ended_at, new, wake_at, turn_at, cause, outbox)
        append = Append(self.saga_id, self.owner, self.token, self.sequence, entries, *standing)
        self.sequence += len(entries)
        return self.journal.append(append)

    def end(self, status: Status = Status.COMPLETED) -> Future[None]:
        """Write an end."""
        return self.write(e.SagaCompleted(AT + 99, b""), status=status, ended_at=AT + 99)

    def park(self, wake_at: int | None) -> Future[None]:
        """Write that the saga waits until then; ``None`` where no time wakes it."""
        return self.write(recovered(self.sequence), status=Status.WAITING, wake_at=wake_at)

    def suspend(self) -> Future[None]:
        """Write that an operator must decide."""
        cause = Cause.of(REASON, "", AT + 98)
        return self.write(e.SagaSuspended(AT + 98, REASON), status=Status.SUSPENDED, cause=cause)


def told(number: int, saga_id: str = "saga-1", at: int = AT) -> OutboxEvent:
    """An event that tells itself from others."""
    payload = b"\xff\x00" + str(number).encode()
    return OutboxEvent(f"{number:032x}", saga_id, "place_order", "shop.v1.Sold", at, number % 2 == 0, "00-a", payload)


def recovered(number: int) -> e.SagaRecovered:
    """A small entry that tells itself from others."""
    return e.SagaRecovered(AT + number, f"owner-{number}")
