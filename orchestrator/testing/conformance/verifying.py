"""Checks that the verify query tells whether a command took effect, with a status that an orchestrator accepts.

Yes is OK. No is NOT_FOUND with a google.rpc.ErrorInfo whose reason is COMMAND_NOT_SEEN, or a status that the query's
contract names as OUTCOME_REJECTED. A bare NOT_FOUND is no answer, because load balancers and wrong backends send it,
too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.contract.command import Meaning
from orchestrator.testing.conformance.trial import Unmet, expect_completed, expect_refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.testing.conformance.answers import Answer
    from orchestrator.testing.conformance.trial import Trial

    NewTrial = Callable[[], Awaitable[Trial]]

_NO: Final = ("NOT_FOUND", "COMMAND_NOT_SEEN")
_SAY_NO: Final = "answer NOT_FOUND with a google.rpc.ErrorInfo whose reason is COMMAND_NOT_SEEN"
_SAY_YES: Final = "answer OK for the key of a command that took effect"


async def verify_tells(new: NewTrial) -> str:
    """The verify query tells commands that took effect from those that did not."""
    trial, kept_out, rejected = await new(), await new(), await new()
    _expect_no(trial, await trial.verify(), "before the command")
    expect_completed(await trial.send(), "the command")
    _expect_yes(trial, await trial.verify(), "after the command")
    seen = "no before the command, yes after it"
    if kept_out.may_compensate_first:
        expect_completed(await kept_out.compensate(), "a compensation that came first")
        _expect_no(kept_out, await kept_out.verify(), "after a compensation that came first")
        seen += ", no where its compensation came first"
    if rejected.is_rejectable:
        rejected.reject()
        expect_refused(await rejected.send(), "the request that should be refused")
        _expect_no(rejected, await rejected.verify(), "after the command was rejected")
        seen += ", no where it was rejected"
    return seen


async def verify_after_restart(new: NewTrial) -> Callable[[], Awaitable[str]]:
    """A command that took effect before a restart is known after it."""
    trial = await new()
    expect_completed(await trial.send(), "the command before the restart")

    async def after() -> str:
        _expect_yes(trial, await trial.verify(), "after the restart")
        return "yes"

    return after


def _says_no(trial: Trial, answer: Answer) -> bool:
    said = answer.code, answer.reason, answer.message
    ruled = next((rule for rule in trial.verify_rules if rule.matches(*said)), None)
    return (answer.code, answer.reason) == _NO if ruled is None else ruled.meaning is Meaning.REJECTED


def _expect_yes(trial: Trial, answer: Answer, when: str) -> None:
    if not answer.is_completed:
        said = "says no" if _says_no(trial, answer) else "does not say yes"
        raise Unmet(f"verify, {when}, {said}: {answer}; {_SAY_YES}")


def _expect_no(trial: Trial, answer: Answer, when: str) -> None:
    if answer.is_completed:
        raise Unmet(f"verify, {when}, says yes: {answer}; {_SAY_NO}")
    if not _says_no(trial, answer):
        rule = "or name the status as OUTCOME_REJECTED in the query's `outcomes`"
        raise Unmet(f"verify, {when}, neither says yes nor no: {answer}; {_SAY_NO}, {rule}")
