"""What is written into the boxes of a flow: each step and each wait of the plan, with how far a saga has come there.

A cell stands for a place in the code. A place in a loop may have been passed any number of times: its cell says how
often, and looks like that call of it which tells the most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.analysis.plan.child_command import SERVICE
from orchestrator.console.drawing.looks import LOOKS, WORDS, Look, together
from orchestrator.console.drawing.spans import in_words
from orchestrator.contract.command import Effect
from orchestrator.journal.keys import unscoped
from orchestrator.journal.progress import Step, StepState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.analysis.plan.nodes import Issue, Wait
    from orchestrator.journal.state import SagaState
    from orchestrator.journal.waits import WaitState

_MOST_TOLD: Final = 12


@dataclass(frozen=True, slots=True)
class Cell:
    """The content of one box.

    Attributes:
        kind: ``step``, ``pivot``, ``query``, ``child`` or ``wait``.
        title: what it is, in a word.
        participant: who does it.
        told: its effect, or how far it has come.
        look: its state.
        hint: what a pointer that rests on it is told: every call, and what came of it.
        keys: those of the calls.
        times: how often it was called.
        undone: the places of its compensations in the rollback, and how each looks.
        undo: the name of its compensation; empty where none is known.
    """

    kind: str
    title: str
    participant: str
    told: str
    look: Look
    hint: str
    keys: tuple[str, ...] = ()
    times: int = 0
    undone: tuple[tuple[int, Look], ...] = ()
    undo: str = ""

    @property
    def is_pivot(self) -> bool:
        """It is the point of no return, once it has succeeded."""
        return self.kind == "pivot"


def planned_cell(issue: Issue) -> Cell:
    """A step as the plan alone tells it."""
    command = issue.command
    what = _effect(command.effect, command.compensation.method if command.compensation else "")
    if issue.best_effort:
        what += ", best effort"
    if issue.child is not None:
        child = issue.child
        title, participant = child.name, f"child saga, version {child.version}"
        undo = "Rollback" if command.compensation else ""
    else:
        title, participant = command.method, command.service.rpartition(".")[2]
        undo = command.compensation.method if command.compensation else ""
    hint = f"{command.short_name}: {what}, line {issue.line}"
    return Cell(
        _kind(command.effect, child=issue.child is not None), title, participant, what, Look.PLANNED, hint, undo=undo
    )


class Situation(NamedTuple):
    """What there is to know of a saga besides its steps.

    Attributes:
        waiting: the keys of what waits for its next attempt.
        suspended: the saga waits for an operator, and nothing is under way.
    """

    waiting: frozenset[str] = frozenset()
    suspended: bool = False


def laid(cell: Cell, steps: Sequence[Step], situation: Situation) -> Cell:
    """A step of the plan with what a saga has done there.

    Args:
        cell: as the plan tells it.
        steps: what the saga has done, or will do, at this place.
        situation: of the saga.
    """
    if not steps:
        return alike(cell, Look.NOT_BEGUN)
    looks = [_look(step, situation) for step in steps]
    begun = [step for step in steps if step.command is not None]
    look = together(looks)
    return replace(
        cell,
        told=_told(begun, steps, look),
        look=look,
        hint="\n".join([cell.hint, *_calls(begun, looks)]),
        keys=tuple(step.command.key for step in begun if step.command is not None),
        times=len(begun),
        undone=tuple(sorted(_undone(begun, situation))),
        undo=_undo_method(begun) or cell.undo,
    )


def alike(cell: Cell, look: Look) -> Cell:
    """A cell of which only its state is told."""
    return replace(cell, look=look, told=WORDS[look])


def happened_cells(steps: Iterable[Step], situation: Situation) -> list[Cell]:
    """Steps of which no plan tells: those of one name in one cell, in the order of the first of each."""
    by_method: dict[str, list[Step]] = {}
    for step in steps:
        by_method.setdefault(step.method, []).append(step)
    return [laid(_bare(found[0]), found, situation) for found in by_method.values()]


def planned_wait(wait: Wait) -> Cell:
    """A wait as the plan alone tells it."""
    title = f"signal {wait.signal}" if wait.signal else "timer"
    kind = wait.message.DESCRIPTOR.name if wait.message is not None else ""
    told = f"waits for a {kind}" if kind else "waits for a time"
    return Cell("wait", title, " ".join(wait.what.split()), told, Look.PLANNED, f"{wait.what}, line {wait.line}")


def laid_wait(cell: Cell, waits: Sequence[WaitState], *, over: bool) -> Cell:
    """A wait of the plan with what a saga has done there; ``over`` where the saga will not come there any more."""
    if not waits:
        return alike(cell, Look.SKIPPED if over else Look.NOT_BEGUN)
    looks = [Look.SKIPPED if over else Look.WAITING if wait.how is None else Look.DONE for wait in waits]
    last = waits[-1]
    told = WORDS[Look.WAITING]
    if last.how is not None and last.ended_at is not None:
        told = f"{_ENDS[last.how.value]} after {in_words(last.ended_at - last.began_at)}"
    return replace(cell, look=together(looks), told=told, keys=tuple(wait.key for wait in waits), times=len(waits))


_ENDS: Final[Mapping[str, str]] = {"DUE": "its time came", "SIGNAL": "signal came", "LEFT": "left"}


# How a compensation looks, by the look of its command.
_BACKWARD: Final[Mapping[Look, Look]] = {
    Look.COMPENSATED: Look.DONE,
    Look.COMPENSATING: Look.IN_PROGRESS,
    Look.WAITING: Look.WAITING,
    Look.FAILED: Look.FAILED,
    Look.STANDS: Look.STANDS,
}


def waits_by_name(state: SagaState) -> dict[str, list[WaitState]]:
    """The waits of a saga by their names, such as ``sleep`` and ``signal:paid``, without scopes and numbers."""
    found: dict[str, list[WaitState]] = {}
    for wait in state.waits.values():
        found.setdefault(unscoped(wait.key), []).append(wait)
    return found


def _kind(effect: Effect, *, child: bool) -> str:
    if effect is Effect.PIVOT:
        return "pivot"
    if child:
        return "child"
    return "query" if effect is Effect.QUERY else "step"


def _effect(effect: Effect, undo: str) -> str:
    if effect is Effect.UNSPECIFIED:
        return "no effect stated"
    return f"compensable, by {undo}" if undo else effect.name.lower()


def _bare(step: Step) -> Cell:
    first, _, name = step.method.partition(".")
    if first == SERVICE:
        return Cell(_kind(step.effect, child=True), name, "child saga", "", Look.PLANNED, step.method)
    service, _, method = step.method.rpartition(".")
    participant = service.rpartition(".")[2]
    return Cell(_kind(step.effect, child=False), method, participant, "", Look.PLANNED, f"{participant}.{method}")


def _look(step: Step, situation: Situation) -> Look:
    look, command = LOOKS[step.state], step.command
    if command is None or look not in {Look.IN_PROGRESS, Look.COMPENSATING}:
        return look
    if situation.suspended:
        refused = command.compensation is not None and command.compensation.unsettled
        return Look.FAILED if refused else look
    return Look.WAITING if command.key in situation.waiting else look


def _told(begun: Sequence[Step], steps: Sequence[Step], look: Look) -> str:
    words = WORDS[look]
    if not begun:
        return f"{words}, conditional" if any(step.conditional for step in steps) else words
    if len(begun) > 1:
        return _counted(begun, words)
    command = begun[0].command
    assert command is not None
    if look is Look.DONE and command.ended_at is not None:
        words += f" in {in_words(command.ended_at - command.intended_at)}"
    if look is Look.FAILED and command.compensation is not None:
        return "its compensation failed"
    return words + (f", sent {command.attempts} times" if command.attempts > 1 else "")


def _counted(begun: Sequence[Step], words: str) -> str:
    """How many of several calls have come how far."""
    states = [step.state for step in begun]
    for state, done in ((StepState.COMPENSATED, "compensated"), (StepState.COMPLETED, "done")):
        if 0 < states.count(state) < len(states):
            return f"{states.count(state)} of {len(states)} {done}"
    return words


def _calls(begun: Sequence[Step], looks: Sequence[Look]) -> list[str]:
    told = []
    for step, look in zip(begun, looks, strict=False):
        assert step.command is not None
        failure = step.command.failure
        failed = f": {failure}" if failure is not None and step.command.reply is None else ""
        told.append(f"{step.command.key}: {WORDS[look]}{failed}")
    more = len(told) - _MOST_TOLD
    return told if more <= 0 else [*told[:_MOST_TOLD], f"and {more} more"]


def _undone(begun: Sequence[Step], situation: Situation) -> Iterable[tuple[int, Look]]:
    for step in begun:
        compensation = step.command.compensation if step.command is not None else None
        if compensation is None:
            continue
        yield compensation.position, _BACKWARD.get(_look(step, situation), Look.NOT_BEGUN)


def _undo_method(begun: Sequence[Step]) -> str:
    for step in begun:
        compensation = step.command.compensation if step.command is not None else None
        if compensation is not None and compensation.method:
            return compensation.method.rpartition(".")[2]
    return ""
