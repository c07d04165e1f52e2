"""Where a saga stands, what it waits for, and what comes next by itself, in sentences. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from orchestrator.api.guidance.sentence import Instant, Sentence, answer_of, listed, service_of, step_of
from orchestrator.contract.command import Effect
from orchestrator.engine.sagas import WaitReason
from orchestrator.journal.compensation_plan import plan_compensations
from orchestrator.journal.progress import StepState, steps
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import CLAIMABLE, ENDED, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.engine.sagas import Waiting
    from orchestrator.journal.state import SagaState

_ASKED: Final = {
    ReasonCode.CANCELLED: "cancelled it",
    ReasonCode.PAUSED: "paused it",
    ReasonCode.RESUMED: "resumed it",
}
_WHY: Final = {
    ReasonCode.REJECTED: "a step was refused",
    ReasonCode.UNKNOWN: "nobody knows whether a step took effect",
    ReasonCode.TIMED_OUT: "a time limit passed",
    ReasonCode.DEADLINE: "its deadline passed",
    ReasonCode.DIVERGED: "its code no longer does what its journal holds",
    ReasonCode.CODE_FAILED: "its code failed",
    ReasonCode.DEFINITION_MISSING: "no code of its version is served",
    ReasonCode.CONTRACT_MISSING: "no contract at hand tells how to compensate",
    ReasonCode.COMPENSATION_REJECTED: "a participant refused a compensation",
    ReasonCode.EFFECT_STANDS: "an effect remains that nothing takes back",
    ReasonCode.ENGINE_FAILED: "the orchestrator itself could not go on",
    ReasonCode.REJECTED_AFTER_PIVOT: "a step was refused that can only go forward",
}
_WAITS_MEANWHILE: Final = " It waits, and uses no memory while it does."
# So many steps are named of those that come.
_AHEAD: Final = 3


def standing(state: SagaState) -> Sentence:
    """Where a saga stands, and why."""
    assert state.status is not None
    overdue: Sentence = ()
    if state.overdue and state.status not in ENDED:
        overdue = (" Its deadline passed at ", Instant(state.deadline_at), ", after its pivot: look after it.")
    return (*_standing(state, state.status), *overdue)


def _standing(state: SagaState, status: Status) -> Sentence:  # noqa: PLR0911 - a table
    match status:
        case Status.RUNNING:
            return (f"It goes forward{_past_pivot(state)}.",)
        case Status.WAITING:
            if state.queued is not None:
                return ("It has not begun: it has been queued since ", Instant(state.queued.since), ".")
            if state.rollback is not None:
                since = Instant(state.rollback_at)
                return ("It has been rolling back since ", since, *_because(state.rollback), _WAITS_MEANWHILE)
            return (f"It waits, and uses no memory while it does{_past_pivot(state)}.",)
        case Status.COMPENSATING:
            return ("It has been rolling back since ", Instant(state.rollback_at), *_because(state.rollback))
        case Status.SUSPENDED:
            return ("It has waited for an operator since ", Instant(state.suspended_at), *_because(state.suspension))
        case Status.COMPLETED:
            return ("It completed at ", Instant(state.ended_at or 0), ": every effect stands.")
        case Status.COMPENSATED:
            because = _because(state.rollback)
            return ("It ended as compensated at ", Instant(state.ended_at or 0), *because, " No effect stands.")
        case Status.PARTIALLY_COMPENSATED:
            because = _because(state.rollback)
            left = listed([step_of(command.key) for command in state.commands.values() if command.skipped])
            said = f" What still stands, as an operator decided: {left}."
            return ("It ended as partially compensated at ", Instant(state.ended_at or 0), *because, said)
        case _:
            assert_never(status)


def reason_text(reason: Reason) -> str:
    """Why a saga rolls back or is suspended, in a sentence without its full stop."""
    message = reason.message.rstrip(".")
    if reason.code in _ASKED:
        return f"{reason.requested_by or 'somebody'} {_ASKED[reason.code]}: {message}"
    step = step_of(reason.step_key)
    if step and message.startswith(f"{reason.step_key}: "):
        message = message.removeprefix(f"{reason.step_key}: ")
    told = f"{step}: {message}" if step else message
    return f"{_WHY.get(reason.code, reason.code.value)}: {told}"


def cause_text(code: str) -> str:
    """What a kind of reason says, without what it is about: ``a step was refused``."""
    known = ReasonCode(code) if code in set(ReasonCode) else None
    asked = f"somebody {_ASKED[known]}" if known in _ASKED else ""
    return asked or (_WHY.get(known, code) if known is not None else code)


def waits(waiting: Sequence[Waiting]) -> list[Sentence]:
    """What a saga waits for, since when and until when, a sentence each."""
    return [(*_waits_for(each), ".") for each in waiting]


def _waits_for(waiting: Waiting) -> Sentence:  # noqa: PLR0911 - a table
    step, service, since = step_of(waiting.key), service_of(waiting.service), Instant(waiting.since)
    until: Sentence = (", until ", Instant(waiting.until)) if waiting.until else ()
    match waiting.reason:
        case WaitReason.BACKOFF:
            failed = f": {answer_of(waiting.failure)}" if waiting.failure else ""
            again: Sentence = (f"; attempt {waiting.attempt} comes at ", Instant(waiting.until)) if until else ()
            return (f"{step} has been failing since ", since, failed, *again)
        case WaitReason.PARTICIPANT_DOWN:
            asked: Sentence = ("; its health is asked for again at ", Instant(waiting.until)) if until else ()
            return (f"{step} waits for {service}, which has been down since ", since, *asked)
        case WaitReason.PARTICIPANT_BUSY:
            return (f"{step} waits since ", since, f": as many calls as may be are in flight to {service}")
        case WaitReason.RATE:
            return (f"{step} waits since ", since, f": {service} is called as often as it may be")
        case WaitReason.TIMER:
            return (f"Its code waits for a time ({step}) since ", since, *until)
        case WaitReason.SIGNAL:
            return (f"Its code waits for the signal {waiting.signal!r} since ", since, *until)
        case WaitReason.ANSWER:
            return (f"{step} is in the queue of {service} since ", since, *until)
        case WaitReason.QUEUED:
            return ("It waits for its turn since ", since)
        case _:
            assert_never(waiting.reason)


def coming(state: SagaState, plan: Plan | None, waiting: Sequence[Waiting]) -> list[Sentence]:
    """What comes next by itself, where nobody does anything."""
    assert state.status is not None
    match state.status:
        case Status.COMPLETED | Status.COMPENSATED | Status.PARTIALLY_COMPENSATED:
            return [("Nothing: it has ended.",)]
        case Status.SUSPENDED:
            return [("Nothing, until an operator decides.",)]
        case Status.COMPENSATING:
            return [_rolling_back(state)]
        case Status.WAITING if state.rollback is not None:
            return [_rolling_back(state)]
        case Status.WAITING | Status.RUNNING:
            return [*_forward(state, plan, waiting), *_deadline(state)]
        case _:
            assert_never(state.status)


def _rolling_back(state: SagaState) -> Sentence:
    left = plan_compensations(state)
    names = [step_of(command.key) for command in left.compensations]
    compensated = f"It compensates {listed(names)}, in this order" if names else "It ends"
    if left.standing:
        stands = listed([step_of(command.key) for command in left.standing])
        return (f"{compensated}; then it waits for an operator, because nothing takes back {stands}.",)
    return (f"{compensated}{'; then it ends' if names else ''} as compensated.",)


def _forward(state: SagaState, plan: Plan | None, waiting: Sequence[Waiting]) -> Iterator[Sentence]:
    if state.queued is not None:
        yield ("It begins as soon as there is room for it.",)
        return
    for each in waiting:
        if each.reason is WaitReason.SIGNAL:
            other: Sentence = ("; at ", Instant(each.until), " its code goes on without it") if each.until else ()
            yield (f"It goes on when somebody gives it the signal {each.signal!r}", *other, ".")
        elif each.reason is WaitReason.TIMER and each.until:
            yield ("It goes on at ", Instant(each.until), ".")
    yield from _steps_ahead(state, plan)


def _steps_ahead(state: SagaState, plan: Plan | None) -> Iterator[Sentence]:
    shown = steps(state, plan)
    going = [
        step_of(step.command.key)
        for step in shown
        if step.command is not None and step.state is StepState.IN_PROGRESS and state.status in CLAIMABLE
    ]
    ahead = [
        f"{'perhaps ' if step.conditional else ''}{'.'.join(step.method.split('.')[-2:])}"
        for step in shown
        if step.state is StepState.NOT_BEGUN
    ]
    if going:
        yield (f"{listed(going)} {'is' if len(going) == 1 else 'are'} under way.",)
    if ahead:
        more = f", and {len(ahead) - _AHEAD} more" if len(ahead) > _AHEAD else ""
        yield (f"Then come {', '.join(ahead[:_AHEAD])}{more}.",)


def _deadline(state: SagaState) -> Iterator[Sentence]:
    if state.deadline_at and not state.pivoted and state.forward_until:
        yield ("If it has not passed its pivot by ", Instant(state.forward_until), ", it is rolled back.")


def _because(reason: Reason | None) -> Sentence:
    return (f": {reason_text(reason)}.",) if reason is not None else (".",)


def _past_pivot(state: SagaState) -> str:
    if not state.pivoted:
        return ""
    pivots = (command.key for command in state.commands.values() if command.effect is Effect.PIVOT)
    return f", and no more back: its pivot, {step_of(next(pivots))}, was accepted"
