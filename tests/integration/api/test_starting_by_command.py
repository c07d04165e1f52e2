"""``orchestrator start``: any saga that is served, with an input in JSON."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Final

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.cli.output.exit import ExitCode
from saga.v1 import saga_pb2
from tests.integration.api.situations import get

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.integration.api.conftest import Answer, Api

    Orchestrator = Callable[..., Awaitable[Answer]]

ORDER: Final = {
    "customer_id": "ada",
    "email": "ada@example.com",
    "lines": [{"sku": "MUG-BLUE", "quantity": 2}],
    "ship_to": {"name": "Ada", "street": "St James 12", "city": "Berlin", "postal_code": "10115", "country": "DE"},
    "card_token": "tok_ok",
}
INPUT: Final = json.dumps(ORDER)


async def test_the_id_of_the_started_saga_is_all_that_is_on_stdout(api: Api, orchestrator: Orchestrator) -> None:
    answer = await orchestrator("start", "place_order", "--input", INPUT)

    (saga_id,) = answer.out.split()
    assert answer.code == 0
    assert (await get(api, saga_id)).definition == "place_order"
    assert f"follow it with: orchestrator watch {saga_id} --address {api.address}" in answer.err


async def test_the_input_comes_from_a_file_or_from_standard_input(
    api: Api, orchestrator: Orchestrator, tmp_path: Path
) -> None:
    file = tmp_path / "order.json"
    file.write_text(INPUT)

    from_file = await orchestrator("start", "place_order", "--input", f"@{file}")
    named = json.dumps({"@type": "type.googleapis.com/shop.order.v1.StartOrderRequest", **ORDER})
    with_type = await orchestrator("start", "place_order", "--input", named)
    piped = ["start", "place_order", "--input", "-", "--address", api.address]
    from_stdin = await asyncio.to_thread(CliRunner().invoke, app, piped, input=INPUT)

    for saga_id in (from_file.out, with_type.out, from_stdin.stdout):
        assert (await get(api, saga_id.strip())).attributes == {"customer_id": "ada"}


async def test_a_repeated_request_id_finds_the_same_saga(orchestrator: Orchestrator) -> None:
    command = ("start", "place_order", "--input", INPUT, "--request-id", str(uuid.uuid4()))

    assert (await orchestrator(*command)).out == (await orchestrator(*command)).out


@pytest.mark.parametrize(
    ("refuses", "code"),
    [({}, ExitCode.DONE), ({"ArrangeShipment": 1}, ExitCode.COMPENSATED)],
    ids=["completed", "compensated"],
)
async def test_the_exit_code_says_how_the_saga_ended_that_was_waited_for(
    api: Api, orchestrator: Orchestrator, refuses: dict[str, int], code: ExitCode
) -> None:
    api.mocks.refused.update(refuses)

    answer = await orchestrator("start", "place_order", "--input", INPUT, "--wait")

    assert answer.code == code
    assert answer.out.splitlines()[-1] == f"saga {'compensated' if refuses else 'completed'}"


async def test_a_saga_that_waits_for_a_person_is_waited_for_no_longer(api: Api, orchestrator: Orchestrator) -> None:
    api.mocks.refused.update({"ArrangeShipment": 1, "ReleaseStock": 1})

    answer = await orchestrator("start", "place_order", "--input", INPUT, "--wait", "--json")

    assert answer.code == ExitCode.SUSPENDED
    assert json.loads(answer.out)["saga"]["status"] == "STATUS_SUSPENDED"


async def test_a_saga_that_goes_on_when_the_time_is_over_has_a_code_of_its_own(
    api: Api, orchestrator: Orchestrator
) -> None:
    api.mocks.hold("ReserveStock")

    answer = await orchestrator("start", "place_order", "--input", INPUT, "--timeout", "0.2")

    assert answer.code == ExitCode.STILL_GOING
    saga_id = answer.out.splitlines()[0]
    assert f"the time is over, and the saga goes on; see: orchestrator show {saga_id}" in answer.err
    assert (await get(api, saga_id)).status == saga_pb2.STATUS_RUNNING


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("plaice_order",), "the saga 'plaice_order' is not served, or not for you; there are: place_order v1"),
        (("place_order", "--version", "7"), "the saga 'place_order', version 7, is not served, or not for you;"),
        (("place_order", "--input", "{oops"), "--input: this is no JSON: "),
        (("place_order", "--input", "[]"), "--input: expected an object with the fields of shop.order.v1."),
        (("place_order", "--input", "@nowhere.json"), "--input @nowhere.json: it cannot be read: No such file"),
        (("place_order", "--input", '{"@type": "a/b.C"}'), "--input: it is a b.C; this saga takes a shop.order.v1."),
        (
            ("place_order", "--input", '{"lines": [{"skew": 1}]}'),
            'no field named "skew" at "StartOrderRequest.lines[0]"',
        ),
        (("place_order", "--input", '{"email": 5}'), "email: must be text"),
        (("place_order", "--input", '{"lines": [{"sku": "a"}]}'), "lines[0].sku: is not written as its contract"),
        (("place_order", "--request-id", "x", "--input", INPUT), "request_id: must be a valid UUID"),
    ],
)
async def test_what_cannot_be_started_is_told_with_its_field_and_what_there_is(
    api: Api, orchestrator: Orchestrator, arguments: tuple[str, ...], told: str
) -> None:
    answer = await orchestrator("start", *arguments)

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: ")
    assert told in answer.err
    assert not api.worker.live


async def test_a_priority_goes_with_the_start(
    api: Api, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    carried_out = api.replica.start

    async def noting(start: object, *arguments: object, **more: object) -> object:
        seen.append(start.priority.name)  # type: ignore[attr-defined]
        return await carried_out(start, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(api.replica, "start", noting)
    for priority in ("high", "low"):
        await orchestrator("start", "place_order", "--input", INPUT, "--priority", priority)

    assert seen == ["HIGH", "LOW"]


async def test_the_page_in_the_console_is_linked_where_one_is_set(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_CONSOLE_LISTEN", "127.0.0.1:50180")

    answer = await orchestrator("start", "place_order", "--input", INPUT)
    as_json = json.loads((await orchestrator("start", "place_order", "--input", INPUT, "--json")).out)

    assert f"see it at http://127.0.0.1:50180/sagas/{answer.out.strip()}" in answer.err
    assert as_json["console"] == f"http://127.0.0.1:50180/sagas/{as_json['saga']['saga_id']}"
