"""Where a saga may end after a fault: what its contracts and the promises leave open, and no more. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.contract.command import Effect, OnUnknown
from orchestrator.contract.derivation import Derivation
from orchestrator.journal.state import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.contract.command import Command
    from orchestrator.testing.matrix.subjects import Subject

    Ends = frozenset[Status]

COMPLETED: Final = frozenset({Status.COMPLETED})
COMPENSATED: Final = frozenset({Status.COMPENSATED})
SUSPENDED: Final = frozenset({Status.SUSPENDED})

_TWO: Final = 2


def rejected(subject: Subject) -> Ends:
    """The participant refuses it on every attempt."""
    if subject.best_effort:
        return COMPLETED
    ends = SUSPENDED if subject.past_pivot else COMPENSATED
    return ends | COMPLETED if subject.caught else ends


def redelivered(*, in_rollback: bool) -> Ends:
    """A queue delivers it again, until it is answered."""
    return COMPENSATED if in_rollback else COMPLETED


def unanswered_once(subject: Subject) -> Ends:
    """One attempt got no answer."""
    command = subject.command
    attempts = command.retry.attempts if command.idempotent else 1
    return COMPLETED if attempts > 1 else unanswered(subject)


def unanswered(subject: Subject) -> Ends:
    """It is unknown whether it took effect, and its attempts are spent, or may not be made."""
    policy = subject.command.on_unknown
    if subject.best_effort or policy is OnUnknown.RESEND:
        return COMPLETED
    if policy is OnUnknown.VERIFY:
        return COMPLETED if _verify_tells_all(subject) else COMPLETED | SUSPENDED
    if policy is OnUnknown.SUSPEND:
        return SUSPENDED
    ends = SUSPENDED if subject.cannot_go_back or subject.needs_answer else COMPENSATED
    return ends | COMPLETED if subject.caught else ends


def fronted_after_doubt(subject: Subject) -> Ends:
    """One attempt got no answer, and the next one was refused by a proxy or a wrong backend."""
    if subject.is_query:
        return rejected(subject)
    if subject.effect is Effect.RETRYABLE and not subject.best_effort:
        return COMPLETED if subject.command.retry.attempts > _TWO else unanswered(subject)
    return unknowable(subject)


def unusable_once(subject: Subject) -> Ends:
    """It took effect, and its reply cannot be used."""
    command = subject.command
    return COMPLETED if command.idempotent and command.retry.attempts > 1 else unknowable(subject)


def unknowable(subject: Subject) -> Ends:
    """It is unknown whether it took effect, and another attempt would tell no more."""
    if subject.best_effort:
        return COMPLETED
    if subject.is_query:
        return rejected(subject)
    if subject.effect is Effect.COMPENSABLE:
        ends = SUSPENDED if subject.needs_answer else COMPENSATED
        return ends | COMPLETED if subject.caught else ends
    verify = subject.command.verify if subject.effect is Effect.PIVOT else None
    tells_all = verify is not None and Derivation.of_response(subject.command, verify) is not None
    return COMPLETED if tells_all else SUSPENDED


def cancelled(subject: Subject, *, lost: bool = False) -> Ends:
    """The saga is cancelled at this command: it is not sent any more, or its answer is waited for.

    Args:
        subject: the command.
        lost: it was sent, and its answer is lost.
    """
    if subject.cannot_go_back:
        return COMPLETED
    return SUSPENDED if lost and subject.needs_answer else COMPENSATED


def left_behind(subject: Subject) -> Ends:
    """Its orchestrator died after the intent, and before the answer was journalled."""
    if subject.is_query or subject.command.idempotent:
        return COMPLETED
    return unanswered(subject)


def of_fragile(subjects: Iterable[Subject]) -> Ends:
    """A killed orchestrator has left these in doubt: those that are not idempotent decide what follows."""
    fragile = (each for each in subjects if not (each.is_query or each.best_effort or each.command.idempotent))
    return frozenset(end for each in fragile for end in unanswered(each))


def compensation_fronted_after_doubt(undo: Command) -> Ends:
    """A compensation was done and got no answer, and then was refused by a proxy or a wrong backend."""
    if undo.retry.attempts > _TWO:
        return COMPENSATED
    return SUSPENDED


def compensation_unanswered(undo: Command) -> Ends:
    """A compensation gets no answer until its attempts are spent."""
    return SUSPENDED if undo.on_unknown is OnUnknown.SUSPEND else COMPENSATED


def _verify_tells_all(subject: Subject) -> bool:
    command = subject.command
    if command.idempotent or command.effect is Effect.QUERY or command.verify is None:
        return True
    return Derivation.of_response(command, command.verify) is not None
