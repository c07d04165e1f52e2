"""What participants have given up is listed and forgotten, over the API and by command; a log keeps who did it."""

from __future__ import annotations

import json
import logging
import shlex
from typing import TYPE_CHECKING, Final

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from orchestrator.cli.output.exit import ExitCode
from orchestrator.errors import BrokerAway
from orchestrator.ports.dead_commands import FoundDeadCommands
from saga.v1 import figures_service_pb2 as pb
from tests.support.dead_commands import AT, INVENTORY, dead_command

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.ports.dead_commands import DeadCommand
    from tests.integration.api.conftest import Answer, Api

    Orchestrator = Callable[..., Awaitable[Answer]]

WHY: Final = "the stock was counted anew"
SECOND: Final = 1_000_000_000


@pytest.fixture
def letters(api: Api) -> list[DeadCommand]:
    """Three that the inventory has given up, the latest first; the latest is the one that is counted last."""
    given_up = [dead_command(f"saga-{number}", at=AT - (3 - number), number=number) for number in (3, 2, 1)]
    api.dead_commands.found = FoundDeadCommands({INVENTORY: 3}, given_up)
    return given_up


def until(instant: int, service: str = INVENTORY, reason: str = WHY) -> pb.ForgetDeadCommandsRequest:
    request = pb.ForgetDeadCommandsRequest(service=service, reason=reason)
    request.until.FromNanoseconds(instant)
    return request


def one(identity: str, service: str = INVENTORY, reason: str = WHY) -> pb.ForgetDeadCommandsRequest:
    return pb.ForgetDeadCommandsRequest(service=service, reason=reason, id=identity)


async def refused(api: Api, request: pb.ForgetDeadCommandsRequest) -> tuple[grpc.aio.AioRpcError, str, bool]:
    """The refusal, its reason, and whether it says when to ask again."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api.figures.ForgetDeadCommands(request)
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]  # it is a call, too
    assert status is not None
    info, again = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert any(each.Unpack(info) for each in status.details)
    return caught.value, info.reason, any(each.Unpack(again) for each in status.details)


async def left(api: Api) -> list[str]:
    return [each.saga_id for each in (await api.figures.ListDeadCommands(pb.ListDeadCommandsRequest())).newest]


async def test_one_is_forgotten_by_the_identity_that_the_list_tells(api: Api, letters: list[DeadCommand]) -> None:
    listed = (await api.figures.ListDeadCommands(pb.ListDeadCommandsRequest())).newest

    answer = await api.figures.ForgetDeadCommands(one(listed[1].id))

    assert [each.id for each in listed] == [each.id for each in letters]
    assert answer.number == 1
    assert await left(api) == ["saga-3", "saga-1"]


async def test_all_are_forgotten_until_the_instant_that_the_list_tells(api: Api, letters: list[DeadCommand]) -> None:
    [count] = (await api.figures.ListDeadCommands(pb.ListDeadCommandsRequest())).counts
    late = dead_command("saga-4", at=AT + 1, number=4)
    api.dead_commands.found = FoundDeadCommands({INVENTORY: 4}, [late, *letters])

    request = pb.ForgetDeadCommandsRequest(service=INVENTORY, reason=WHY, until=count.until)
    numbers = [(await api.figures.ForgetDeadCommands(request)).number for _ in range(2)]

    assert numbers == [3, 0]
    assert await left(api) == ["saga-4"]


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize(
    ("request_", "reason", "told"),
    [
        (one("9-9"), "DEAD_COMMAND_NOT_FOUND", "has given up no command '9-9', or it is forgotten already"),
        (one("1-1", service="x.v1.Nobody"), "PARTICIPANT_NOT_FOUND", "'x.v1.Nobody' is reached over a queue"),
        (until(AT, service="x.v1.Nobody"), "PARTICIPANT_NOT_FOUND", "'x.v1.Nobody' is reached over a queue"),
    ],
)
async def test_what_is_not_there_is_not_found(
    api: Api, request_: pb.ForgetDeadCommandsRequest, reason: str, told: str
) -> None:
    error, why, _ = await refused(api, request_)

    assert (error.code(), why) == (grpc.StatusCode.NOT_FOUND, reason)
    assert told in str(error.details())
    assert len(await left(api)) == 3


async def test_a_broker_that_is_away_is_told_in_a_sentence_and_may_be_asked_again(
    api: Api, letters: list[DeadCommand]
) -> None:
    api.dead_commands.away = BrokerAway("NATS at far is away")

    for request in (one(letters[0].id), until(AT)):
        error, why, passes = await refused(api, request)
        assert (error.code(), why, passes) == (grpc.StatusCode.UNAVAILABLE, "BROKER_UNAVAILABLE", True)
        assert error.details() == "NATS at far is away"


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize(
    "request_",
    [
        pb.ForgetDeadCommandsRequest(service=INVENTORY, reason=WHY),
        until(AT, reason=""),
        until(AT, service=""),
        one("", reason="w"),
        one("1-1", reason="w" * 501),
        until(-1),
    ],
)
async def test_who_does_not_say_which_or_why_forgets_nothing(api: Api, request_: pb.ForgetDeadCommandsRequest) -> None:
    error, why, _ = await refused(api, request_)

    assert (error.code(), why) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_INPUT")
    assert len(await left(api)) == 3


async def test_the_log_keeps_who_had_what_forgotten_and_why(
    api: Api, letters: list[DeadCommand], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "orchestrator.api.forgetting"):
        await api.figures.ForgetDeadCommands(one(letters[2].id))
        await api.figures.ForgetDeadCommands(until(AT))

    asked, done, asked_of_all, done_to_all = [each for each in caplog.records if each.name.endswith("forgetting")]
    for record in (asked, asked_of_all):
        assert record.getMessage().endswith(f"is to be forgotten, as ada (token file) wants it: {WHY}")
        assert INVENTORY in record.getMessage()
    assert f"{INVENTORY}.ReserveStock of saga saga-1" in done.getMessage()
    assert done.__dict__["saga_id"] == "saga-1"
    assert done_to_all.getMessage() == f"what {INVENTORY} has given up until 2026-09-21T14:13:20Z is forgotten: 2"


async def test_what_is_asked_in_vain_is_in_the_log_too(
    api: Api, letters: list[DeadCommand], caplog: pytest.LogCaptureFixture
) -> None:
    api.dead_commands.away = BrokerAway("its answer was lost")
    with caplog.at_level(logging.INFO, "orchestrator.api.forgetting"):
        await refused(api, one(letters[0].id))

    [asked] = [each.getMessage() for each in caplog.records if each.name.endswith("forgetting")]
    assert letters[0].id in asked


async def test_the_command_that_the_desk_offers_forgets_what_it_has_counted_and_nothing_since(
    api: Api, letters: list[DeadCommand], orchestrator: Orchestrator
) -> None:
    told = (await orchestrator("desk")).out
    late = dead_command("saga-4", at=AT + 1, number=4)
    api.dead_commands.found = FoundDeadCommands({INVENTORY: 4}, [late, *letters])

    [words] = [shlex.split(line) for line in told.splitlines() if line.startswith("    orchestrator dead-commands")]
    forgotten = await orchestrator(*(WHY if word == "WHY" else word for word in words[1:]))

    assert forgotten == (0, "", f"3 commands that {INVENTORY} had given up: forgotten\n")
    assert await left(api) == ["saga-4"]


async def test_a_command_lists_what_was_given_up_with_the_id_by_which_it_is_forgotten(
    api: Api, letters: list[DeadCommand], orchestrator: Orchestrator
) -> None:
    listed = await orchestrator("dead-commands", "list", "--limit", "2")
    as_json = json.loads((await orchestrator("dead-commands", "list", "--json")).out)
    forgotten = await orchestrator("dead-commands", "forget", INVENTORY, letters[1].id, "--reason", WHY, "--json")
    again = await orchestrator("dead-commands", "forget", INVENTORY, letters[1].id, "--reason", WHY)

    assert f"{INVENTORY} has given up 3 commands\n" in listed.out
    assert [each.id in listed.out for each in letters] == [True, True, False]
    assert f"orchestrator dead-commands forget {INVENTORY} --until 2026-09-21T14:13:20Z --reason WHY" in listed.out
    assert [each["id"] for each in as_json["newest"]] == [each.id for each in letters]
    assert json.loads(forgotten.out) == {"number": "1"}
    assert again.code == ExitCode.NOT_THERE, again
    assert "or it is forgotten already; see: orchestrator dead-commands list" in again.err
    assert await left(api) == ["saga-3", "saga-1"]


async def test_until_some_time_ago_forgets_what_is_older(api: Api, orchestrator: Orchestrator) -> None:
    old, new = dead_command("saga-1", at=1_000 * SECOND), dead_command("saga-2", at=9 * 10**18)
    api.dead_commands.found = FoundDeadCommands({INVENTORY: 2}, [new, old])

    assert (await orchestrator("dead-commands", "forget", INVENTORY, "--until", "2h", "--reason", WHY)).code == 0
    assert await left(api) == ["saga-2"]


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([], "name the id of one command, or say --until"),
        (["1-1", "--until", "2h"], "name the id of one command, or say --until"),
        (["--until", "soon"], "--until soon: expected some time ago"),
    ],
)
async def test_a_command_that_does_not_say_which_forgets_nothing(
    api: Api, orchestrator: Orchestrator, said: list[str], told: str
) -> None:
    ended = await orchestrator("dead-commands", "forget", INVENTORY, *said, "--reason", WHY)

    assert ended.code == ExitCode.NOT_THERE
    assert told in ended.err
    assert len(await left(api)) == 3


async def test_a_broker_that_is_away_ends_the_command_with_its_sentence(api: Api, orchestrator: Orchestrator) -> None:
    api.dead_commands.away = BrokerAway("The dead letters below far cannot be forgotten now: NATS is away")

    ended = await orchestrator("dead-commands", "forget", INVENTORY, "1-1", "--reason", WHY)

    assert ended.code == ExitCode.WRONG
    assert "below far cannot be forgotten now: NATS is away" in ended.err


async def test_where_nothing_was_given_up_the_list_says_so(orchestrator: Orchestrator) -> None:
    assert await orchestrator("dead-commands", "list") == (0, "", "no participant has given up a command\n")
