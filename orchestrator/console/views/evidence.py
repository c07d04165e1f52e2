"""What is known of a command that a person has to decide about: what was sent, what was answered, what undoes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.api.guidance.sentence import step_of
from orchestrator.console.views.payloads import as_json, decoded, skeleton
from orchestrator.journal import entries as e
from orchestrator.journal.compensation_plan import plan_compensations
from orchestrator.journal.keys import compensation_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.engine.sagas import Sagas
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import CommandState, SagaState

_MOST_ANSWERS: Final = 5


class Answer(NamedTuple):
    """How one attempt ended.

    Attributes:
        at: nanoseconds since the epoch, UTC.
        attempt: its number.
        text: what was answered, or that nobody answered.
        of_compensation: it was an attempt to compensate.
    """

    at: int
    attempt: int
    text: str
    of_compensation: bool


class Evidence(NamedTuple):
    """What is known of one command.

    Attributes:
        key: of the command.
        step: the same, without the number where it is the first of its name.
        service: the participant's full name.
        method: of the participant.
        request: what was sent, as JSON, masked; empty where no contract is at hand.
        reply: what was answered, as JSON, masked; empty where nothing was, or no contract is at hand.
        compensation: the name of its compensation; empty where there is none, or none was intended so far.
        compensation_request: what was, or will be, sent to compensate it.
        answers: the latest ones, the oldest first.
    """

    key: str
    step: str
    service: str
    method: str
    request: str
    reply: str
    compensation: str
    compensation_request: str
    answers: list[Answer]


class Planned(NamedTuple):
    """A compensation that a cancel would make; see the facade's ``PlannedCompensation``."""

    key: str
    step: str
    compensation: str
    in_doubt: bool
    obstacle: str
    request: str


def evidence_of(sagas: Sagas, state: SagaState, command: CommandState, entries: Sequence[Entry]) -> Evidence:
    """What the journal holds of a command.

    Args:
        sagas: the engine, which knows the contracts.
        state: of the saga.
        command: of the saga.
        entries: the whole journal of the saga.
    """
    assert command.key in state.commands
    contract, undo = sagas.contract(command.method), command.compensation
    undoing = sagas.contract(undo.method) if undo is not None and undo.method else None
    service, _, method = command.method.rpartition(".")
    return Evidence(
        command.key,
        step_of(command.key),
        service,
        method,
        decoded(contract.request if contract else None, command.request),
        decoded(contract.response if contract else None, command.reply),
        undo.method.rpartition(".")[2] if undo is not None else "",
        decoded(undoing.request, undo.request) if undoing is not None and undo is not None else "",
        list(_answers(command.key, entries))[-_MOST_ANSWERS:],
    )


def decided_about(state: SagaState, keys: Iterable[str]) -> list[CommandState]:
    """The commands about which something has to be decided: that of the reason, and those of the choices."""
    reason = state.suspension.step_key if state.suspension is not None else ""
    return [state.commands[key] for key in dict.fromkeys([reason, *keys]) if key in state.commands]


def planned_rollback(sagas: Sagas, state: SagaState) -> list[Planned]:
    """What a cancel would compensate now, in its order."""
    return [
        Planned(
            each.command.key,
            step_of(each.command.key),
            each.compensation.rpartition(".")[2],
            each.in_doubt,
            each.obstacle,
            "" if each.request is None else as_json(each.request),
        )
        for each in sagas.preview(state)
    ]


def standing_effects(state: SagaState) -> list[str]:
    """The steps whose effects no compensation takes back."""
    return [step_of(command.key) for command in plan_compensations(state).standing]


def reply_skeleton(sagas: Sagas, state: SagaState, key: str) -> str:
    """The fields of a command's reply, to be filled in; empty where no contract is at hand."""
    command = state.commands.get(key)
    contract = sagas.contract(command.method) if command is not None else None
    return skeleton(contract.response) if contract is not None else ""


def message_skeleton(sagas: Sagas, state: SagaState, signal: str) -> str:
    """The fields of a signal's message, to be filled in; empty where the code is not served."""
    served = sagas.find(state.definition, state.version)
    kind = served.plan.signal_type(signal) if served is not None else None
    return skeleton(kind) if kind is not None else ""


def _answers(key: str, entries: Iterable[Entry]) -> Iterator[Answer]:
    undo = compensation_key(key)
    for entry in entries:
        match entry:
            case e.AttemptFailed() if entry.key in {key, undo}:
                yield Answer(entry.at, entry.attempt, str(entry.failure), entry.key == undo)
            case e.CommandRefused() | e.CommandAbandoned() if entry.key == key:
                yield Answer(entry.at, entry.attempt, str(entry.failure), of_compensation=False)
            case e.CompensationRejected() if entry.key == key:
                yield Answer(entry.at, entry.attempt, str(entry.failure), of_compensation=True)
            case _:
                pass
