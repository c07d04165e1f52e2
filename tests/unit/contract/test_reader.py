"""A contract is read as it was written, and nothing is added."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.contract.command import (
    DEFAULT_TIMEOUT,
    Command,
    Effect,
    Meaning,
    OnUnknown,
    OutcomeRule,
    RetryPolicy,
)
from orchestrator.contract.reader import read_command, read_service
from orchestrator.contract.sources import WhenUnknown, type_name
from orchestrator.contract.status_code import StatusCode
from saga.v1 import contract_pb2

if TYPE_CHECKING:
    import enum
    from collections.abc import Callable

    from google.protobuf.descriptor import ServiceDescriptor
    from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

    Compile = Callable[[str], ServiceDescriptor]

MESSAGES = "message Booking { string order_id = 1; } message Ticket {}"
SCALARS = (
    *("double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64"),
    *("fixed32", "fixed64", "sfixed32", "sfixed64", "bool", "string", "bytes"),
)


def command(compile_service: Compile, options: str, streams: str = "Booking) returns (Ticket") -> Command:
    rpc = f"rpc Book({streams}) {{ option (saga.v1.command) = {{{options}}}; }}"
    return read_command(compile_service(f"service FerryService {{ {rpc} }} {MESSAGES}").methods_by_name["Book"])


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [
        (Effect, contract_pb2.Effect, "EFFECT_"),
        (OnUnknown, contract_pb2.OnUnknown, "ON_UNKNOWN_"),
        (Meaning, contract_pb2.Outcome, "OUTCOME_"),
        (WhenUnknown, contract_pb2.WhenUnknown, "WHEN_UNKNOWN_"),
    ],
)
def test_our_names_and_numbers_are_those_of_the_contract(
    ours: type[enum.Enum], theirs: EnumTypeWrapper, prefix: str
) -> None:
    known = {name.removeprefix(prefix): number for name, number in theirs.items()}
    if "UNSPECIFIED" not in ours.__members__:
        del known["UNSPECIFIED"]

    assert {member.name: member.value for member in ours} == known


def test_an_option_that_is_not_stated_has_its_default(compile_service: Compile) -> None:
    read = command(compile_service, "effect: EFFECT_PIVOT")

    assert (read.effect, read.on_unknown, read.idempotent) == (Effect.PIVOT, OnUnknown.RESEND, True)
    assert (read.timeout, read.retry, read.outcomes) == (DEFAULT_TIMEOUT, RetryPolicy(), ())
    assert (read.compensation, read.verify, read.streaming) == (None, None, False)
    assert (read.service, read.method, read.file) == ("ferry.v1.FerryService", "Book", "ferry.proto")
    assert (read.request.DESCRIPTOR.name, read.response.DESCRIPTOR.name) == ("Booking", "Ticket")


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        ("attempts: 7", RetryPolicy(attempts=7)),
        ("first_delay: {nanos: 5000000}", RetryPolicy(first_delay=timedelta(milliseconds=5))),
        ("factor: 3", RetryPolicy(factor=3)),
        ("cap: {seconds: 60}", RetryPolicy(cap=timedelta(seconds=60))),
        (
            "attempts: 1 first_delay: {seconds: 1} factor: 1.5 cap: {seconds: 2}",
            RetryPolicy(1, timedelta(seconds=1), 1.5, timedelta(seconds=2)),
        ),
    ],
)
def test_each_part_of_a_retry_is_read_and_the_others_have_their_defaults(
    compile_service: Compile, retry: str, expected: RetryPolicy
) -> None:
    assert command(compile_service, f"effect: EFFECT_PIVOT retry: {{{retry}}}").retry == expected


def test_a_queue_deadline_is_read(compile_service: Compile) -> None:
    stated = command(compile_service, "effect: EFFECT_PIVOT queue_deadline: {seconds: 60}")
    assert stated.queue_deadline == timedelta(minutes=1)


def test_a_queue_deadline_that_is_not_stated_is_none(compile_service: Compile) -> None:
    assert command(compile_service, "effect: EFFECT_PIVOT").queue_deadline is None


def test_a_timeout_is_read(compile_service: Compile) -> None:
    read = command(compile_service, "effect: EFFECT_PIVOT timeout: {seconds: 2 nanos: 500000000}")

    assert read.timeout == timedelta(seconds=2.5)


@pytest.mark.parametrize("policy", OnUnknown)
def test_what_follows_an_unknown_outcome_is_read(compile_service: Compile, policy: OnUnknown) -> None:
    assert command(compile_service, f"on_unknown: ON_UNKNOWN_{policy.name} not_idempotent: true").on_unknown is policy


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("not_idempotent: true", OnUnknown.SUSPEND),
        ('not_idempotent: true verify: "Get"', OnUnknown.VERIFY),
        ('verify: "Get"', OnUnknown.RESEND),
    ],
)
def test_a_participant_that_does_not_recognise_a_key_is_never_asked_again_blindly(
    compile_service: Compile, options: str, expected: OnUnknown
) -> None:
    book = f"rpc Book(Booking) returns (Ticket) {{ option (saga.v1.command) = {{{options}}}; }}"
    get = "rpc Get(Booking) returns (Ticket) { option (saga.v1.command) = {effect: EFFECT_QUERY}; }"
    commands = read_service(compile_service(f"service FerryService {{ {book} {get} }} {MESSAGES}"))

    assert commands["Book"].on_unknown is expected
    assert commands["Book"].idempotent is ("not_idempotent" not in options)


@pytest.mark.parametrize("meaning", Meaning)
def test_a_rule_for_a_status_is_read(compile_service: Compile, meaning: Meaning) -> None:
    rule = f'{{code: ABORTED reason: "SOLD_OUT" outcome: OUTCOME_{meaning.name}}}'

    assert command(compile_service, f"outcomes: [{rule}]").outcomes == (
        OutcomeRule(StatusCode.ABORTED, "SOLD_OUT", meaning),
    )


def test_the_rpcs_that_a_command_names_are_read_without_the_rpcs_that_they_name(compile_service: Compile) -> None:
    text = """
    rpc Book(Booking) returns (Ticket) {
      option (saga.v1.command) = {effect: EFFECT_COMPENSABLE compensation: "Cancel" verify: "Get"};
    }
    rpc Cancel(Booking) returns (Ticket) { option (saga.v1.command) = {effect: EFFECT_RETRYABLE verify: "Get"}; }
    rpc Get(Booking) returns (Ticket) { option (saga.v1.command) = {effect: EFFECT_QUERY}; }
    """
    book = read_service(compile_service(f"service FerryService {{ {text} }} {MESSAGES}"))["Book"]

    assert book.compensation is not None
    assert book.verify is not None
    assert (book.compensation.method, book.verify.method) == ("Cancel", "Get")
    assert (book.compensation.effect, book.verify.effect) == (Effect.RETRYABLE, Effect.QUERY)
    assert book.compensation.verify is None


@pytest.mark.parametrize(
    ("streams", "expected"),
    [
        ("stream Booking) returns (Ticket", True),
        ("Booking) returns (stream Ticket", True),
        ("stream Booking) returns (stream Ticket", True),
        ("Booking) returns (Ticket", False),
    ],
)
def test_a_stream_in_either_direction_is_seen(compile_service: Compile, streams: str, *, expected: bool) -> None:
    assert command(compile_service, "effect: EFFECT_QUERY", streams).streaming is expected


@pytest.mark.parametrize("written", [*SCALARS, "repeated bytes", "map<string, int64>", "Ticket", "repeated Ticket"])
def test_the_type_of_a_field_is_shown_as_in_a_proto_file(compile_service: Compile, written: str) -> None:
    service = f"service FerryService {{ rpc Book(Wanted) returns (Ticket); }} message Wanted {{ {written} it = 1; }}"
    wanted = compile_service(f"{service} {MESSAGES}").methods_by_name["Book"].input_type

    assert type_name(wanted.fields_by_name["it"]) == written.replace("Ticket", "ferry.v1.Ticket")


def test_the_time_in_a_queue_is_that_of_the_contract_or_left_to_the_setting(compile_service: Compile) -> None:
    stated = command(compile_service, "effect: EFFECT_QUERY queue_deadline: {seconds: 90}")
    assert stated.queue_deadline == timedelta(seconds=90)
    assert command(compile_service, "effect: EFFECT_QUERY").queue_deadline is None
