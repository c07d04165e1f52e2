"""What a form of the console does to one saga: the acts of the API, through the same facade, in the caller's name.

==================================  =========================================================
field of the form                   of
==================================  =========================================================
``saga``                            all
``reason``                          cancel, pause, resume, retry, approve, reject
``evidence``                        resolve, compensated, skip
``key``                             resolve, compensated, skip: the command
``effect`` (``yes``, ``no``)        resolve; ``reply`` is its reply as JSON, where it is needed
``signal``, ``request_id``          signal, approve, reject; ``message`` as JSON: signal
``resume``                          resolve, compensated, skip: resume the saga then
==================================  =========================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.access.decisions import refuse_without_role
from orchestrator.access.subject import actor, current
from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.api.guidance.choice import FORMS
from orchestrator.api.signals import decision_of, typed_signal
from orchestrator.console.views.payloads import from_json
from orchestrator.contract.access import Role
from orchestrator.errors import InvalidInput, UnknownSignal
from orchestrator.journal.acts import Act, find_command
from saga.v1 import saga_service_pb2 as api
from saga.v1.saga_pb2 import Decision

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from google.protobuf.message import Message

    from orchestrator.engine.sagas import Sagas
    from orchestrator.journal.state import SagaState

    Form = Mapping[str, str]

_REQUESTS: Final[Mapping[str, type[Message]]] = {
    "cancel": api.CancelSagaRequest,
    "pause": api.PauseSagaRequest,
    "resume": api.ResumeSagaRequest,
    "retry": api.RetryNowRequest,
    "resolve": api.ResolveOutcomeRequest,
    "compensated": api.ResolveCompensationRequest,
    "skip": api.SkipCompensationRequest,
    "signal": api.SignalSagaRequest,
    "approve": api.DecideSagaRequest,
    "reject": api.DecideSagaRequest,
}
_CHECKED: Final = ("reason", "evidence", "key")
_DECIDING: Final = frozenset({"resolve", "compensated", "skip"})


async def carry_out(sagas: Sagas, name: str, form: Form) -> SagaState:
    """Do what a form says; the saga afterwards.

    Args:
        sagas: the engine.
        name: of the act, a key of :data:`~orchestrator.api.guidance.choice.FORMS`.
        form: its fields.

    Raises:
        InvalidInput: a field breaks its constraints, which are those of the API.
        ActRefused: the saga is not in a state for it.
        ActNoted: it is done later, by the replica that advances the saga.
    """
    saga_id = form.get("saga", "")
    if not saga_id:
        raise InvalidInput(("saga", "say which saga it is about"))
    _refuse_broken(name, form)
    state = await _DOES[name](sagas, saga_id, form)
    if name in _DECIDING and form.get("resume"):
        state = await sagas.act(Act.RESUME, saga_id, f"decided: {form['evidence']}", actor())
    return state


def _refuse_broken(name: str, form: Form) -> None:
    """Hold the texts of a form against the constraints of the request that says the same to the API."""
    request = _REQUESTS[name]
    known = request.DESCRIPTOR.fields_by_name
    said = {field: form.get(field, "").strip() for field in _CHECKED if field in known}
    for field in ("reason", "evidence"):
        if field in known and not said[field]:
            raise InvalidInput((field, "say it in a sentence: the journal keeps it"))
    message = request(saga_id=form["saga"], **said)
    if isinstance(message, api.SignalSagaRequest):
        return  # its message is checked when its type is known
    refuse_invalid(message)


async def _act(act: Act, sagas: Sagas, saga_id: str, form: Form) -> SagaState:
    return await sagas.act(act, saga_id, form["reason"].strip(), actor())


async def _resolve(sagas: Sagas, saga_id: str, form: Form) -> SagaState:
    if form.get("effect") not in {"yes", "no"}:
        raise InvalidInput(("effect", "say whether the command took effect: yes or no"))
    took_effect = form["effect"] == "yes"
    reply = await _reply(sagas, saga_id, form) if took_effect and form.get("reply", "").strip() else None
    return await sagas.resolve_outcome(
        saga_id,
        form["key"],
        took_effect=took_effect,
        reply=reply,
        evidence=form["evidence"].strip(),
        requested_by=actor(),
    )


async def _reply(sagas: Sagas, saga_id: str, form: Form) -> bytes:
    """The reply of the command, checked against its contract."""
    command = find_command(await sagas.get(saga_id), form["key"])
    contract = sagas.contract(command.method)
    if contract is None:
        raise InvalidInput(("reply", f"no contract at hand tells what {command.key} replies"))
    reply = from_json(form["reply"], contract.response, "reply").SerializeToString()
    if flaw := sagas.flaw(command.method, reply):
        raise InvalidInput(("reply", flaw.message))
    return reply


async def _compensated(sagas: Sagas, saga_id: str, form: Form) -> SagaState:
    return await sagas.resolve_compensation(saga_id, form["key"], form["evidence"].strip(), actor())


async def _skip(sagas: Sagas, saga_id: str, form: Form) -> SagaState:
    return await sagas.skip_compensation(saga_id, form["key"], form["evidence"].strip(), actor())


async def _signal(sagas: Sagas, saga_id: str, form: Form) -> SagaState:
    state = await sagas.get(saga_id)
    served = sagas.find(state.definition, state.version)
    kind = served.plan.signal_type(form.get("signal", "")) if served is not None else None
    if kind is None:
        raise UnknownSignal(saga_id, "UNKNOWN_SIGNAL", f"the code at hand asks for no signal {form.get('signal')!r}")
    if kind is Decision:
        refuse_without_role(current(), Role.APPROVER, "SignalSaga with a Decision")
    message = from_json(form.get("message", ""), kind, "message")
    signal = typed_signal(form["signal"], message, form.get("request_id", ""), actor())
    return await sagas.signal(saga_id, signal)


async def _decide(sagas: Sagas, saga_id: str, form: Form, *, approved: bool) -> SagaState:
    decision = Decision(approved=approved, reason=form["reason"].strip())
    return await sagas.signal(saga_id, decision_of(decision, form.get("signal", ""), form.get("request_id", "")))


def _acts(act: Act) -> Callable[[Sagas, str, Form], Awaitable[SagaState]]:
    return lambda sagas, saga_id, form: _act(act, sagas, saga_id, form)


def _decides(*, approved: bool) -> Callable[[Sagas, str, Form], Awaitable[SagaState]]:
    return lambda sagas, saga_id, form: _decide(sagas, saga_id, form, approved=approved)


_DOES: Final[Mapping[str, Callable[[Sagas, str, Form], Awaitable[SagaState]]]] = {
    **{name: _acts(FORMS[name].act) for name in ("cancel", "pause", "resume", "retry")},
    "resolve": _resolve,
    "compensated": _compensated,
    "skip": _skip,
    "signal": _signal,
    "approve": _decides(approved=True),
    "reject": _decides(approved=False),
}
