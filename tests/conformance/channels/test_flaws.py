"""The suite finds what a channel does wrong: each flaw, of a channel that works but for it, fails its scenario."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Failure, Outcome, Rejected, Retry, Unknown
from orchestrator.testing.conformance.channels import SCENARIOS, LacksMark, Mark, run_scenario
from tests.conformance.channels import over_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from orchestrator.contract.command import Command
    from orchestrator.ports.channel import Caller, Channel
    from orchestrator.testing.conformance.channels import ChannelUnderTest

    Metadata = tuple[tuple[str, str], ...]
    Flaw = Callable[[Channel], Channel]

NAMES: Final = {scenario.name: scenario for scenario in SCENARIOS}
LOST: Final = Failure(StatusCode.UNAVAILABLE, "")


class Flawed:
    """A channel with a flaw: the attempt, and what comes of it, are others than they should be.

    Args:
        channel: does the work.
        request: what becomes of a request.
        metadata: what becomes of metadata.
        outcome: what becomes of an outcome.
        command: what becomes of a contract.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        request: Callable[[bytes], bytes] = lambda request: request,
        metadata: Callable[[Metadata], Metadata] = lambda metadata: metadata,
        outcome: Callable[[Outcome], Outcome] = lambda outcome: outcome,
        command: Callable[[Command], Command] = lambda command: command,
    ) -> None:
        self._channel = channel
        self._request = request
        self._metadata = metadata
        self._outcome = outcome
        self._command = command

    def caller(self, command: Command) -> Caller:
        call = self._channel.caller(self._command(command))

        async def flawed(request: bytes, metadata: Metadata, timeout: float) -> Outcome:  # noqa: ASYNC109 - a Caller
            return self._outcome(await call(self._request(request), self._metadata(metadata), timeout))

        return flawed

    async def is_serving(self, service: str) -> bool | None:
        return await self._channel.is_serving(service)

    async def close(self) -> None:
        await self._channel.close()


class AlwaysServing(Flawed):
    """It knows nothing of health."""

    async def is_serving(self, service: str) -> bool | None:
        await super().is_serving(service)
        return True


class NeverCancelled(Flawed):
    """Who is cancelled is told an outcome."""

    def caller(self, command: Command) -> Caller:
        call = super().caller(command)

        async def flawed(request: bytes, metadata: Metadata, timeout: float) -> Outcome:  # noqa: ASYNC109 - a Caller
            try:
                return await call(request, metadata, timeout)
            except asyncio.CancelledError:
                return Unknown(LOST)

        return flawed


def timeouts_are_failures(outcome: Outcome) -> Outcome:
    late = isinstance(outcome, Unknown) and outcome.failure.code is StatusCode.DEADLINE_EXCEEDED
    return Rejected(outcome.failure) if late and isinstance(outcome, Unknown) else outcome


def losses_are_retries(outcome: Outcome) -> Outcome:
    return Retry(outcome.failure) if isinstance(outcome, Unknown) and not outcome.failure.reason else outcome


def replies_are_never_final(outcome: Outcome) -> Outcome:
    return outcome._replace(final=False) if isinstance(outcome, Unknown) else outcome


def nobody_echoes(outcome: Outcome) -> Outcome:
    return outcome._replace(echoed=False) if isinstance(outcome, Rejected) else outcome


def delays_are_forgotten(outcome: Outcome) -> Outcome:
    return outcome._replace(retry_after=0.0) if isinstance(outcome, Retry | Unknown) else outcome


def reasons_are_forgotten(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Completed):
        return outcome
    return outcome._replace(failure=outcome.failure._replace(reason=""))


def without_semicolons(metadata: Metadata) -> Metadata:
    return tuple((name, value.partition(";")[0]) for name, value in metadata)


def only_the_key(metadata: Metadata) -> Metadata:
    return tuple(pair for pair in metadata if pair[0] == "idempotency-key")


def without_rules(command: Command) -> Command:
    return dataclasses.replace(command, outcomes=())


FLAWS: Final[dict[str, tuple[Flaw, str]]] = {
    "an empty request": (
        partial(Flawed, request=lambda _request: b""),
        "a request arrives as it was sent, and so does its reply",
    ),
    "an empty reply": (
        partial(Flawed, outcome=lambda outcome: Completed(b"") if isinstance(outcome, Completed) else outcome),
        "each of many calls at once gets its own answer",
    ),
    "metadata that end at a semicolon": (
        partial(Flawed, metadata=without_semicolons),
        "any legal metadata arrive as they are",
    ),
    "metadata but for the key are dropped": (
        partial(Flawed, metadata=only_the_key),
        "any legal metadata arrive as they are",
    ),
    "a timeout that is a failure": (
        partial(Flawed, outcome=timeouts_are_failures),
        "a timeout after the effect is unknown",
    ),
    "a loss that has no effect": (
        partial(Flawed, outcome=losses_are_retries),
        "a connection that breaks after the effect makes the call unknown",
    ),
    "a reply that is lost for now": (
        partial(Flawed, outcome=replies_are_never_final),
        "a reply that is too large is lost for good",
    ),
    "an echo that is not heard": (
        partial(Flawed, outcome=nobody_echoes),
        "a refusal that gives the key back is the guard's own",
    ),
    "a delay that is not heard": (
        partial(Flawed, outcome=delays_are_forgotten),
        "what cannot be taken now is tried again when the participant says",
    ),
    "a reason that is not heard": (
        partial(Flawed, outcome=reasons_are_forgotten),
        "a refusal is a rejection with its code, message and reason",
    ),
    "a contract that is not read": (
        partial(Flawed, command=without_rules),
        "a rule of the contract comes before the table of codes",
    ),
    "a health that is made up": (AlwaysServing, "a participant serves if it says so now"),
    "a cancel that is swallowed": (NeverCancelled, "who is cancelled during a call is told so"),
}


class WithFlaw(over_grpc.GrpcUnderTest):
    """gRPC with a flaw."""

    flaw: Flaw

    def open(self, most_bytes: int = 1_000_000) -> Channel:  # type: ignore[override]  # a channel around gRPC's
        return self.flaw(super().open(most_bytes))


@asynccontextmanager
async def open_flawed(flaw: Flaw) -> AsyncIterator[ChannelUnderTest]:
    async with over_grpc.opened_as(WithFlaw) as opened:
        opened.flaw = flaw
        yield opened


@pytest.mark.parametrize("name", FLAWS)
async def test_a_flaw_fails_its_scenario(name: str) -> None:
    flaw, scenario = FLAWS[name]

    with pytest.raises(AssertionError):
        await run_scenario(NAMES[scenario], partial(open_flawed, flaw), over_grpc.LACKS)


async def test_a_scenario_is_not_run_for_a_channel_that_says_what_it_lacks() -> None:
    for mark in Mark:
        for scenario in SCENARIOS:
            if mark in scenario.needs:
                with pytest.raises(LacksMark):
                    await run_scenario(scenario, over_grpc.open_grpc, {mark})


async def test_each_mark_excuses_something() -> None:
    assert {mark for scenario in SCENARIOS for mark in scenario.needs} == set(Mark)
