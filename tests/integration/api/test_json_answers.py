"""With ``--json``, every command writes JSON to stdout and nothing else; its errors and notes are JSON too."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
import typer.main
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.shop.demo.addresses import settings_removed
from saga.v1 import access_service_pb2, bulk_service_pb2, figures_service_pb2, saga_service_pb2
from tests.integration.api.conftest import an_order
from tests.integration.api.situations import paused_at, start
from tests.support.processes import PATIENCE, end
from tests.support.repository import ROOT
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.integration.api.conftest import Answer, Api

    Orchestrator = Callable[..., Awaitable[Answer]]

NOBODY: Final = "00000000-0000-4000-8000-000000000000"
SAGA, SKIPPED = "SAGA", "InventoryService.ReserveStock"
ORDER: Final = {
    "customer_id": "ada",
    "email": "ada@example.com",
    "lines": [{"sku": "MUG-BLUE", "quantity": 2}],
    "ship_to": {"name": "Ada", "street": "St James 12", "city": "Berlin", "postal_code": "10115", "country": "DE"},
    "card_token": "tok_ok",
}
INPUT: Final = json.dumps({"@type": "type.googleapis.com/shop.order.v1.StartOrderRequest", **ORDER})

# Commands that ask an orchestrator, each with what it is given, and the names in its answer; none where it is refused.
ASKING: Final[dict[str, tuple[list[str], set[str]]]] = {
    "list": ([], {"sagas", "next_page_token"}),
    "show": ([SAGA], {"saga", "guidance", "next_journal_page_token"}),
    "journal show": ([SAGA], {"saga", "next_journal_page_token"}),
    "preview": ([SAGA], {"possible", "refusal", "compensations", "standing"}),
    "stats": ([], {"counts", "participants", "live_sagas", "admission", "recovery", "feed", "unclaimed", "loads"}),
    "whoami": ([], {"subject", "authority", "peer", "roles", "definitions", "attributes"}),
    "desk": ([], {"causes", "dead_commands"}),
    "dead-commands list": ([], {"counts", "newest", "unread", "advice"}),
    "dead-commands forget": (["nobody.v1.Nobody", "1-1", "--reason", "because"], set()),
    "top": (["--once"], {"at", "statistics", "figures", "suspended_groups", "waiting"}),
    "start": (["place_order", "--input", "@order.json"], {"saga", "console"}),
    "cancel": ([SAGA], {"saga"}),
    "pause": ([SAGA], {"saga"}),
    "resume": ([SAGA], {"saga"}),
    "retry": ([SAGA], set()),
    "resolve": ([SAGA, SKIPPED, "--no-effect", "--evidence", "seen"], set()),
    "skip": ([SAGA, SKIPPED, "--evidence", "seen"], set()),
    "signal": ([SAGA, "nothing", "--type", "saga.v1.Decision"], set()),
    "approve": ([SAGA], set()),
    "reject": ([SAGA], set()),
    "act": (["retry", "--definition", "place_order", "--reason", "because", "--dry-run"], {"bulk_act", "results"}),
    "bulk list": ([], {"bulk_acts", "next_page_token"}),
    "bulk show": ([NOBODY], set()),
    "bulk start": ([NOBODY, "--reason", "because"], set()),
    "bulk watch": ([NOBODY], set()),
    "bulk stop": ([NOBODY], set()),
    "bulk export": ([NOBODY], set()),
    "events list": ([], {"events"}),
    "events sinks": ([], {"sinks"}),
    "events dead-letters": (["nobody"], {"dead_letters"}),
    "events replay": (["nobody", "--from", "1"], set()),
    "events retry": (["nobody", "--all"], set()),
    "events forget": (["nobody"], set()),
    "schedules create": (["daily", "--saga", "place_order", "--cron", "0 9 * * *", "--input", INPUT], {"schedule"}),
    "schedules list": ([], {"schedules", "next_page_token"}),
    "schedules show": (["none"], set()),
    "schedules pause": (["none"], set()),
    "schedules resume": (["none"], set()),
    "schedules delete": (["none"], set()),
    "schedules run": (["none"], set()),
}
# Commands that answer in a line for each event.
STREAMING: Final[dict[str, list[str]]] = {
    "watch": [SAGA],
}
# Commands that ask no orchestrator.
ALONE: Final[dict[str, list[str]]] = {
    "check": ["--sagas", "orchestrator.shop"],
    "verify": ["--sagas", "orchestrator.shop", "--journal", "sqlite:journal.db"],
    "export": ["--all", "--journal", "sqlite:journal.db"],
    "migrate": ["--journal", "sqlite:journal.db"],
    "retention": ["--journal", "sqlite:journal.db"],
    "doctor": ["--journal", "sqlite:journal.db"],
    "journal copy": ["--from", "sqlite:journal.db", "--to", "sqlite:other.db"],
    "channels create": ["--sagas", "orchestrator.shop"],
    "channels dead-letters": ["--sagas", "orchestrator.shop"],
    "engine prepare": ["--engine", "temporal://127.0.0.1:1/nowhere"],
    "engine replay": ["--engine", "temporal://127.0.0.1:1/nowhere", "--sagas", "orchestrator.shop"],
    "generate": ["--protos", "protos", "--out", "stubs"],
    "openapi": ["--sagas", "orchestrator.shop", "--out", "openapi.json"],
    "annotate": ["--protos", "protos"],
    "conform": ["shop.payment.v1.PaymentService", "--address", "127.0.0.1:1"],
    "faults": ["--sagas", "orchestrator.testing.simulation.example_sagas", "--saga", "nothing"],
    "simulate": ["--seeds", "1"],
    "token": ["eve", "--role", "viewer"],
    "plan": ["place_order", "--sagas", "orchestrator.shop"],
    "console": [],
}
# Commands that go on until they are interrupted.
ENDLESS: Final = ("serve", "mock", "feed")
FAILING: Final = {"conform", "engine prepare", "engine replay", "faults"}


def leaves(group: Any, path: tuple[str, ...] = ()) -> Iterator[str]:  # noqa: ANN401 - typer's click
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from leaves(each, (*path, name))
        else:
            yield " ".join((*path, name))


def test_every_command_is_asked_for_json_here() -> None:
    assert {*leaves(typer.main.get_command(app))} == {*ASKING, *STREAMING, *ALONE, *ENDLESS}


def answers_on_the_page() -> dict[str, str]:
    """What the page says that each command answers."""
    page = (ROOT / "orchestrator/cli/README.md").read_text()
    table = page[page.index("| command | on stdout |") :].partition("\n\n")[0].splitlines()[2:]
    return {name: row.split("|")[2] for row in table for name in re.findall(r"`([a-z -]+)`", row.split("|")[1])}


def test_the_page_says_what_each_command_answers() -> None:
    assert answers_on_the_page().keys() == {*leaves(typer.main.get_command(app))}


@pytest.mark.parametrize("command", [each for each, (_, names) in ASKING.items() if names])
def test_the_page_names_the_parts_of_each_document(command: str) -> None:
    told = answers_on_the_page()[command]
    response = re.search(r"an? `(\w+Response)`$", told.strip()) or re.match(r" an? `(\w+Response)`", told)

    if "response of the rpc" not in told:
        names = {*(_fields(response[1]) if response else re.findall(r"`([a-z_]+)`", told))}
        assert ASKING[command][1] <= names


def _fields(message: str) -> set[str]:
    """The fields of an answer of the API."""
    modules = (saga_service_pb2, access_service_pb2, bulk_service_pb2, figures_service_pb2)
    (found,) = [getattr(each, message) for each in modules if hasattr(each, message)]
    return {field.name for field in found.DESCRIPTOR.fields}


async def arguments(api: Api, given: list[str], folder: Path) -> list[str]:
    """What a command is given, with a saga that is suspended in place of ``SAGA``."""
    (folder / "order.json").write_text(json.dumps(ORDER))
    saga_id = await paused_at(api, an_order(), "ReserveStock") if SAGA in given else ""
    return [saga_id if each == SAGA else each for each in given]


def errors_in(err: str) -> list[dict[str, Any]]:
    """The errors that were told; every line on stderr is an object with one note or one error."""
    told = [json.loads(line) for line in err.splitlines()]
    assert all(each.keys() in ({"note"}, {"error"}) for each in told), told
    return [each["error"] for each in told if "error" in each]


@pytest.mark.parametrize("command", ASKING)
async def test_a_command_that_asks_an_orchestrator_answers_with_one_document(
    api: Api, orchestrator: Orchestrator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    given, names = ASKING[command]

    answer = await orchestrator(*command.split(), *await arguments(api, given, tmp_path), "--json")

    errors = errors_in(answer.err)
    if names:
        assert not errors
        assert answer.code == 0
        assert names == json.loads(answer.out).keys()
    else:
        assert answer.out == ""
        assert [error["exit_code"] for error in errors] == [answer.code]
        assert errors[0]["message"]


async def test_watch_answers_with_a_line_for_each_change(api: Api, orchestrator: Orchestrator) -> None:
    saga = await start(api, an_order(), wait=10)

    answer = await orchestrator("watch", saga.saga_id, "--json")

    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert lines[-1]["status"] == "STATUS_COMPLETED"
    assert {each["saga_id"] for each in lines} == {saga.saga_id}
    assert answer.err == ""


async def test_feed_answers_with_a_line_for_each_change(api: Api) -> None:
    feed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator", "feed", "--json"),
        env={"PYTHONUNBUFFERED": "1", "ORCHESTRATOR_ADDRESS": api.address, "ORCHESTRATOR_TOKEN": TOKEN},
        stdout=asyncio.subprocess.PIPE,
    )
    assert feed.stdout is not None
    try:
        await api.until(lambda: api.feed.readers)
        saga_id = (await start(api, an_order(), wait=10)).saga_id
        told = json.loads(await asyncio.wait_for(feed.stdout.readline(), 20))
    finally:
        feed.kill()
        await feed.wait()

    assert told.keys() == {"saga", "missed"}
    assert told["saga"]["saga_id"] == saga_id


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (("serve", "--sagas", "orchestrator.shop", "--no-drift-check"), {"api", "console"}),
        (("mock", "shop.email.v1.EmailService", "--listen", "127.0.0.1:0"), {"listening", "services"}),
    ],
    ids=["serve", "mock"],
)
async def test_a_server_says_in_json_where_it_listens_and_logs_json(
    tmp_path: Path, command: tuple[str, ...], names: set[str]
) -> None:
    fresh = {"ORCHESTRATOR_LISTEN": "127.0.0.1:0", "ORCHESTRATOR_CONSOLE_LISTEN": "", "STATE_DIR": str(tmp_path)}
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator", *command, "--json"),
        cwd=ROOT,
        env=settings_removed(os.environ) | fresh,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    try:
        told = json.loads(await asyncio.wait_for(server.stdout.readline(), PATIENCE))
        server.send_signal(signal.SIGTERM)
        rest, said = await asyncio.wait_for(server.communicate(), PATIENCE)
    finally:
        await end(server)

    assert told.keys() == names
    assert rest == b""
    assert all(json.loads(line) for line in said.splitlines())
    assert server.returncode == 0


@pytest.mark.parametrize("command", ALONE)
def test_a_command_that_asks_nobody_answers_with_one_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if "protos" in ALONE[command]:
        shutil.copytree(ROOT / "tests/acceptance/own_saga/protos", tmp_path / "protos")
    CliRunner().invoke(app, ["migrate", *ALONE["migrate"]])

    answer = CliRunner().invoke(app, [*command.split(), *ALONE[command], "--json"], catch_exceptions=False)

    errors = errors_in(answer.stderr)
    assert [error["exit_code"] for error in errors] == ([answer.exit_code] if command in FAILING else [])
    if command in FAILING:
        assert answer.stdout == ""
    else:
        assert json.loads(answer.stdout) is not None
        assert answer.exit_code == 0


@pytest.mark.parametrize("command", [*ASKING, *STREAMING, *ALONE, *ENDLESS])
def test_a_mistake_in_the_arguments_is_an_object_on_stderr(command: str) -> None:
    answer = CliRunner().invoke(app, [*command.split(), "--json", "--no-such-option"], catch_exceptions=False)

    (error,) = errors_in(answer.stderr)
    assert answer.stdout == ""
    assert error["exit_code"] == answer.exit_code == 2
    assert "--no-such-option" in error["message"]


@pytest.mark.parametrize("command", [*ASKING, *STREAMING, "feed"])
async def test_an_orchestrator_that_is_not_there_is_an_object_on_stderr(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "order.json").write_text("{}")
    given = ASKING[command][0] if command in ASKING else STREAMING.get(command, [])
    asked = [*command.split(), *given, "--json", "--address", "127.0.0.1:1"]

    answer = await asyncio.to_thread(CliRunner().invoke, app, asked, catch_exceptions=False)

    (error,) = errors_in(answer.stderr)
    assert answer.stdout == ""
    assert error["exit_code"] == answer.exit_code == 1
    assert "no orchestrator answers at 127.0.0.1:1" in error["message"]


async def test_json_says_a_text_as_it_is_and_moves_no_cursor(api: Api, orchestrator: Orchestrator) -> None:
    saga_id = await paused_at(api, an_order(), "ReserveStock")
    evil = "two\nlines \x1b[2J f\u202eunds"
    await orchestrator("resume", saga_id)
    await orchestrator("pause", saga_id, "--reason", evil)

    answer = await orchestrator("show", saga_id, "--json")

    assert answer.out.isascii()
    assert "\x1b" not in answer.out
    if reason := json.loads(answer.out)["saga"].get("reason"):
        assert reason["message"] == evil


async def test_what_is_sensitive_is_masked_in_json_too(api: Api, orchestrator: Orchestrator) -> None:
    saga = await start(api, an_order(card_token="tok_secret"), wait=10)

    for command in ("show", "journal"):
        answer = await orchestrator(command, saga.saga_id, "--json")
        assert "tok_secret" not in answer.out
        assert json.loads(answer.out)["saga"]["input"]["card_token"] == "[redacted]"
