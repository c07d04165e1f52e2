"""Holds what was seen in one cell against the promises. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from orchestrator.contract.command import Effect
from orchestrator.journal.compensation_plan import plan_compensations
from orchestrator.journal.entries import EventPublished
from orchestrator.journal.events import event_id
from orchestrator.journal.keys import idempotency_key
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import UNFINISHED, CommandState, SagaState, Status, StepOutcome
from orchestrator.testing.matrix.scenario_run import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.testing.matrix.expectations import Ends
    from orchestrator.testing.matrix.scenario_run import Observations

_ROLLED_BACK: Final = frozenset({Status.COMPENSATED, Status.PARTIALLY_COMPENSATED})


def faults_found(observations: Observations, legal: Ends, during: Ends = frozenset()) -> list[str]:
    """What is wrong with what was seen, as sentences; none where all is as promised.

    What of the scenario has not happened is not looked at.

    Args:
        observations: what was seen.
        legal: where the saga may end.
        during: what its status may be while an injected fault lasts; empty for any.
    """
    return [
        *_wrong_end(observations.state, legal),
        *_wrong_during(observations, during),
        *_wrong_cancel(observations),
        *_wrong_effects(observations),
        *_wrong_keys(observations),
        *_wrong_order(observations),
        *_wrong_events(observations),
        *observations.recorder.broken,
        *observations.errors,
    ]


def word(status: Status | None) -> str:
    """A status in words."""
    return "never started" if status is None else status.name.lower().replace("_", " ")


def is_overdue(state: SagaState) -> bool:
    """It took so long that the saga's own deadline has rolled it back."""
    rollback = state.rollback
    return state.status is Status.COMPENSATED and rollback is not None and rollback.code == ReasonCode.DEADLINE


def _wrong_end(state: SagaState, legal: Ends) -> Iterable[str]:
    if state.status is None or state.status in UNFINISHED:
        yield f"it came to no end: it is {word(state.status)}"
    elif state.status not in legal and not is_overdue(state):
        why = f" because of {state.reason.code}: {state.reason.message}" if state.reason else ""
        yield f"it ended {word(state.status)}{why}; legal: {' or '.join(sorted(map(word, legal)))}"
    if state.status is Status.SUSPENDED and state.reason is None:
        yield "it is suspended without a reason"


def _wrong_during(observations: Observations, legal: Ends) -> Iterable[str]:
    if legal and observations.during not in legal and not is_overdue(observations.state):
        wanted = " or ".join(sorted(map(word, legal)))
        yield f"while the fault lasted it was {word(observations.during)}, not {wanted}"


def _wrong_cancel(observations: Observations) -> Iterable[str]:
    went_back = observations.state.rollback is not None
    if observations.cancel == ACCEPTED and not went_back:
        yield "the cancel was accepted, and nothing was rolled back"
    elif observations.cancel not in {"", ACCEPTED} and went_back:
        yield f"the cancel was refused ({observations.cancel}), and the saga was rolled back"


def _wrong_effects(observations: Observations) -> Iterable[str]:
    state, ledger = observations.state, observations.ledger
    for entry in ledger.disorders():
        first = ", after its compensation" if entry.kept_out else ""
        yield f"{entry.key} took effect {entry.applied} times{first}, and was compensated {entry.compensated} times"
    standing = {entry.key for entry in ledger.standing()}
    commands = {idempotency_key(state.saga_id, key): command for key, command in state.commands.items()}
    for key in sorted(standing - commands.keys()):
        yield f"{key} stands, and the journal does not know of it"
    listed = {command.key for part in plan_compensations(state) for command in part}
    for key, command in commands.items():
        if key in standing and not _may_stand(command, state, listed):
            yield f"the saga is {word(state.status)}, and {key} stands"
        if key not in standing and _must_stand(command):
            yield f"{key} completed, was not compensated, and does not stand"


def _may_stand(command: CommandState, state: SagaState, listed: set[str]) -> bool:
    """An effect of this command may stand at this end."""
    if not command.may_stand:
        return False
    if state.status is Status.COMPLETED:
        return command.outcome is StepOutcome.COMPLETED or command.best_effort
    if state.status is Status.COMPENSATED:
        return command.best_effort and command.effect is not Effect.COMPENSABLE
    return command.key in listed or command.best_effort


def _must_stand(command: CommandState) -> bool:
    """This command completed, and nothing is under way to take it back."""
    is_done = command.outcome is StepOutcome.COMPLETED and command.effect is not Effect.QUERY
    return is_done and command.compensation is None


def _wrong_keys(observations: Observations) -> Iterable[str]:
    """Every attempt at an effect carries the key of a command that is journalled."""
    state = observations.state
    known = {idempotency_key(state.saga_id, key) for key in state.commands}
    sent = {each.key for each in observations.recorder.sent if each.command.effect is not Effect.QUERY}
    undone = {each.compensates for each in observations.recorder.sent} - {""}
    for key in sorted(
        ({entry.key for entry in observations.ledger} | undone | sent) - known - _keys_of_undos(observations)
    ):
        yield f"{key} was sent, and the journal does not know of it"


def _keys_of_undos(observations: Observations) -> set[str]:
    """The keys of compensations: the recorder has compared them with the journal already."""
    return {each.key for each in observations.recorder.sent if each.compensates}


def _wrong_order(observations: Observations) -> Iterable[str]:
    """Compensations succeed in reverse order of start."""
    state = observations.state
    places = {idempotency_key(state.saga_id, key): place for place, key in enumerate(state.commands)}
    compensated = [key for key in observations.recorder.compensated if key in places]
    if compensated != sorted(compensated, key=places.__getitem__, reverse=True):
        yield f"compensated in another order than the reverse of the start: {', '.join(compensated)}"


def _wrong_events(observations: Observations) -> Iterable[str]:
    """What a saga publishes is told once where it completes; where it rolls back, only what is provisional is."""
    state = observations.state
    told = Counter(event.event_id for event in observations.told)
    for event in observations.told:
        if told[event.event_id] > 1:
            yield f"{event.type} of {event.saga_id} is told {told[event.event_id]} times"
        if state.status in _ROLLED_BACK and not event.provisional:
            yield f"{event.type} of {event.saga_id} is told, and the saga is {word(state.status)}"
    if state.status is Status.COMPLETED:
        published = (entry for entry in observations.entries if isinstance(entry, EventPublished))
        for entry in published:
            if not told[event_id(state.saga_id, entry.key)]:
                yield f"{entry.key} was published, the saga has completed, and nobody is told"
