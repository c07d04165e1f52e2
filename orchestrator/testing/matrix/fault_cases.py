"""The columns of the matrix: what goes wrong with one command, and where the saga may end then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.contract.command import OnUnknown
from orchestrator.journal.keys import compensation_key
from orchestrator.journal.state import Status
from orchestrator.testing.matrix import expectations as ends
from orchestrator.testing.matrix.fault_case import FaultCase, FaultKind
from orchestrator.testing.matrix.scenario import IN_FLIGHT, INTENT_DURABLE, FaultInjection, Scenario, Trigger
from orchestrator.testing.mock import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.contract.command import Command
    from orchestrator.testing.matrix.expectations import Ends
    from orchestrator.testing.matrix.subjects import Subject

_FEW: Final = 3
_ALWAYS: Final = 1_000_000
_LONGER_SECONDS: Final = 60.0


def _injected(fault: Fault, times: int = 1) -> Callable[[Subject], Scenario]:
    return lambda subject: Scenario((FaultInjection(subject.key, fault, times),))


def _fronted_after_doubt(subject: Subject) -> Scenario:
    return Scenario((FaultInjection(subject.key, Fault.TIMEOUT_AFTER), FaultInjection(subject.key, Fault.FRONTED)))


def _attempted_once(subject: Subject) -> str:
    return "" if _is_attempted_again(subject.command) else "its contract allows for one attempt"


def _is_attempted_again(command: Command) -> bool:
    return command.idempotent and (command.retry.attempts > 1 or command.on_unknown is OnUnknown.RESEND)


def _down(subject: Subject) -> Scenario:
    return Scenario((FaultInjection(subject.key, Fault.FAIL_BEFORE, seconds=_too_long(subject.command)),))


def _status_while_down(subject: Subject) -> Ends:
    stays = ends.unanswered(subject) == ends.COMPLETED and not subject.best_effort
    return frozenset({Status.RUNNING}) if stays else frozenset()


def _late(subject: Subject) -> Scenario:
    if subject.compensation is None:
        return Scenario((FaultInjection(subject.key, Fault.LATE),))
    return Scenario((FaultInjection(subject.key, Fault.LATE, _ALWAYS),), cancel=Trigger(IN_FLIGHT, subject.key))


def _late_ends(subject: Subject) -> Ends:
    if subject.compensation is None:
        return ends.unanswered_once(subject)
    return ends.cancelled(subject, lost=True)


def _not_recognised(subject: Subject) -> str:
    return "" if subject.command.idempotent else "its contract says that a repeated key is not recognised"


def _killed(point: str) -> Callable[[Subject], Scenario]:
    return lambda subject: Scenario(kill=Trigger(point, subject.key))


def _rejected_and_killed(point: str) -> Callable[[Subject], Scenario]:
    def scenario(subject: Subject) -> Scenario:
        key = subject.key if point == "rollback_began" else ""
        return Scenario((FaultInjection(subject.key, Fault.REJECT),), kill=Trigger(point, key))

    return scenario


def _refused_or_forgotten(subject: Subject) -> Ends:
    """That a query was refused may die with the orchestrator: it is asked again."""
    legal = ends.rejected(subject)
    return legal | ends.COMPLETED if subject.is_query else legal


def _no_rollback(subject: Subject) -> str:
    if subject.best_effort:
        return "the saga goes on without it"
    if subject.past_pivot:
        return "after the pivot nothing is rolled back"
    return "the code handles its failure" if subject.caught else ""


def _in_rollback(*faults: FaultInjection, kill: str = "") -> Callable[[Subject], Scenario]:
    """Everything compensable is done; then the saga is cancelled. The faults hit the compensation of the row."""

    def scenario(subject: Subject) -> Scenario:
        undo = subject.compensation
        assert undo is not None
        key = compensation_key(subject.key)
        injections = tuple(each._replace(key=key, seconds=each.seconds and _too_long(undo)) for each in faults)
        cancel = Trigger(IN_FLIGHT, subject.last_compensable)
        return Scenario(injections, cancel, Trigger(kill, subject.key) if kill else None)

    return scenario


def _no_compensation(subject: Subject) -> str:
    return "" if subject.compensation else "it has no compensation"


def _compensated(_subject: Subject) -> Ends:
    return ends.COMPENSATED


def _suspended(_subject: Subject) -> Ends:
    return ends.SUSPENDED


def _undo_unanswered(subject: Subject) -> Ends:
    assert subject.compensation is not None
    return ends.compensation_unanswered(subject.compensation)


def _undo_unanswered_thrice(subject: Subject) -> Ends:
    assert subject.compensation is not None
    return ends.COMPENSATED if subject.compensation.retry.attempts > _FEW else _undo_unanswered(subject)


def _undo_unanswered_once(subject: Subject) -> Ends:
    assert subject.compensation is not None
    return ends.COMPENSATED if subject.compensation.retry.attempts > 1 else _undo_unanswered(subject)


def _undo_fronted_after_doubt(subject: Subject) -> Ends:
    assert subject.compensation is not None
    return ends.compensation_fronted_after_doubt(subject.compensation)


def _no_second_undo(subject: Subject) -> str:
    undo = subject.compensation
    if undo is None or _is_attempted_again(undo):
        return _no_compensation(subject)
    return "its compensation's contract allows for one attempt"


def _undo_status_while_down(subject: Subject) -> Ends:
    is_patient = _undo_unanswered(subject) == ends.COMPENSATED
    return frozenset({Status.COMPENSATING}) if is_patient else ends.SUSPENDED


def _cancelled(point: str) -> Callable[[Subject], Scenario]:
    return lambda subject: Scenario(cancel=Trigger(point, subject.key))


def _cancelled_answered(subject: Subject) -> Ends:
    """The saga's code may be faster."""
    legal = ends.cancelled(subject)
    return legal | ends.COMPLETED if subject.commits_next else legal


def _no_intent(subject: Subject) -> str:
    return "a query needs no intent" if subject.is_query else ""


def _too_long(command: Command) -> float:
    """Seconds after which all attempts of a command are spent, and more."""
    retry = command.retry
    return retry.attempts * (retry.cap + command.timeout).total_seconds() + _LONGER_SECONDS


_REFUSED: Final = FaultInjection("", Fault.REJECT)
_FAILS: Final = FaultInjection("", Fault.FAIL_BEFORE, _FEW)
_LOST: Final = FaultInjection("", Fault.TIMEOUT_AFTER)
_TWICE: Final = FaultInjection("", Fault.DUPLICATE)
_FRONTED: Final = FaultInjection("", Fault.FRONTED)
_GONE: Final = FaultInjection("", Fault.FAIL_BEFORE, seconds=1.0)

_D, _F, _K, _U, _C = FaultKind
FAULT_CASES: Final = (
    FaultCase("rejected", _D, "the participant refuses it", _injected(Fault.REJECT), ends.rejected),
    FaultCase(
        "fails before", _D, "the way there breaks; no effect", _injected(Fault.FAIL_BEFORE), ends.unanswered_once
    ),
    FaultCase(
        "fails after", _D, "the way back breaks; it took effect", _injected(Fault.FAIL_AFTER), ends.unanswered_once
    ),
    FaultCase(
        "times out before", _D, "it is lost on the way there", _injected(Fault.TIMEOUT_BEFORE), ends.unanswered_once
    ),
    FaultCase(
        "times out after",
        _D,
        "it took effect; its answer is lost",
        _injected(Fault.TIMEOUT_AFTER),
        ends.unanswered_once,
    ),
    FaultCase(
        "duplicate", _D, "it arrives twice", _injected(Fault.DUPLICATE), lambda _: ends.COMPLETED, _not_recognised
    ),
    FaultCase(
        "late",
        _D,
        "it arrives only after the saga was cancelled, and its compensation was there; without one, after the end",
        _late,
        _late_ends,
    ),
    FaultCase(
        "down",
        _D,
        "the participant is down until all attempts are spent, and longer; then it is up",
        _down,
        ends.unanswered,
        during=_status_while_down,
    ),
    FaultCase(
        "refused", _F, "a proxy or a wrong backend refuses it; no effect", _injected(Fault.FRONTED), ends.rejected
    ),
    FaultCase(
        "refused after doubt",
        _F,
        "it took effect, its answer is lost; a proxy or a wrong backend refuses the next attempt",
        _fronted_after_doubt,
        ends.fronted_after_doubt,
        _attempted_once,
    ),
    FaultCase("garbled", _F, "it took effect; its reply cannot be read", _injected(Fault.GARBLED), ends.unusable_once),
    FaultCase(
        "started",
        _K,
        "when the start is durable; the next one sees it refused",
        _rejected_and_killed("started"),
        _refused_or_forgotten,
    ),
    FaultCase("intended", _K, "when its intent is durable", _killed("intended"), ends.left_behind, _no_intent),
    FaultCase("answered", _K, "when its answer is there, and not journalled", _killed("answered"), ends.left_behind),
    FaultCase(
        "rollback_began",
        _K,
        "when the rollback because of its rejection is durable",
        _rejected_and_killed("rollback_began"),
        _compensated,
        _no_rollback,
    ),
    FaultCase(
        "compensated",
        _K,
        "when its compensation is answered, and that is not journalled",
        _in_rollback(kill="compensated"),
        _compensated,
        _no_compensation,
    ),
    FaultCase(
        "ended",
        _K,
        "when the end to which its rejection leads is durable",
        _rejected_and_killed("ended"),
        ends.rejected,
    ),
    FaultCase("refused", _U, "the participant refuses it", _in_rollback(_REFUSED), _suspended, _no_compensation),
    FaultCase("fails 3 times", _U, "then it works", _in_rollback(_FAILS), _undo_unanswered_thrice, _no_compensation),
    FaultCase(
        "answer lost",
        _U,
        "it is done; its answer is lost",
        _in_rollback(_LOST),
        _undo_unanswered_once,
        _no_compensation,
    ),
    FaultCase(
        "fronted after",
        _U,
        "it is done, its answer is lost; a proxy or a wrong backend refuses the next attempt",
        _in_rollback(_LOST, _FRONTED),
        _undo_fronted_after_doubt,
        _no_second_undo,
    ),
    FaultCase("duplicate", _U, "it arrives twice", _in_rollback(_TWICE), _compensated, _no_compensation),
    FaultCase(
        "down",
        _U,
        "the participant is down until all attempts are spent, and longer; then it is up",
        _in_rollback(_GONE),
        _undo_unanswered,
        _no_compensation,
        _undo_status_while_down,
    ),
    FaultCase(
        "before", _C, "its intent is durable, it is not sent", _cancelled(INTENT_DURABLE), ends.cancelled, _no_intent
    ),
    FaultCase("during", _C, "it took effect, and is not answered", _cancelled(IN_FLIGHT), ends.cancelled),
    FaultCase("after", _C, "it is answered", _cancelled("answered"), _cancelled_answered),
)
"""Every column, in order; those of one kind stand together."""
