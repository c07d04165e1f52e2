"""The pictures of one saga, drawn from what the facade tells at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from markupsafe import Markup

from orchestrator.analysis.plan.child_command import SERVICE
from orchestrator.console.drawing.flow import flow_svg
from orchestrator.console.drawing.spans import SECOND
from orchestrator.console.drawing.timeline import timeline_svg
from orchestrator.errors import SagaNotFound
from orchestrator.journal.keys import child_id, idempotency_key
from orchestrator.journal.state import ENDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.engine.sagas import Sagas
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.state import SagaState

_MOST_CHILDREN: Final = 20
# A picture that changes with every glance would be sent again and again: after so long, it changes in such steps.
_STEPS: Final = ((2 * 3_600 * SECOND, 300 * SECOND), (120 * SECOND, 30 * SECOND), (0, 2 * SECOND))


class ChildLink(NamedTuple):
    """A child saga: the command that it is, and its identity."""

    key: str
    saga_id: str


class Pictures(NamedTuple):
    """The pictures of one saga, as SVG."""

    flow: Markup
    timeline: Markup
    children: list[ChildLink]


async def pictures_of(sagas: Sagas, state: SagaState, entries: Sequence[Entry], now: int) -> Pictures:
    """The flow and the time of a saga, and its children.

    Args:
        sagas: the engine.
        state: of the saga.
        entries: its whole journal.
        now: the instant of the pictures.
    """
    served, waiting = sagas.find(state.definition, state.version), sagas.waiting(state)
    links = children_of(state)
    inside = {link.key: await _child(sagas, link.saga_id) for link in links[:_MOST_CHILDREN]}
    known = {key: child for key, child in inside.items() if child is not None}
    plan = None if served is None else served.plan
    flow = flow_svg(plan, state, waiting=waiting, children=known)
    timeline = timeline_svg(entries, _calm(state, entries, now), waiting=waiting)
    return Pictures(Markup(flow), Markup(timeline), links)  # noqa: S704 - every text in them is escaped


def preview_picture(sagas: Sagas, state: SagaState, keys: Sequence[str]) -> Markup:
    """The flow of a saga, with what a cancel would compensate, in its order."""
    served = sagas.find(state.definition, state.version)
    flow = flow_svg(None if served is None else served.plan, state, waiting=sagas.waiting(state), preview=keys)
    return Markup(flow)  # noqa: S704 - as above


def children_of(state: SagaState) -> list[ChildLink]:
    """The children of a saga, in the order in which they began."""
    return [
        ChildLink(command.key, child_id(idempotency_key(state.saga_id, command.key)))
        for command in state.commands.values()
        if command.method.partition(".")[0] == SERVICE
    ]


async def _child(sagas: Sagas, saga_id: str) -> SagaState | None:
    try:
        return await sagas.get(saga_id)
    except SagaNotFound:
        return None


def _calm(state: SagaState, entries: Sequence[Entry], now: int) -> int:
    """Now, in steps: the longer a saga has been going on, the larger."""
    if state.status in ENDED:
        return now
    step = next(step for age, step in _STEPS if now - state.started_at >= age or not age)
    return max(now // step * step, *(entry.at for entry in entries))
