"""``orchestrator schedules``, against a real server: what it prints, and with which exit code."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from google.protobuf import json_format

from saga.v1 import schedule_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.integration.api.conftest import Answer, Api

    Orchestrator = Callable[..., Awaitable[Answer]]


@pytest.fixture
def order(an_order: Callable[..., StartOrderRequest]) -> str:
    """An order, as it is typed."""
    content = json_format.MessageToDict(an_order())
    return json.dumps({"@type": "type.googleapis.com/shop.order.v1.StartOrderRequest", **content})


@pytest.fixture
def daily(order: str) -> list[str]:
    return [
        "schedules", "create", "daily", "--saga", "place_order", "--input", order,
        "--cron", "0 9 * * *", "--zone", "Europe/Berlin",
    ]  # fmt: skip


async def test_a_schedule_is_created_shown_and_listed(orchestrator: Orchestrator, daily: list[str]) -> None:
    created = await orchestrator(*daily)
    assert (created.code, created.err) == (0, "")
    shown = await orchestrator("schedules", "show", "daily")
    assert shown.out == created.out
    for told in (
        "daily", "0 9 * * * Europe/Berlin", "active", "starts place_order (newest version)", "overlap skip",
        "missed run-last, after 60 s", "by ada", ", 09:00 there", '"card_token": "[redacted]"',
    ):  # fmt: skip
        assert told in shown.out

    listed = await orchestrator("schedules", "list")
    assert listed.code == 0
    assert "daily" in listed.out
    assert "place_order (newest version)" in listed.out


async def test_where_there_is_no_schedule_the_list_says_so(orchestrator: Orchestrator) -> None:
    assert (await orchestrator("schedules", "list")).err == "no schedules\n"


async def test_a_start_by_hand_prints_the_saga_and_is_shown_with_what_became_of_it(
    api: Api, orchestrator: Orchestrator, daily: list[str]
) -> None:
    await orchestrator(*daily)
    started = await orchestrator("schedules", "run", "daily")
    saga_id = started.out.strip()
    while not (await api.schedules.GetSchedule(pb.GetScheduleRequest(name="daily"))).schedule.last_starts:
        pass

    shown = await orchestrator("schedules", "show", "daily")
    assert saga_id in api.journal._sagas
    assert saga_id in shown.out
    assert "started: by hand, by ada" in shown.out
    assert "started " in (await orchestrator("schedules", "list")).out


async def test_a_schedule_is_paused_with_a_reason_resumed_and_deleted(
    orchestrator: Orchestrator, daily: list[str]
) -> None:
    await orchestrator(*daily)
    paused = await orchestrator("schedules", "pause", "daily", "--reason", "holidays")
    assert "by ada: holidays" in paused.out
    assert "paused" in (await orchestrator("schedules", "list")).out
    assert "paused since" not in (await orchestrator("schedules", "resume", "daily")).out

    deleted = await orchestrator("schedules", "delete", "daily")
    assert (deleted.code, deleted.err) == (0, "daily is deleted; the sagas that it has started go on\n")
    gone = await orchestrator("schedules", "show", "daily")
    assert gone.code == 2
    assert re.fullmatch(
        r"error: there is no schedule 'daily'; the last one of this name was deleted at \S+ by ada; "
        r"see: orchestrator schedules list\n",
        gone.err,
    )


async def test_a_schedule_that_starts_once_says_its_instant_and_its_policies(
    orchestrator: Orchestrator, order: str
) -> None:
    created = await orchestrator(
        "schedules", "create", "eve", "--saga", "place_order", "--input", order,
        "--at", "2200-12-24T18:00:00+01:00", "--overlap", "buffer-one", "--missed", "run-all", "--missed-limit", "3",
        "--window", "90",
    )  # fmt: skip

    assert "once, at 2200-12-24 17:00:00 UTC" in created.out
    assert "overlap buffer-one" in created.out
    assert "missed run-all, at most 3, after 90 s" in created.out


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--cron", "0 25 * * *", "schedule.cron: '0 25 * * *': bad hour"),
        ("--zone", "Berlin", "schedule.time_zone: there is no time zone 'Berlin'"),
        ("--saga", "place_oder", "schedule.definition: no saga place_oder vany is served; there are: place_order v1"),
        ("--at", "2200-01-01T00:00:00Z", "say either --cron or --at"),
        ("--input", "{}", "--input: expected JSON that names its type"),
        ("--input", "[1]", "--input: expected JSON that names its type"),
        ("--input", '{"@type": "x/no.Such"}', "--input: the orchestrator does not know the type no.Such"),
        (
            "--input",
            '{"@type": "x/shop.type.v1.Line", "sku": "A", "quantity": 1}',
            "schedule.input: must be a shop.order.v1.StartOrderRequest, not a shop.type.v1.Line",
        ),
        ("--input", '{"@type": "x/shop.type.v1.Line", "colour": 1}', "--input: this is no shop.type.v1.Line"),
    ],
)
async def test_what_is_wrong_is_told_in_one_line_and_the_exit_code_is_2(
    orchestrator: Orchestrator, daily: list[str], option: str, value: str, told: str
) -> None:
    answer = await orchestrator(*daily, option, value)

    assert answer.code == 2
    assert answer.err.startswith(f"error: {told}")
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("tomorrow", "'tomorrow' is no instant"),
        ("2200-01-01T00:00:00", "does not say its time zone"),
        ("2001-01-01T00:00:00Z", "lies in the past"),
    ],
)
async def test_an_instant_that_is_none_or_is_over_is_refused(
    orchestrator: Orchestrator, order: str, at: str, told: str
) -> None:
    answer = await orchestrator("schedules", "create", "once", "--saga", "place_order", "--input", order, "--at", at)

    assert answer.code == 2
    assert told in answer.err
