"""The acts on one saga: for each a page that says what follows from it and asks why, and the form that does it.

The page stands still while somebody writes, and what it says of the saga is true when it is loaded. The act itself is
refused, with the reason, where the saga has moved on since.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.responses import RedirectResponse

from orchestrator.api.guidance.choice import FORMS
from orchestrator.api.guidance.guidance import lacks_role, saga_guidance
from orchestrator.console.acting import carry_out
from orchestrator.console.page import Page
from orchestrator.console.views.evidence import message_skeleton, planned_rollback, reply_skeleton, standing_effects
from orchestrator.console.views.saga_picture import preview_picture
from orchestrator.errors import ActRefused
from orchestrator.journal.state import Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.api.guidance.choice import Choice
    from orchestrator.console.console import Console
    from orchestrator.engine.sagas import Sagas
    from orchestrator.journal.state import SagaState

    Answer = Callable[[Request], Awaitable[Response]]

_SEE_OTHER = 303
_SERVICE = "saga.v1.SagaService"


def pages(console: Console) -> Iterator[Page]:
    """Two for each act: what it would do, and doing it."""
    for name, form in FORMS.items():
        yield Page(f"/acts/{name}", f"{_SERVICE}.{form.rpc}", _asking(console, name))
        yield Page(f"/acts/{name}", f"{_SERVICE}.{form.rpc}", _doing(console, name), "POST")


def form_of(sagas: Sagas, state: SagaState, choice: Choice) -> Mapping[str, str]:
    """What the form of a choice begins with, besides what the choice says."""
    return {
        "reply": reply_skeleton(sagas, state, choice.key) if choice.needs_reply else "",
        "message": message_skeleton(sagas, state, choice.signal) if choice.name == "signal" else "",
        "request_id": str(uuid.uuid4()),
    }


def _asking(console: Console, name: str) -> Answer:
    """The page of an act."""

    async def ask(request: Request) -> Response:
        sagas = console.sagas
        state = await sagas.get(request.query_params.get("saga", ""))
        guidance = saga_guidance(state, sagas, console.clock.now(), lacks_role)
        choice = _chosen(guidance.choices, name, request.query_params)
        if choice is None:
            raise ActRefused(state.saga_id, "NOTHING_TO_DO", f"saga {state.saga_id} has nothing of this kind to do")
        shown: dict[str, Any] = {"state": state, "guidance": guidance, "choice": choice}
        if name == "cancel":
            shown |= _rollback(sagas, state)
        return console.render(request, "act.html", form=form_of(sagas, state, choice), **shown)

    return ask


def _doing(console: Console, name: str) -> Answer:
    """What the form of that page does."""

    async def do(request: Request) -> Response:
        given = await request.form()
        form = {key: value for key, value in given.items() if isinstance(value, str)}
        state = await carry_out(console.sagas, name, form)
        # Where something is left to be decided, the next page is that of the decisions.
        place = "case" if form.get("from") == "case" and state.status is Status.SUSPENDED else "sagas"
        return RedirectResponse(f"/{place}/{quote(state.saga_id, safe='')}", _SEE_OTHER)

    return do


def _chosen(choices: Sequence[Choice], name: str, said: Mapping[str, str]) -> Choice | None:
    """The choice that an address names, or the only one of its name."""
    named = [each for each in choices if each.name == name]
    effect = {"yes": True, "no": False}.get(said.get("effect", ""))
    wanted = [
        each
        for each in named
        if each.key == said.get("key", each.key)
        and each.signal == said.get("signal", each.signal)
        and (effect is None or each.took_effect is effect)
    ]
    return wanted[0] if len(wanted) == 1 else None


def _rollback(sagas: Sagas, state: SagaState) -> Mapping[str, Any]:
    """What a cancel would compensate, as a list and as a picture, and what would stand."""
    planned = planned_rollback(sagas, state)
    return {
        "planned": planned,
        "standing": standing_effects(state),
        "picture": preview_picture(sagas, state, [each.key for each in planned]),
    }
