"""What the participant answers is the outcome, and what it is told is what was sent."""

from __future__ import annotations

import asyncio
import dataclasses
import string
from typing import TYPE_CHECKING, Final

from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from orchestrator.channels.status import MEANINGS
from orchestrator.contract.command import Meaning, OutcomeRule
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Failure, Rejected, Retry, Unknown
from orchestrator.testing.conformance.channels.harness import COMMAND, Mark, Refusal
from orchestrator.testing.conformance.channels.scenario import (
    KEY,
    METADATA,
    PATIENCE_SECONDS,
    Scenario,
    answering,
    expect,
    expect_equal,
    reply_of,
    request_of,
    send,
    text_of,
)

if TYPE_CHECKING:
    from orchestrator.testing.conformance.channels.harness import Arrived, ChannelUnderTest

_REASON: Final = "SOLD_OUT"
_WITH_REASON: Final = error_details_pb2.ErrorInfo(reason=_REASON, domain="shop")
_IN_A_WHILE: Final = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))
_AT_ONCE: Final = 100
_TEXTS: Final = ("", "a", "ça va, 東京?", 'quote " backslash \\ newline \n', "x" * 25_000)
_BYTES: Final = (b"", b"\x00\xff\r\n\x00", bytes(range(256)) * 100)
# All that gRPC lets pass in a value: ASCII that can be seen, and a space that is not at an end.
_VALUES: Final = (
    *string.punctuation,
    string.ascii_letters + string.digits,
    "two words",
    "a, b; c=d",
    "%41%zz%",
    "order-1/" + "item-3/" * 60 + "InventoryService.ReserveStock#1",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)


async def _texts(under_test: ChannelUnderTest) -> None:
    channel = under_test.open()
    for text in _TEXTS:
        arrived: list[Arrived] = []
        under_test.answer = answering(reply_of(text), arrived)

        expect_equal(await send(channel, request_of(text)), Completed(reply_of(text)), f"the reply {text[:20]!r}")
        seen = [(each.path, text_of(each.request)) for each in arrived]
        expect_equal(seen, [(COMMAND.path, text)], f"what arrived of the request {text[:20]!r}")


async def _bytes(under_test: ChannelUnderTest) -> None:
    channel = under_test.open()
    for reply in _BYTES:
        arrived: list[Arrived] = []
        under_test.answer = answering(reply, arrived)

        expect_equal(await send(channel, reply[::-1]), Completed(reply), "the reply")
        expect_equal([each.request for each in arrived], [reply[::-1]], "the request")


async def _rejections(under_test: ChannelUnderTest) -> None:
    channel = under_test.open()
    for code in _that_mean(Meaning.REJECTED):
        under_test.answer = answering(Refusal(code, "none are left: ça va", (_WITH_REASON,)))
        rejected = Rejected(Failure(code, "none are left: ça va", _REASON))

        expect_equal(await send(channel), rejected, f"a refusal with {code}")


async def _rejections_without_details(under_test: ChannelUnderTest) -> None:
    under_test.answer = answering(Refusal(StatusCode.FAILED_PRECONDITION, "no"))

    outcome = await send(under_test.open())

    expect_equal(outcome, Rejected(Failure(StatusCode.FAILED_PRECONDITION, "no")), "a refusal without details")


async def _echoes(under_test: ChannelUnderTest) -> None:
    channel = under_test.open()
    for echo, guards in (((KEY,), True), (("another",), False), ((), False)):
        under_test.answer = answering(Refusal(StatusCode.FAILED_PRECONDITION, details=(_WITH_REASON,), echo=echo))

        outcome = await send(channel)

        expect(isinstance(outcome, Rejected), f"a refusal is a rejection, not {outcome}")
        assert isinstance(outcome, Rejected)
        expect_equal(outcome.echoed, guards, f"whether a refusal with the keys {echo} is the guard's own")


async def _rules(under_test: ChannelUnderTest) -> None:
    under_test.answer = answering(Refusal(StatusCode.UNAVAILABLE, details=(_WITH_REASON,)))
    rule = OutcomeRule(StatusCode.UNAVAILABLE, _REASON, Meaning.REJECTED)
    ruled = dataclasses.replace(COMMAND, outcomes=(rule,))

    outcome = await under_test.open().caller(ruled)(request_of("request"), METADATA, PATIENCE_SECONDS)

    expect(isinstance(outcome, Rejected) and outcome.ruled, f"the rule makes it a rejection, not {outcome}")


async def _retries(under_test: ChannelUnderTest) -> None:
    channel = under_test.open()
    for code in _that_mean(Meaning.RETRY):
        under_test.answer = answering(Refusal(code, "busy", (_WITH_REASON, _IN_A_WHILE)))

        expect_equal(await send(channel), Retry(Failure(code, "busy", _REASON), 2.5), f"a refusal with {code}")


async def _bare_retries(under_test: ChannelUnderTest) -> None:
    channel = under_test.open()
    for code in _that_mean(Meaning.RETRY):
        under_test.answer = answering(Refusal(code, "busy"))

        expect_equal(await send(channel), Unknown(Failure(code, "busy")), f"{code} without details")


async def _failures(under_test: ChannelUnderTest) -> None:
    channel = under_test.open()
    for code in _that_mean(Meaning.UNKNOWN):
        under_test.answer = answering(Refusal(code, "broken", (_WITH_REASON, _IN_A_WHILE)))

        expect_equal(await send(channel), Unknown(Failure(code, "broken", _REASON), 2.5), f"a failure with {code}")


async def _many(under_test: ChannelUnderTest) -> None:
    last = asyncio.Event()
    waiting = 0

    async def answer(arrived: Arrived) -> bytes:
        nonlocal waiting
        waiting += 1
        if waiting == _AT_ONCE:
            last.set()
        await last.wait()
        return reply_of(f"to {text_of(arrived.request)}")

    under_test.answer = answer
    channel = under_test.open()

    outcomes = await asyncio.gather(*(send(channel, request_of(str(number))) for number in range(_AT_ONCE)))

    expect_equal(outcomes, [Completed(reply_of(f"to {number}")) for number in range(_AT_ONCE)], "the answers")


async def _metadata(under_test: ChannelUnderTest) -> None:
    channel = under_test.open()
    for value in _VALUES:
        given = {"idempotency-key": value, "compensates": f"{value} and {value}", "saga-id": "s", "traceparent": value}
        arrived: list[Arrived] = []
        under_test.answer = answering(reply_of("done"), arrived)

        outcome = await send(channel, metadata=tuple(given.items()))

        expect_equal(outcome, Completed(reply_of("done")), f"the outcome of a command with the metadata {value!r}")
        seen = {name: arrived[0].metadata.get(name) for name in given}
        expect_equal(seen, given, "the metadata that arrived")


def _that_mean(meaning: Meaning) -> list[StatusCode]:
    return [code for code, means in MEANINGS.items() if means is meaning]


ANSWERS: Final = (
    Scenario("a request arrives as it was sent, and so does its reply", _texts),
    Scenario("bytes that are no message are carried as they are", _bytes, frozenset({Mark.BYTES})),
    Scenario("a refusal is a rejection with its code, message and reason", _rejections, frozenset({Mark.EXACT_CODES})),
    Scenario("a refusal needs no details", _rejections_without_details),
    Scenario("a refusal that gives the key back is the guard's own", _echoes),
    Scenario("a rule of the contract comes before the table of codes", _rules),
    Scenario("what cannot be taken now is tried again when the participant says", _retries),
    Scenario("a status without details may be somebody else's", _bare_retries, frozenset({Mark.BARE_STATUS})),
    Scenario("any other failure is unknown, and its delay counts", _failures, frozenset({Mark.EXACT_CODES})),
    Scenario("each of many calls at once gets its own answer", _many),
    Scenario("any legal metadata arrive as they are", _metadata),
)
"""The scenarios of this file."""
