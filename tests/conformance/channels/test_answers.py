"""What the participant answers is the outcome, and what it is told is what was sent."""

from __future__ import annotations

import asyncio
import dataclasses
import string
from typing import TYPE_CHECKING

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from orchestrator.channels.status import MEANINGS
from orchestrator.contract.command import Meaning, OutcomeRule
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Failure, Rejected, Retry, Unknown
from tests.conformance.channels.stand import COMMAND, KEY, Refusal

if TYPE_CHECKING:
    from orchestrator.journal.outcome import Outcome
    from orchestrator.ports.channel import Channel
    from tests.conformance.channels.stand import Answer, Arrived, Stand

METADATA = (("idempotency-key", KEY),)
WITH_REASON = error_details_pb2.ErrorInfo(reason="SOLD_OUT", domain="shop")
IN_A_WHILE = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))


async def sent(channel: Channel, request: bytes = b"request") -> Outcome:
    return await channel.caller(COMMAND)(request, METADATA, 30)


def refusing(refusal: Refusal) -> Answer:
    async def refuse(_arrived: Arrived) -> Refusal:
        return refusal

    return refuse


def of(meaning: Meaning) -> list[StatusCode]:
    return [code for code, means in MEANINGS.items() if means is meaning]


@pytest.mark.parametrize("reply", [b"", b"\x00\xff\r\n\x00", bytes(range(256)) * 100], ids=["empty", "binary", "long"])
async def test_a_request_arrives_byte_for_byte_and_so_does_the_reply(stand: Stand, reply: bytes) -> None:
    arrived: list[Arrived] = []

    async def answer(each: Arrived) -> bytes:
        arrived.append(each)
        return reply

    stand.answer = answer

    assert await sent(stand.open(), reply[::-1]) == Completed(reply)
    assert [(each.path, each.request) for each in arrived] == [(COMMAND.path, reply[::-1])]


@pytest.mark.parametrize("code", of(Meaning.REJECTED))
async def test_a_refusal_is_a_rejection_with_its_code_message_and_reason(stand: Stand, code: StatusCode) -> None:
    stand.answer = refusing(Refusal(code, "none are left: ça va", (WITH_REASON,)))

    assert await sent(stand.open()) == Rejected(Failure(code, "none are left: ça va", "SOLD_OUT"))


async def test_a_refusal_needs_no_details(stand: Stand) -> None:
    stand.answer = refusing(Refusal(StatusCode.FAILED_PRECONDITION, ""))

    assert await sent(stand.open()) == Rejected(Failure(StatusCode.FAILED_PRECONDITION, ""))


@pytest.mark.parametrize(("echo", "guards"), [((KEY,), True), (("another",), False), ((), False)])
async def test_a_refusal_that_gives_the_key_back_is_the_guards(
    stand: Stand, echo: tuple[str, ...], *, guards: bool
) -> None:
    stand.answer = refusing(Refusal(StatusCode.FAILED_PRECONDITION, echo=echo))

    outcome = await sent(stand.open())

    assert isinstance(outcome, Rejected)
    assert outcome.echoed is guards


async def test_a_rule_of_the_contract_comes_before_the_table(stand: Stand) -> None:
    stand.answer = refusing(Refusal(StatusCode.UNAVAILABLE, details=(WITH_REASON,)))
    rule = OutcomeRule(StatusCode.UNAVAILABLE, "SOLD_OUT", Meaning.REJECTED)
    ruled = dataclasses.replace(COMMAND, outcomes=(rule,))

    outcome = await stand.open().caller(ruled)(b"", METADATA, 30)

    assert isinstance(outcome, Rejected)
    assert outcome.ruled


@pytest.mark.parametrize("code", of(Meaning.RETRY))
async def test_what_the_participant_cannot_take_now_is_tried_again_when_it_says(stand: Stand, code: StatusCode) -> None:
    stand.answer = refusing(Refusal(code, "busy", (WITH_REASON, IN_A_WHILE)))

    assert await sent(stand.open()) == Retry(Failure(code, "busy", "SOLD_OUT"), 2.5)


@pytest.mark.parametrize("code", of(Meaning.RETRY))
async def test_without_details_nobody_knows_whether_the_participant_said_it(stand: Stand, code: StatusCode) -> None:
    stand.answer = refusing(Refusal(code, "busy"))

    assert await sent(stand.open()) == Unknown(Failure(code, "busy"))


@pytest.mark.parametrize("code", of(Meaning.UNKNOWN))
async def test_any_other_failure_is_unknown_and_its_delay_counts(stand: Stand, code: StatusCode) -> None:
    stand.answer = refusing(Refusal(code, "broken", (WITH_REASON, IN_A_WHILE)))

    assert await sent(stand.open()) == Unknown(Failure(code, "broken", "SOLD_OUT"), 2.5)


async def test_each_of_many_calls_at_once_gets_its_own_answer(stand: Stand) -> None:
    last = asyncio.Event()

    async def answer(arrived: Arrived) -> bytes:
        if arrived.request == b"99":
            last.set()
        await last.wait()
        return b"reply to " + arrived.request

    stand.answer = answer
    channel = stand.open()

    outcomes = await asyncio.gather(*(sent(channel, b"%d" % number) for number in range(100)))

    assert outcomes == [Completed(b"reply to %d" % number) for number in range(100)]


@pytest.mark.parametrize(
    "value",
    [
        *string.punctuation,
        string.ascii_letters + string.digits,
        "two words",
        "a, b; c=d",
        "%41%zz%",
        "order-1/" + "item-3/" * 60 + "InventoryService.ReserveStock#1",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ],
)
async def test_metadata_arrive_as_they_are_whatever_is_legal_in_them(stand: Stand, value: str) -> None:
    given = {"idempotency-key": value, "compensates": f"{value} and {value}", "saga-id": "s", "traceparent": value}
    arrived: list[Arrived] = []

    async def answer(each: Arrived) -> bytes:
        arrived.append(each)
        return b""

    stand.answer = answer

    assert await stand.open().caller(COMMAND)(b"", tuple(given.items()), 30) == Completed(b"")
    assert given.items() <= arrived[0].metadata.items()
