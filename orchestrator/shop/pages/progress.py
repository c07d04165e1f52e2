"""An order as a page shows it: a customer's words, and beside them the orchestrator's. Pure.

::

    running ──▶ waiting ──▶ completed            busy ──▶ asks ──▶ good
       │                                   as      │
       └──▶ compensating ──▶ compensated           └──▶ back ──▶ gone        and stopped, while it is suspended
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.contract.command import Effect
from orchestrator.engine.sagas import WaitReason
from orchestrator.journal.progress import StepState, steps
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import ENDED, Status
from orchestrator.shop.pages.facts import facts_of
from orchestrator.shop.pages.words import STATIONS, of_step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.engine.sagas import Waiting
    from orchestrator.journal.progress import Step
    from orchestrator.journal.state import SagaState

_MILLISECOND: Final = 1_000_000
_SECOND: Final = 1_000_000_000

_WORDS: Final = {
    StepState.NOT_BEGUN: "to come",
    StepState.IN_PROGRESS: "under way",
    StepState.COMPLETED: "done",
    StepState.REJECTED: "refused",
    StepState.UNKNOWN: "in doubt",
    StepState.COMPENSATING: "being taken back",
    StepState.COMPENSATED: "taken back",
    StepState.SKIPPED: "not needed",
    StepState.STANDS: "left as it is",
}
_NOT_REACHED: Final = "not reached"
_WAITS: Final = {
    WaitReason.BACKOFF: "attempt {attempt} comes soon",
    WaitReason.PARTICIPANT_DOWN: "the service is down; it is asked for its health until it is back",
    WaitReason.PARTICIPANT_BUSY: "the service has as many calls as it may have",
    WaitReason.ANSWER: "it is in the queue of the service, and waits for its answer",
    WaitReason.RATE: "the service is called as often as it may be",
}


class Mood(enum.StrEnum):
    """How an order fares, for colours and pictures."""

    BUSY = "busy"
    ASKS = "asks"
    GOOD = "good"
    BACK = "back"
    GONE = "gone"
    STOPPED = "stopped"


_MOODS: Final = {
    Status.RUNNING: Mood.BUSY,
    Status.WAITING: Mood.ASKS,
    Status.COMPLETED: Mood.GOOD,
    Status.COMPENSATING: Mood.BACK,
    Status.COMPENSATED: Mood.GONE,
    Status.SUSPENDED: Mood.STOPPED,
    Status.PARTIALLY_COMPENSATED: Mood.STOPPED,
}


_TOLD: Final = {
    Status.RUNNING: ("We are at work on your order", "You may close this page: the order goes on without it."),
    Status.WAITING: ("Your order waits", "It is safe here, and goes on by itself."),
    Status.COMPLETED: ("Your order is received", "{carrier} brings it to you. Thank you!"),
    Status.COMPENSATING: ("We take everything back", "{why}"),
    Status.COMPENSATED: ("Nothing was bought", "{why} You pay nothing, and nothing is sent."),
    Status.SUSPENDED: ("Somebody of the shop looks after your order", "{why}"),
    Status.PARTIALLY_COMPENSATED: ("Somebody of the shop has decided on your order", "{why}"),
}
"""What a customer reads first, by where the saga stands."""


class Headline(NamedTuple):
    """What a customer reads first."""

    title: str
    text: str


@dataclass(frozen=True)
class StepShown:
    """One step of an order.

    Attributes:
        words: to a customer.
        state: how far it has come; css names its classes so.
        state_word: the same as a word.
        command: the rpc, such as ``ReserveStock``.
        service: its service, such as ``InventoryService``.
        effect: what it is to the saga, such as ``compensable``.
        notes: what else the orchestrator says of it: attempts, failures, what it waits for.
        undone: to a customer: that it was taken back; empty where it was not.
        undone_by: the compensation and its place in the rollback; empty where there is none.
        is_pivot: after it, the order only goes forward.
    """

    words: str
    state: str
    state_word: str
    command: str
    service: str
    effect: str
    notes: tuple[str, ...]
    undone: str
    undone_by: str
    is_pivot: bool


class Station(NamedTuple):
    """Where an order passes.

    Attributes:
        picture: the name of its picture.
        caption: below it.
        state: ``ahead``, ``here``, ``passed``, ``failed`` or ``left``: it was passed, and the order went back.
    """

    picture: str
    caption: str
    state: str


@dataclass(frozen=True)
class OrderShown:
    """An order.

    Attributes:
        headline: what a customer reads first.
        mood: how it fares.
        steps: every step, done or not.
        stations: the way of the order, in a few pictures.
        undone: what was taken back, to a customer, in the order in which that happened.
        ended: nothing of it changes any more.
        awaits_approval: it waits for somebody's yes or no.
    """

    headline: Headline
    mood: Mood
    steps: tuple[StepShown, ...]
    stations: tuple[Station, ...]
    undone: tuple[str, ...]
    ended: bool
    awaits_approval: bool


def order_shown(state: SagaState, plan: Plan | None, waiting: Sequence[Waiting], approval: str) -> OrderShown:
    """An order as it stands.

    Args:
        state: its saga.
        plan: of the saga's code, where it is served here.
        waiting: what the saga waits for.
        approval: the name of the signal by which orders are approved.
    """
    facts, waits = facts_of(state), {each.key: each for each in waiting}
    found = steps(state, plan)
    awaits = any(each.reason is WaitReason.SIGNAL and each.signal == approval for each in waiting)
    return OrderShown(
        headline=_headline(state, facts, awaits_approval=awaits),
        mood=_MOODS[_shown_as(state)],
        steps=tuple(_step(step, facts, waits, went_back=state.rollback is not None) for step in found),
        stations=tuple(Station(picture, caption, _station(found, rpcs)) for picture, caption, rpcs in STATIONS),
        undone=tuple(_undone(found)),
        ended=state.status in ENDED,
        awaits_approval=awaits,
    )


def _headline(state: SagaState, facts: Mapping[str, str], *, awaits_approval: bool) -> Headline:
    if awaits_approval:
        return Headline("Your order waits for a yes", "It is so expensive that somebody of the shop has to agree.")
    title, text = _TOLD[_shown_as(state)]
    return Headline(title, text.format(**facts, why=_why(state)).strip())


def _shown_as(state: SagaState) -> Status:
    """To a customer, an order that goes back does so also while it waits for a service that is away."""
    assert state.status is not None
    return Status.COMPENSATING if state.status is Status.WAITING and state.rollback is not None else state.status


def _why(state: SagaState) -> str:
    """Why an order goes back or stands still, to a customer."""
    reason = state.reason
    if reason is None:
        return ""
    match reason.code:
        case ReasonCode.CANCELLED:
            return "You cancelled the order."
        case ReasonCode.PAUSED:
            return "The order is paused."
        case ReasonCode.TIMED_OUT | ReasonCode.DEADLINE:
            return "It took too long."
        case _:
            command = state.commands.get(reason.step_key)
            return f"{of_step(command.method).refused}." if command is not None else f"{reason.message}."


def _step(step: Step, facts: Mapping[str, str], waits: Mapping[str, Waiting], *, went_back: bool) -> StepShown:
    service, _, command = step.method.rpartition(".")
    words, undo = of_step(step.method), step.command.compensation if step.command else None
    not_reached = _was_not_sent(step) or (step.state is StepState.SKIPPED and went_back)
    return StepShown(
        words=_sentence(step).format_map(facts),
        state=(StepState.SKIPPED if not_reached else step.state).name.lower().replace("_", "-"),
        state_word=_NOT_REACHED if not_reached else _WORDS[step.state],
        command=command,
        service=service.rpartition(".")[2],
        effect=step.effect.name.lower(),
        notes=tuple(_notes(step, waits)),
        undone=words.undone if step.state is StepState.COMPENSATED else "",
        undone_by=f"{undo.position}. {undo.method.rpartition('.')[2]}" if undo is not None else "",
        is_pivot=step.effect is Effect.PIVOT,
    )


def _was_not_sent(step: Step) -> bool:
    """The order went back before the first attempt; the journal calls that refused."""
    return step.state is StepState.REJECTED and step.command is not None and not step.command.attempts


def _sentence(step: Step) -> str:
    words = of_step(step.method)
    if _was_not_sent(step):
        return words.ahead
    match step.state:
        case StepState.NOT_BEGUN | StepState.SKIPPED:
            return words.ahead
        case StepState.IN_PROGRESS | StepState.UNKNOWN:
            return words.now
        case StepState.REJECTED:
            return words.refused
        case _:
            return words.done


def _notes(step: Step, waits: Mapping[str, Waiting]) -> list[str]:
    command = step.command
    if command is None:
        return []
    notes = [f"{command.attempts} attempts{'' if command.ended_at else ' so far'}"] if command.attempts > 1 else []
    if command.ended_at is not None:
        notes.append(_took(command.ended_at - command.intended_at))
    undo = command.compensation
    failure = undo.failure if undo is not None and undo.ended_at is None else command.failure
    if failure is not None:
        notes.append(f"before that {failure}" if step.state is StepState.COMPLETED else str(failure))
    wait = waits.get(command.key)
    if wait is not None and wait.reason in _WAITS:
        notes.append(_WAITS[wait.reason].format(attempt=wait.attempt))
    return notes


def _took(span: int) -> str:
    return f"{span / _SECOND:.1f} s" if span >= _SECOND else f"{max(span, 0) // _MILLISECOND} ms"


def _undone(found: Sequence[Step]) -> list[str]:
    """To a customer, in the order of the rollback."""
    undos = [
        (step.command.compensation.position, of_step(step.method).undone)
        for step in found
        if step.state is StepState.COMPENSATED and step.command is not None and step.command.compensation is not None
    ]
    return [words for _, words in sorted(undos)]


def _station(found: Sequence[Step], rpcs: Sequence[str]) -> str:
    here = [step for step in found if step.method.endswith(tuple(f".{rpc}" for rpc in rpcs))]
    states = [StepState.SKIPPED if _was_not_sent(step) else step.state for step in here]
    if any(state in {StepState.COMPENSATED, StepState.COMPENSATING} for state in states):
        return "left"
    if any(state in {StepState.REJECTED, StepState.UNKNOWN} for state in states):
        return "failed"
    if states and all(state is StepState.COMPLETED for state in states):
        return "passed"
    return (
        "here"
        if any(state is not StepState.NOT_BEGUN and state is not StepState.SKIPPED for state in states)
        else "ahead"
    )
