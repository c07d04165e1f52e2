"""The desk: what waits for a person, by its cause; one case with its evidence; and a whole cause at once.

It also shows the commands that participants have given up, for somebody has to mend these participants.

::

    desk ──▶ case: what is known of one saga, what its participant says now, what can be decided
      │
      └────▶ cause: all sagas of it, and the same decision for each: by a bulk act where there is one of that kind,
                    and one after the other where it is about a command
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.api.guidance.advice import DEAD_COMMANDS
from orchestrator.api.guidance.choice import FORMS
from orchestrator.api.guidance.guidance import lacks_role, saga_guidance
from orchestrator.console.acting import carry_out
from orchestrator.console.page import Page
from orchestrator.console.pages.acts import form_of
from orchestrator.console.pages.dead_commands import FORGET
from orchestrator.console.verifying import verified
from orchestrator.console.views.desk import Cause, all_of, groups_of
from orchestrator.console.views.evidence import decided_about, evidence_of
from orchestrator.console.views.waiting_people import answers_waiting
from orchestrator.errors import ActNoted, InvalidInput, OrchestratorError, SagaNotFound

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.api.guidance.choice import Choice
    from orchestrator.console.console import Console
    from orchestrator.engine.sagas import Sagas
    from orchestrator.ports.catalogue import SagaRecord

    Answer = Callable[[Request], Awaitable[Response]]

_SERVICE: Final = "saga.v1.SagaService"
_DURABLY: Final = ("resume", "cancel")
"""What a bulk act does, which goes on after a restart."""
_ONE_BY_ONE: Final = ("resolve", "compensated", "skip")
"""What is said of a command of each saga."""
_AT_ONCE: Final = 8
_LISTED: Final = 100
_LETTERS: Final = 5


class Outcome(NamedTuple):
    """What came of a decision for one of several sagas: done, noted, or why it was refused."""

    saga_id: str
    text: str
    done: bool


def pages(console: Console) -> Iterator[Page]:
    """The pages."""
    yield Page("/desk", "saga.v1.FiguresService.ListSuspendedGroups", _desk(console))
    yield Page("/case/{saga_id:path}", f"{_SERVICE}.GetSaga", _case(console))
    yield Page("/desk/cause", f"{_SERVICE}.ListSagas", _cause(console))
    for name in _ONE_BY_ONE:
        yield Page(f"/desk/all/{name}", f"{_SERVICE}.{FORMS[name].rpc}", _all(console, name), "POST")


def _desk(console: Console) -> Answer:
    async def view() -> Mapping[str, Any]:
        groups, asked, dead = await asyncio.gather(
            groups_of(console.sagas), answers_waiting(console.sagas), console.dead_commands.newest(_LETTERS)
        )
        given_up = {"dead": dead, "dead_advice": DEAD_COMMANDS, "why_no_forget": console.lacking(FORGET)}
        return {"groups": groups, "asked": asked, **given_up}

    async def desk(request: Request) -> Response:
        return await console.show(request, "desk", view, seconds=3.0)

    return desk


def _case(console: Console) -> Answer:
    """What is known of one saga. It stands still: somebody writes here."""

    async def case(request: Request) -> Response:
        sagas, saga_id = console.sagas, request.path_params["saga_id"]
        state, entries = await sagas.get(saga_id), await sagas.entries(saga_id)
        guidance = saga_guidance(state, sagas, console.clock.now(), lacks_role)
        legal = [choice for choice in guidance.choices if choice.legal]
        commands = decided_about(state, [choice.key for choice in legal if choice.key])
        answers = await asyncio.gather(*(verified(console.application, saga_id, each) for each in commands))
        replies = {each.key: said.reply for each, said in zip(commands, answers, strict=True) if said and said.reply}
        shown: dict[str, Any] = {
            "state": state,
            "guidance": guidance,
            "evidence": [evidence_of(sagas, state, each, entries) for each in commands],
            "verified": answers,
            "forms": [
                (choice, _filled(form_of(sagas, state, choice), replies.get(choice.key, ""))) for choice in legal
            ],
        }
        return console.rendering.answer(request, "case.html", **shown)

    return case


def _filled(form: Mapping[str, str], reply: str) -> Mapping[str, str]:
    """A form with the reply that the participant has told, where it has."""
    return {**form, "reply": reply} if reply and form["reply"] else form


def _cause(console: Console) -> Answer:
    """All sagas of one cause, and what can be decided for all of them."""

    async def about(request: Request) -> Response:
        cause = _named(request.query_params)
        records = await all_of(console.sagas, cause)
        if not records:
            return console.render(request, "cause.html", cause=cause, records=[])
        state = await console.sagas.get(records[0].saga_id)
        guidance = saga_guidance(state, console.sagas, console.clock.now(), lacks_role)
        shown: dict[str, Any] = {"cause": cause, "records": records[:_LISTED], "number": len(records), "state": state}
        offered = _for_all(guidance.choices, cause)
        lacking = console.lacking("saga.v1.BulkActService.PrepareBulkAct")
        durably = [] if lacking else [choice for choice in offered if choice.name in _DURABLY]
        one_by_one = [choice for choice in offered if choice.name in _ONE_BY_ONE]
        return console.render(request, "cause.html", durably=durably, one_by_one=one_by_one, **shown)

    return about


def _all(console: Console, name: str) -> Answer:
    """The same decision for every saga of a cause."""

    async def decide(request: Request) -> Response:
        given = await request.form()
        form = {key: value for key, value in given.items() if isinstance(value, str)}
        cause = _named(form)
        records = await all_of(console.sagas, cause)
        if form.get("number") != str(len(records)):
            told = (
                f"you were shown {form.get('number') or 'none'}, and there are {len(records)} now; look at them again"
            )
            raise InvalidInput(("number", told))
        outcomes = await _one_by_one(console, name, form, cause, records)
        return console.render(request, "cause_result.html", cause=cause, outcomes=outcomes, form=FORMS[name])

    return decide


async def _one_by_one(
    console: Console, name: str, form: Mapping[str, str], cause: Cause, records: Sequence[SagaRecord]
) -> list[Outcome]:
    """Decide for each saga, a few at a time."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def decided(record: SagaRecord) -> Outcome:
        async with free:
            return await _decided(console.sagas, name, form, cause, record.saga_id)

    return list(await asyncio.gather(*map(decided, records)))


async def _decided(sagas: Sagas, name: str, form: Mapping[str, str], cause: Cause, saga_id: str) -> Outcome:
    try:
        state = await sagas.get(saga_id)
        own = {"saga": saga_id, "key": _key_in(state.commands, cause, form)}
        after = await carry_out(sagas, name, {**form, **own})
    except ActNoted as noted:
        return Outcome(saga_id, str(noted), done=True)
    except InvalidInput:
        raise
    except OrchestratorError as error:
        return Outcome(saga_id, str(error).replace(f"saga {saga_id}", "it", 1), done=False)
    assert after.status is not None
    return Outcome(saga_id, f"it is {after.status.name.lower().replace('_', ' ')} now", done=True)


def _key_in(commands: Mapping[str, Any], cause: Cause, form: Mapping[str, str]) -> str:
    """The command of one saga that stands where that of the form stands in the saga that was shown."""
    wanted = form.get("key", "")
    if not wanted or wanted in commands:
        return wanted
    of_method = [key for key, command in commands.items() if command.method == cause.command]
    return of_method[-1] if of_method else wanted


def _for_all(choices: Sequence[Choice], cause: Cause) -> list[Choice]:
    """What can be decided for all alike: nothing that asks for the reply of one of them."""
    return [
        choice
        for choice in choices
        if choice.name in (*_DURABLY, *_ONE_BY_ONE)
        and choice.legal
        and not choice.needs_reply
        and (not choice.key or cause.step in choice.key)
    ]


def _named(said: Mapping[str, str]) -> Cause:
    cause = Cause(said.get("definition", ""), said.get("command", ""), said.get("code", ""))
    if not cause.definition or not cause.code:
        raise SagaNotFound("of this cause")
    return cause
