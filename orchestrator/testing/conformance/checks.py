"""The checks of a participant's guard, one function each: from a function that makes trials to what was seen.

A check returns what it saw. It raises ``Unmet`` where the participant did something else, ``NotSeen`` where nothing
shows what the participant did, and ``NotApplicable`` where the check does not apply to the command. A check with a
restart returns the part that runs after the restart.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from orchestrator.testing.conformance.trial import (
    NO_QUERY,
    NotApplicable,
    NotSeen,
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

    NewTrial = Callable[[], Awaitable[Trial]]
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
    """Of deliveries that race, one takes effect, and all get the same answer."""
    trial = await new()
    answers = await asyncio.gather(*(trial.send() for _ in range(_CONCURRENT)))
    for answer in answers:
        expect_completed(answer, f"one of {_CONCURRENT} deliveries")
        expect_same(answers[0], answer, "another one of them")
    expect_same(answers[0], await trial.send(), "once more, afterwards")
    return f"{_CONCURRENT} times the same reply"


async def key_with_another_request(new: NewTrial) -> str:
    """A key belongs to one intent."""
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
    if not shown:
        raise NotSeen(f"completed twice; {NO_QUERY}")
    return "completed twice" + expect_unchanged(shown, await trial.observe(), "the second compensation took effect")


async def compensation_key_with_another_request(new: NewTrial) -> str:
    """A compensation's key belongs to one intent, too."""
    trial, other = await new(), await new()
    expect_completed(await trial.send(), "the command")
    expect_completed(await other.send(), "another command")
    if other.undo_request() == trial.undo_request():
        raise NotApplicable("the compensation's request has no identity, so there is no other one")
    expect_completed(await trial.compensate(), "the compensation")
    shown = await other.observe()
    refusal = expect_refused(await other.compensate(key=trial.undo_key), "another command's compensation with its key")
    return _told(refusal) + expect_unchanged(shown, await other.observe(), "the refused compensation took effect")


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
        raise NotSeen(f"the recorded reply; {NO_QUERY}")
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


async def same_key_after_restart(new: NewTrial) -> AfterRestart:
    """Records outlive the process."""
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
