"""What a person should find out or do first about a saga that waits for one, in a sentence. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.api.guidance.decisions import is_decided
from orchestrator.api.guidance.sentence import service_of, step_of
from orchestrator.contract.command import Effect
from orchestrator.engine.sagas import WaitReason
from orchestrator.journal.reason import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.engine.sagas import Waiting
    from orchestrator.journal.state import SagaState

_SERVE: Final = "Serve code that fits its journal, and resume it; or cancel it, which needs no code."
_ADVICE: Final[Mapping[ReasonCode, str]] = {
    ReasonCode.PAUSED: "Resume it when the cause of the pause is gone.",
    ReasonCode.UNKNOWN: "Find out at {participant} whether {step} took effect, say so, and resume it.",
    ReasonCode.COMPENSATION_REJECTED: (
        "Make {participant} accept the compensation of {step}, and resume it; or take the effect back by hand and say "
        "so; or let it stand."
    ),
    ReasonCode.EFFECT_STANDS: "Settle by hand what nothing takes back, say so or let it stand, and resume it.",
    ReasonCode.REJECTED_AFTER_PIVOT: (
        "Make {participant} accept {step}, and resume it: it is sent again. Or do it by hand, say that it took effect, "
        "and resume it."
    ),
    ReasonCode.DIVERGED: _SERVE,
    ReasonCode.CODE_FAILED: _SERVE,
    ReasonCode.DEFINITION_MISSING: _SERVE,
    ReasonCode.CONTRACT_MISSING: "Serve the contract by which it was sent, and resume it.",
    ReasonCode.ENGINE_FAILED: "Read the orchestrator's log, and resume it; please report this mistake.",
}

DEAD_COMMANDS: Final = (
    "Find out why the participant could not answer, and mend it; these messages are not delivered again. The outcome "
    "of each command is unknown to its saga, whose page says what came of that, and what can be done. Forget those "
    "that are dealt with."
)
"""What helps where participants have given up commands."""


def advice_for(code: ReasonCode, step: str, participant: str) -> str:
    """What helps a saga that is suspended for this kind of reason; a step and a participant may be empty."""
    text = _ADVICE.get(code, "")
    return text.format(step=step or "the command in doubt", participant=participant or "the participant")


def advice_of(state: SagaState, waiting: Sequence[Waiting]) -> str:
    """What to find out or to do first; empty where nothing is asked of anybody."""
    if state.suspension is not None and is_decided(state):
        return "It is decided what came of it: resume it."
    if state.suspension is not None:
        return advice_for(state.suspension.code, step_of(state.suspension.step_key), _participant(state))
    down = [each for each in waiting if each.reason is WaitReason.PARTICIPANT_DOWN]
    if down:
        return f"Start {service_of(down[0].service)}; the saga goes on by itself when it answers."
    if any(each.reason is WaitReason.SIGNAL for each in waiting):
        return "Give it the answer for which it waits."
    return ""


def _participant(state: SagaState) -> str:
    """The service that the suspension is about."""
    assert state.suspension is not None
    command = state.commands.get(state.suspension.step_key)
    if command is None or command.effect is Effect.UNSPECIFIED:
        return ""
    return service_of(command.method.rpartition(".")[0])
