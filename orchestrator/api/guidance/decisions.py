"""What an operator may say of commands of a suspended saga: what came of them, or of their compensations. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.api.guidance.sentence import step_of
from orchestrator.errors import ActRefused
from orchestrator.journal.acts import resolvable, uncompensated
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.api.guidance.choice import Choice, Offers
    from orchestrator.journal.state import CommandState, SagaState

_TAKEN_BACK = "Its effect counts as taken back; resume it then, and the rollback passes it by."
_STANDS = "Its effect stays; resume it then, and the saga ends as partially compensated."


_ASKING = frozenset(
    {
        ReasonCode.UNKNOWN,
        ReasonCode.COMPENSATION_REJECTED,
        ReasonCode.EFFECT_STANDS,
        ReasonCode.REJECTED_AFTER_PIVOT,
    }
)
"""The reasons for which a saga is suspended until something is decided about its commands."""


def is_decided(state: SagaState) -> bool:
    """Whether a saga was suspended for a decision, and nothing is left to be decided."""
    asks = state.suspension is not None and state.suspension.code in _ASKING
    return asks and not _found(resolvable, state) and not _found(uncompensated, state)


def of_outcomes(offers: Offers) -> Iterator[Choice]:
    """What is to be said of each command in doubt."""
    commands = _found(resolvable, offers.state)
    for command in commands:
        if not command.abandoned or offers.state.rollback is not None:
            yield _outcome(offers, command, took_effect=True)
        yield _outcome(offers, command, took_effect=False)
    if not commands:
        told, none = "It is told what came of a command in doubt.", "no command of it is in doubt"
        yield offers.offer("resolve", "Resolve an outcome", told, ("STEP", "--took-effect"), otherwise=none)


def of_compensations(offers: Offers) -> Iterator[Choice]:
    """What is to be decided of each effect that stands in the way of a rollback."""
    commands = _found(uncompensated, offers.state)
    for command in commands:
        step = step_of(command.key)
        key, arguments = command.key, (command.key, "--compensated")
        yield offers.offer("compensated", f"{step} was taken back by other means", _TAKEN_BACK, arguments, key=key)
        yield offers.offer("skip", f"Let the effect of {step} stand", _STANDS, (key,), key=key)
    if not commands:
        none, arguments = "no effect is in the way of a rollback", ("STEP", "--compensated")
        yield offers.offer("compensated", "Say what was taken back", _TAKEN_BACK, arguments, otherwise=none)
        yield offers.offer("skip", "Let an effect stand", _STANDS, ("STEP",), otherwise=none)


def _outcome(offers: Offers, command: CommandState, *, took_effect: bool) -> Choice:
    forward = offers.state.rollback is None
    if took_effect:
        then = "goes on with the reply that you give" if forward else "compensates it like the others"
    else:
        then = "goes on as after a refusal" if forward else "has nothing to compensate there"
    needs_reply = took_effect and forward
    reply = ("--reply-json", "{REPLY}") if needs_reply else ()
    return offers.offer(
        "resolve",
        f"{step_of(command.key)} {'took effect' if took_effect else 'had no effect'}",
        f"Resume it then, and it {then}.",
        (command.key, "--took-effect" if took_effect else "--no-effect", *reply),
        key=command.key,
        took_effect=took_effect,
        needs_reply=needs_reply,
    )


def _found(refusing: Callable[[SagaState, str], CommandState], state: SagaState) -> list[CommandState]:
    """The commands of a suspended saga that an act is not refused for."""
    if state.status is not Status.SUSPENDED:
        return []
    return [command for command in state.commands.values() if _is_allowed(refusing, state, command.key)]


def _is_allowed(refusing: Callable[[SagaState, str], CommandState], state: SagaState, key: str) -> bool:
    try:
        refusing(state, key)
    except ActRefused:
        return False
    return True
