"""The checks of effectful commands, one function each: from a way to make trials to what was seen.

A check returns what it saw, raises ``Unmet`` where the participant did otherwise, and ``NotApplicable`` where it
says nothing about the command. Those with a restart in between return what is to be done after it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.contract.command import Effect
from orchestrator.testing.conformance.trial import (
    NotApplicable,
    Trial,
    Unmet,
    expect_completed,
    expect_refused,
    expect_same,
    expect_unchanged,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.testing.conformance.answers import Answer
    from orchestrator.testing.conformance.subject import Subject

    NewTrial = Callable[[], Awaitable[Trial]]
    Check = Callable[[NewTrial], Awaitable[str]]
    AfterRestart = Callable[[], Awaitable[str]]

_CONCURRENT: Final = 8


async def same_key_twice(new: NewTrial) -> str:
    """A repeated command gets its recorded reply."""
    trial = await new()
    first = expect_completed(await trial.send(), "the first delivery")
    shown = await trial.observe()
    expect_same(first, await trial.send(), "then")
    return "one reply" + expect_unchanged(shown, await trial.observe(), "the second delivery took effect")


async def same_key_concurrently(new: NewTrial) -> str:
    """Of deliveries that race, one takes effect and all are told of it."""
    trial = await new()
    answers = await asyncio.gather(*(trial.send() for _ in range(_CONCURRENT)))
    for answer in answers:
        expect_completed(answer, f"one of {_CONCURRENT} deliveries")
        expect_same(answers[0], answer, "another one of them")
    expect_same(answers[0], await trial.send(), "once more, afterwards")
    return f"{_CONCURRENT} times the same reply"


async def key_with_another_request(new: NewTrial) -> str:
    """A key is that of one intent."""
    trial, other = await new(), await new()
    if other.request == trial.request:
        raise NotApplicable("its request has no identity, so there is no other one")
    expect_completed(await trial.send(), "the first request")
    shown = await other.observe()
    refusal = expect_refused(await other.send(key=trial.key), "another request with its key")
    return _told(refusal) + expect_unchanged(shown, await other.observe(), "the refused request took effect")


async def compensation_first(new: NewTrial) -> str:
    """A compensation that overtakes its command succeeds, and keeps it out."""
    trial = await new()
    expect_completed(await trial.compensate(), "the compensation, which came first")
    shown = await trial.observe()
    refusal = expect_refused(await trial.send(), "the command after it")
    return _told(refusal) + expect_unchanged(shown, await trial.observe(), "the refused command took effect")


async def compensation_twice(new: NewTrial) -> str:
    """A repeated compensation does nothing more, and succeeds."""
    trial = await new()
    expect_completed(await trial.send(), "the command")
    expect_completed(await trial.compensate(), "the compensation")
    shown = await trial.observe()
    expect_completed(await trial.compensate(), "the compensation once more")
    return "completed twice" + expect_unchanged(shown, await trial.observe(), "the second compensation took effect")


async def command_after_compensation(new: NewTrial) -> str:
    """A late duplicate of a compensated command has no effect."""
    trial = await new()
    first = expect_completed(await trial.send(), "the command")
    expect_completed(await trial.compensate(), "the compensation")
    shown = await trial.observe()
    late = await trial.send()
    if not (late.is_refused or late.same_as(first)):
        raise Unmet(f"first {first}; once more after the compensation: {late}")
    if not (late.is_refused or shown):
        raise NotApplicable("the first reply once more, and no query shows the effect; name one as `observe`")
    told = _told(late) if late.is_refused else "the recorded reply"
    return told + expect_unchanged(shown, await trial.observe(), "the late command took effect")


async def rejection_repeated(new: NewTrial) -> str:
    """A rejection is as final as a reply."""
    trial = await new()
    trial.reject()
    first = expect_refused(await trial.send(), "the request that should be refused")
    expect_same(first, await trial.send(), "then")
    return _told(first)


async def rejection_compensated(new: NewTrial) -> str:
    """Where the rejection was lost, the command is compensated; there is nothing to undo."""
    trial = await new()
    trial.reject()
    expect_refused(await trial.send(), "the request that should be refused")
    expect_completed(await trial.compensate(), "its compensation")
    refusal = expect_refused(await trial.send(), "the command once more")
    return f"completed; the command once more: {_told(refusal)}"


async def verify_tells(new: NewTrial) -> str:
    """The verify query knows what took effect and what did not."""
    trial, kept_out = await new(), await new()
    _expect_not_found(await trial.verify(), "before the command")
    expect_completed(await trial.send(), "the command")
    expect_completed(await trial.verify(), "verify, after the command")
    if kept_out.is_compensable:
        expect_completed(await kept_out.compensate(), "a compensation that came first")
        _expect_not_found(await kept_out.verify(), "after a compensation that came first")
    return "NOT_FOUND before, OK after"


async def same_key_after_restart(new: NewTrial) -> AfterRestart:
    """What is recorded outlives the process."""
    trial = await new()
    first = expect_completed(await trial.send(), "the command before the restart")
    shown = await trial.observe()

    async def after() -> str:
        expect_same(first, await trial.send(), "after the restart")
        return "one reply" + expect_unchanged(shown, await trial.observe(), "the restart, and the second delivery")

    return after


async def kept_out_after_restart(new: NewTrial) -> AfterRestart:
    """A compensation that came first keeps its command out of the next process, too."""
    trial = await new()
    expect_completed(await trial.compensate(), "the compensation, which came first")

    async def after() -> str:
        return _told(expect_refused(await trial.send(), "the command after the restart"))

    return after


def _told(refusal: Answer) -> str:
    return f"refused: {refusal.code}{f' ({refusal.reason})' if refusal.reason else ''}"


def _expect_not_found(answer: Answer, when: str) -> None:
    if answer.code != "NOT_FOUND":
        raise Unmet(f"verify, {when}: {answer}")


def _if_idempotent(subject: Subject) -> str:
    return "" if subject.command.idempotent else "the contract says that it does not recognise a repeated key"


def _if_compensable(subject: Subject) -> str:
    return "" if subject.undo is not None else f"it is {subject.command.effect.name.lower()}, nothing compensates it"


def _if_rejection_is_final(subject: Subject) -> str:
    if subject.command.effect is Effect.RETRYABLE:
        return "it is retryable, so a rejection may be followed by success"
    return _if_idempotent(subject)


def _if_verifiable(subject: Subject) -> str:
    return "" if subject.verify is not None else "the contract names no verify"


class Rule(NamedTuple):
    """A check and what surrounds it.

    Attributes:
        expected: what a sound participant does.
        excuse: why the check does not apply to a command; empty where it does.
        run: the check.
    """

    expected: str
    excuse: Callable[[Subject], str]
    run: Check


class RestartRule(NamedTuple):
    """The same for a check with a restart in between."""

    expected: str
    excuse: Callable[[Subject], str]
    begin: Callable[[NewTrial], Awaitable[AfterRestart]]


RULES: Final[dict[str, Rule]] = {
    "same-key-twice": Rule("the same reply, and one effect", _if_idempotent, same_key_twice),
    "same-key-concurrently": Rule("one reply for all, and one effect", _if_idempotent, same_key_concurrently),
    "key-with-another-request": Rule("a definite refusal, and no effect", _if_idempotent, key_with_another_request),
    "compensation-first": Rule("it succeeds, then the command is refused", _if_compensable, compensation_first),
    "compensation-twice": Rule("it succeeds twice, and undoes once", _if_compensable, compensation_twice),
    "command-after-compensation": Rule(
        "a definite refusal or the recorded reply, and no effect", _if_compensable, command_after_compensation
    ),
    "rejection-repeated": Rule("the same rejection", _if_rejection_is_final, rejection_repeated),
    "rejection-compensated": Rule(
        "it succeeds, having nothing to undo; the command stays refused", _if_compensable, rejection_compensated
    ),
    "verify": Rule("NOT_FOUND before the command or instead of it, OK after it", _if_verifiable, verify_tells),
}
"""Every check of an effectful command by its stable name."""

RESTART_RULES: Final[dict[str, RestartRule]] = {
    "same-key-after-restart": RestartRule("the same reply, and one effect", _if_idempotent, same_key_after_restart),
    "kept-out-after-restart": RestartRule(
        "a command whose compensation came first stays refused", _if_compensable, kept_out_after_restart
    ),
}
"""Those with a restart in between."""
