"""Every check of an effectful command: its stable name, what it expects, and when it does not apply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.contract.command import Effect
from orchestrator.testing.conformance.checks import (
    command_after_compensation,
    compensation_first,
    compensation_key_with_another_request,
    compensation_twice,
    kept_out_after_restart,
    key_with_another_request,
    rejection_compensated,
    rejection_repeated,
    same_key_after_restart,
    same_key_concurrently,
    same_key_twice,
)
from orchestrator.testing.conformance.echoing import echoes, echoes_no_more
from orchestrator.testing.conformance.undoing import compensation_undoes
from orchestrator.testing.conformance.verifying import verify_after_restart, verify_tells

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.testing.conformance.checks import AfterRestart, NewTrial
    from orchestrator.testing.conformance.command_under_test import CommandUnderTest

    Check = Callable[[NewTrial], Awaitable[str]]


def _if_idempotent(subject: CommandUnderTest) -> str:
    return "" if subject.command.idempotent else "the contract says that it does not recognise a repeated key"


def _if_compensable(subject: CommandUnderTest) -> str:
    return "" if subject.undo is not None else f"it is {subject.command.effect.name.lower()}, nothing compensates it"


def _if_late_command_is_recognised(subject: CommandUnderTest) -> str:
    return _if_compensable(subject) or _if_idempotent(subject)


def _if_rejection_is_final(subject: CommandUnderTest) -> str:
    if subject.command.effect is Effect.RETRYABLE:
        return "it is retryable, so a rejection may be followed by success"
    return _if_idempotent(subject)


def _if_verifiable(subject: CommandUnderTest) -> str:
    return "" if subject.verify is not None else "the contract names no verify"


def _if_compensation_has_keys(subject: CommandUnderTest) -> str:
    compensation = subject.command.compensation
    if compensation is None or compensation.idempotent:
        # A participant without keys recognises a compensation by the fields of its request.
        return _if_compensable(subject) or _if_idempotent(subject)
    return "the contract says that its compensation does not recognise a repeated key"


class Rule(NamedTuple):
    """A check, with its expectation and its exceptions.

    Attributes:
        expected: what a sound participant does.
        excuse: why the check does not apply to a command; empty where it does.
        run: the check.
    """

    expected: str
    excuse: Callable[[CommandUnderTest], str]
    run: Check


class RestartRule(NamedTuple):
    """The same for a check with a restart."""

    expected: str
    excuse: Callable[[CommandUnderTest], str]
    begin: Callable[[NewTrial], Awaitable[AfterRestart]]


RULES: Final[dict[str, Rule]] = {
    "same-key-twice": Rule("the same reply, and one effect", _if_idempotent, same_key_twice),
    "same-key-concurrently": Rule("one reply for all, and one effect", _if_idempotent, same_key_concurrently),
    "key-with-another-request": Rule("a definite refusal, and no effect", _if_idempotent, key_with_another_request),
    "compensation-first": Rule("it succeeds, then the command is refused", _if_compensable, compensation_first),
    "compensation-twice": Rule("it succeeds twice, and undoes once", _if_compensable, compensation_twice),
    "compensation-key-with-another-request": Rule(
        "a definite refusal, and no effect", _if_compensation_has_keys, compensation_key_with_another_request
    ),
    "compensation-undoes": Rule(
        "a query that showed the effect shows it no more", _if_compensable, compensation_undoes
    ),
    "command-after-compensation": Rule(
        "a definite refusal or the recorded reply, and no effect",
        _if_late_command_is_recognised,
        command_after_compensation,
    ),
    "rejection-repeated": Rule("the same rejection", _if_rejection_is_final, rejection_repeated),
    "rejection-compensated": Rule(
        "it succeeds, having nothing to undo; the command stays refused", _if_compensable, rejection_compensated
    ),
    "verify": Rule(
        "NOT_FOUND (COMMAND_NOT_SEEN) before the command or instead of it, OK after it", _if_verifiable, verify_tells
    ),
    "echoes": Rule("the idempotency key in the trailing metadata of the guard's answers", _if_idempotent, echoes),
    "echoes-no-more": Rule(
        "no idempotency key where another attempt may have taken effect", _if_idempotent, echoes_no_more
    ),
}
"""Every check of an effectful command by its stable name."""

RESTART_RULES: Final[dict[str, RestartRule]] = {
    "same-key-after-restart": RestartRule("the same reply, and one effect", _if_idempotent, same_key_after_restart),
    "kept-out-after-restart": RestartRule(
        "a command whose compensation came first stays refused", _if_compensable, kept_out_after_restart
    ),
    "verify-after-restart": RestartRule(
        "OK for a command that took effect before it", _if_verifiable, verify_after_restart
    ),
}
"""The checks with a restart, by their stable names."""
