"""Flaws to plant: in participants, in contracts, in the engine."""
# ruff: noqa: ANN401 - what is patched here is private, and so are its types

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Any

import orchestrator.engine.run.rollback.compensations
from orchestrator.contract.command import Effect
from orchestrator.engine.replica.advancing.claimed_sagas import ClaimedSagas
from orchestrator.engine.replica.claiming.recovery import Recovery
from orchestrator.engine.run.rollback.compensations import Rollback
from orchestrator.engine.run.sending.command_sender import CommandSender, ToSend
from orchestrator.engine.run.stop_control import StopControl
from orchestrator.journal.compensation_plan import CompensationPlan, plan_compensations
from orchestrator.journal.entries import CommandCompleted, CommandIntended
from orchestrator.journal.fold import fold
from orchestrator.journal.outcome import Rejected, Unknown
from orchestrator.journal.state import SagaState
from orchestrator.testing.mock import ContractParticipant
from tests.unit.testing.matrix.selling_saga import altered, sell

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    Flaw = Callable[[pytest.MonkeyPatch], Any]


def forgets_its_keys(patch: pytest.MonkeyPatch) -> None:
    """A participant without a guard."""
    command = ContractParticipant._command

    def answer(self: Any, call: Any, *, rejects: bool) -> Any:
        record = self._records.pop(call.key, None)
        answered = command(self, call, rejects=rejects)
        if record is not None and record.compensated:
            self._records[call.key] = record
        return answered

    patch.setattr(ContractParticipant, "_command", answer)


def lets_late_commands_in(patch: pytest.MonkeyPatch) -> None:
    """A participant that forgets a compensation which came first."""
    undo = ContractParticipant._undo

    def take_back(self: Any, key: str, call: Any) -> None:
        known = key in self._records
        undo(self, key, call)
        if not known:
            del self._records[key]

    patch.setattr(ContractParticipant, "_undo", take_back)


def pretends_to_compensate(patch: pytest.MonkeyPatch) -> None:
    """A participant whose compensation does nothing."""
    patch.setattr(ContractParticipant, "_undo", lambda _self, _key, _call: None)


def says_that_it_does_nothing(_: pytest.MonkeyPatch) -> Any:
    """A contract that calls an effect a query."""
    return altered(sell, "ReserveStock", effect=Effect.QUERY, compensation=None)


def says_that_it_is_not_the_pivot(_: pytest.MonkeyPatch) -> Any:
    """A contract that calls the pivot retryable."""
    return altered(sell, "CapturePayment", effect=Effect.RETRYABLE)


def names_the_wrong_compensation(_: pytest.MonkeyPatch) -> Any:
    """A contract whose compensation undoes nothing."""
    payment = next(p for p in sell.participants if p.field == "payment")
    (query,) = (command for name, command in payment.commands.items() if name == "GetPayment")
    undo = dataclasses.replace(query, effect=Effect.RETRYABLE)
    return altered(sell, "AuthorizePayment", compensation=undo)


def takes_timeouts_for_rejections(patch: pytest.MonkeyPatch) -> None:
    call = CommandSender._call

    async def attempt(self: Any, *arguments: Any) -> Any:
        outcome = await call(self, *arguments)
        return Rejected(outcome.failure) if isinstance(outcome, Unknown) else outcome

    patch.setattr(CommandSender, "_call", attempt)


def forgets_a_compensation(patch: pytest.MonkeyPatch) -> None:
    def plan(state: SagaState) -> CompensationPlan:
        whole = plan_compensations(state)
        return whole._replace(compensations=whole.compensations[:-1])

    patch.setattr(orchestrator.engine.run.rollback.compensations, "plan_compensations", plan)


def compensates_in_order_of_start(patch: pytest.MonkeyPatch) -> None:
    def plan(state: SagaState) -> CompensationPlan:
        whole = plan_compensations(state)
        return whole._replace(compensations=whole.compensations[::-1])

    patch.setattr(orchestrator.engine.run.rollback.compensations, "plan_compensations", plan)


def gives_each_attempt_a_key(patch: pytest.MonkeyPatch) -> None:
    metadata = CommandSender._metadata

    def tell(self: Any, key: str, attempt: int, about: Any) -> Any:
        return metadata(self, f"{key}-{attempt}", attempt, about)

    patch.setattr(CommandSender, "_metadata", tell)


def sends_before_the_intent_is_durable(patch: pytest.MonkeyPatch) -> None:
    persist = StopControl.persist

    async def hurry(self: Any, writer: Any) -> None:
        writing = asyncio.ensure_future(persist(self, writer))
        if not isinstance(writer._buffer[-1], CommandIntended):
            await writing

    patch.setattr(StopControl, "persist", hurry)


def cancels_after_the_pivot(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("orchestrator.engine.replica.acting.acts._refuse_cancel", lambda _state: None)


def never_sees_the_pivot(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SagaState, "pivoted", property(lambda _: False, lambda _, __: None))


def sends_again_what_is_journalled(patch: pytest.MonkeyPatch) -> None:
    recover = ClaimedSagas.recover

    def forget(self: Any, claim: Any, entries: Any, state: SagaState, **more: Any) -> Any:
        kept = [entry for entry in entries if not isinstance(entry, CommandCompleted)]
        return recover(self, claim, entries, fold(state.saga_id, kept), **more)

    patch.setattr(ClaimedSagas, "recover", forget)


def gives_compensations_up(patch: pytest.MonkeyPatch) -> None:
    send = CommandSender.send

    async def attempt(self: Any, what: ToSend, *arguments: Any, **options: Any) -> Any:
        return await send(self, what._replace(gives_up=what.gives_up or bool(what.about)), *arguments, **options)

    patch.setattr(CommandSender, "send", attempt)


def believes_that_refused_compensations_succeeded(patch: pytest.MonkeyPatch) -> None:
    settle = Rollback._settle

    def believe(self: Any, command: Any, attempted: Any) -> Any:
        settle(self, command, attempted)

    patch.setattr(Rollback, "_settle", believe)


def recovers_nothing(patch: pytest.MonkeyPatch) -> None:
    async def recover(_: Any) -> int:
        return 0

    patch.setattr(Recovery, "_recover", recover)
