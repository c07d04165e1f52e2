"""What commands print, at every width, in every encoding, and whatever a participant has said."""

from __future__ import annotations

import asyncio
import io
import re
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Failure, Rejected
from saga.v1 import saga_pb2
from saga.v1.bulk_service_pb2 import ListBulkActsRequest
from tests.integration.api.situations import paused_at, start
from tests.integration.api.test_finding_sagas import waiting_for_inventory
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., StartOrderRequest]

EVIL = "no \x1b]0;owned\x07\x1b[2J\x1b]52;c;ZXZpbA==\x07 f\u202eunds\r\nsaga completed [bold]not[/bold] \x9b31m"
STRANGE = "keine Deckung für José ☃"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
UNFIT = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]")
SHORTEST_FRAGMENT = 4
WIDTHS, ENCODINGS = ("60", "80", "120"), ("utf-8", "ascii", "latin-1", "cp1252")


class Printed:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.raw = out + err
        self.text = COLOUR.sub("", self.raw)


async def printed(
    api: Api, *arguments: str, width: str = "120", encoding: str = "utf-8", colour: bool = False
) -> Printed:
    """What a process of its own prints in a terminal of this kind."""
    orchestrator = {"ORCHESTRATOR_ADDRESS": api.address, "ORCHESTRATOR_TOKEN": TOKEN}
    kind = {"COLUMNS": width, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", **orchestrator}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "orchestrator",
        *arguments,
        env=kind | ({"FORCE_COLOR": "1", "TERM": "xterm-256color"} if colour else {"NO_COLOR": "1"}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    code = process.returncode
    assert code is not None
    return Printed(code, *(io.TextIOWrapper(io.BytesIO(each), encoding).read() for each in (out, err)))


def refuse_with(api: Api, method: str, message: str) -> None:
    """This method's calls are refused with this message."""
    answer = api.mocks.core.answer

    def told(command: object, request: bytes, metadata: object, *more: object) -> object:
        if getattr(command, "method", "") == method:
            return Rejected(Failure(StatusCode.FAILED_PRECONDITION, message, "TOLD"))
        return answer(command, request, metadata, *more)  # type: ignore[arg-type]

    api.mocks.core.answer = told  # type: ignore[method-assign,assignment]


async def one_of_each(api: Api, an_order: AnOrder) -> dict[str, str]:
    """Sagas of every kind: their ids, and their statuses in words."""
    completed = (await start(api, an_order(), wait=10)).saga_id
    suspended = await paused_at(api, an_order(), "ReserveStock")
    api.mocks.refused["ArrangeShipment"] = 1
    compensated = (await start(api, an_order(), wait=10)).saga_id
    waits = await waiting_for_inventory(api, an_order())
    return {completed: "completed", suspended: "suspended", compensated: "compensated", waits: "running"}


@pytest.mark.parametrize(("width", "colour"), [("60", True), ("80", False), ("120", True)])
async def test_every_command_prints_whole_ids_and_whole_statuses(
    api: Api, an_order: AnOrder, width: str, *, colour: bool
) -> None:
    sagas = await one_of_each(api, an_order)

    listed = await printed(api, "list", width=width, colour=colour)
    for saga_id, status in sagas.items():
        assert re.search(rf"^{saga_id} +{status}\b", listed.text, re.MULTILINE), listed.text
        shown = await printed(api, "show", saga_id, width=width, colour=colour)
        assert saga_id in shown.text
        assert re.search(rf"\b{status}\b", shown.text), shown.text
    counted = await printed(api, "stats", width=width, colour=colour)
    for status in sagas.values():
        assert re.search(rf"place_order +{status}\b", counted.text), counted.text
    assert "shop.inventory.v1.InventoryService" in counted.text
    assert (listed.raw != listed.text) == colour
    waits = next(saga_id for saga_id, status in sagas.items() if status == "running")
    backing_off = await printed(api, "list", "--backing-off", width=width, colour=colour)
    assert waits in backing_off.text
    assert "is down since" in " ".join(backing_off.text.split())
    acted = await printed(
        api, "act", "retry", "--definition", "place_order", "--reason", "?", "--dry-run", width=width, colour=colour
    )
    (bulk,) = (await api.bulk.ListBulkActs(ListBulkActsRequest())).bulk_acts
    assert f"{bulk.bulk_act_id} " in acted.text.replace("\n", " ")
    listed = await printed(api, "bulk", "list", width=width, colour=colour)
    assert re.search(rf"^{bulk.bulk_act_id} +prepared\b", listed.text, re.MULTILINE), listed.text
    exported = await printed(api, "bulk", "export", bulk.bulk_act_id, width=width, colour=colour)
    assert all(saga_id in exported.text for saga_id in sagas)


def fragments(text: str, sagas: Iterable[str]) -> list[str]:
    """The words of a text that are no more than the beginning of an id, or of the status of a saga or a step."""
    kinds = (saga_pb2.Status, saga_pb2.StepState)
    values = [name.partition("_")[2].removeprefix("STATE_").lower() for kind in kinds for name in kind.keys()]  # noqa: SIM118 - no dict
    whole = {word for value in values for word in value.split("_")} | {*sagas}
    return [
        word
        for word in re.findall(r"[\w-]+", text)
        if len(word) > SHORTEST_FRAGMENT and word not in whole and any(each.startswith(word) for each in whole)
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_no_command_about_one_saga_breaks_an_id_or_a_status(
    api: Api, an_order: AnOrder, width: str, encoding: str
) -> None:
    sagas = await one_of_each(api, an_order)
    completed, suspended, compensated, waits = sagas

    for command, saga_id, *options in (
        *(("show", each) for each in sagas),
        ("journal", compensated),
        ("preview", suspended),
        ("watch", completed),
        ("pause", waits, "--reason", "looking"),
        ("resolve", suspended, "Nothing", "--no-effect", "--evidence", "?"),
        ("skip", suspended, "Nothing", "--evidence", "?"),
        ("resume", suspended),
        ("retry", completed),
        ("cancel", completed),
        ("cancel", waits),
    ):
        terminal = CliRunner(charset=encoding, env={"COLUMNS": width})
        arguments = (command, saga_id, *options, "--address", api.address)
        told = (await asyncio.to_thread(terminal.invoke, app, arguments, catch_exceptions=False)).output
        assert told
        assert fragments(told, sagas) == [], (command, told)
        assert "…" not in told


@pytest.mark.parametrize("width", WIDTHS)
async def test_each_line_of_the_feed_has_the_whole_id_and_the_whole_status(
    api: Api, an_order: AnOrder, width: str
) -> None:
    orchestrator = {"ORCHESTRATOR_ADDRESS": api.address, "ORCHESTRATOR_TOKEN": TOKEN}
    kind = {"COLUMNS": width, "PYTHONUNBUFFERED": "1", **orchestrator}
    feed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator", "feed"), env=kind, stdout=asyncio.subprocess.PIPE
    )
    assert feed.stdout is not None
    try:
        await api.until(lambda: api.feed.readers)
        saga_id = (await start(api, an_order(), wait=10)).saga_id
        line = ""
        while "completed" not in line:
            line = (await asyncio.wait_for(feed.stdout.readline(), 20)).decode()
            assert line.startswith(f"{saga_id}  "), line
    finally:
        feed.kill()
        await feed.wait()


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_a_terminal_of_any_encoding_gets_text_and_no_traceback(
    api: Api, an_order: AnOrder, encoding: str
) -> None:
    refuse_with(api, "ArrangeShipment", STRANGE)
    saga = await start(api, an_order(), wait=10)

    for command in (("list",), ("show", saga.saga_id), ("journal", saga.saga_id), ("preview", saga.saga_id)):
        shown = await printed(api, *command, encoding=encoding, width="60")
        assert shown.code == 0, shown.text
        assert "Traceback" not in shown.text
    told = (await printed(api, "show", saga.saga_id, encoding=encoding)).text
    assert (STRANGE if encoding == "utf-8" else "Deckung f") in told
    for command in (("stats",), ("--help",), ("list", "--help"), ("faults", "--help")):
        assert (await printed(api, *command, encoding=encoding)).code == 0


@pytest.mark.parametrize("width", WIDTHS)
async def test_what_a_participant_says_moves_no_cursor_and_forges_no_line(
    api: Api, an_order: AnOrder, width: str
) -> None:
    refuse_with(api, "ArrangeShipment", EVIL)
    saga = await start(api, an_order(), wait=10)
    assert saga.status == saga_pb2.STATUS_COMPENSATED

    for command in ("show", "journal", "watch", "preview"):
        # A watch on a terminal moves the cursor; the colours of the others are not counted.
        shown = await printed(api, command, saga.saga_id, width=width, colour=command != "watch")
        assert not UNFIT.search(shown.text), shown.text
        assert not any(line.lstrip().startswith("saga completed") for line in shown.text.splitlines())
    assert not UNFIT.search((await printed(api, "list", width=width)).text)
    shown = await printed(api, "show", saga.saga_id)
    assert r"\x1b]0;owned\x07\x1b[2J" in shown.text
    assert "[bold]not[/bold]" in shown.text


async def test_a_refusal_of_the_api_that_quotes_somebody_is_one_line(api: Api) -> None:
    told = await printed(api, "show", "no\x1b[2J\nsaga completed")

    assert told.code == 2
    assert not UNFIT.search(told.text)
    assert len(told.text.splitlines()) == 1


async def test_a_beginning_of_an_id_is_enough_wherever_an_id_is_taken(api: Api, an_order: AnOrder) -> None:
    paused = await paused_at(api, an_order(), "ReserveStock")
    beginning = paused[:30]

    for command in (
        ("show", beginning),
        ("journal", beginning),
        ("preview", beginning),
        ("resolve", beginning, "Nothing", "--no-effect", "--evidence", "?"),
        ("skip", beginning, "Nothing", "--evidence", "?"),
        ("retry", beginning),
        ("pause", beginning),
        ("resume", beginning),
        ("watch", beginning),
        ("cancel", beginning),
    ):
        told = await printed(api, *command)
        assert "there is no saga" not in told.text, (command, told.text)
        assert told.code == 0 or paused in told.text or "no command 'Nothing'" in told.text, (command, told.text)


async def test_a_beginning_that_several_ids_have_is_refused_with_the_candidates(api: Api, an_order: AnOrder) -> None:
    ids = [(await start(api, an_order(), wait=10)).saga_id for _ in range(2)]
    beginning = ids[0][:6]

    told = await printed(api, "show", beginning)

    assert told.code == 2
    assert told.text.startswith(f"error: {beginning} may be any of these sagas; say more of the id:\n")
    assert all(saga_id in told.text for saga_id in ids)


async def test_an_id_that_is_too_short_to_be_a_beginning_finds_nothing(api: Api, an_order: AnOrder) -> None:
    saga_id = (await start(api, an_order(), wait=10)).saga_id

    told = await printed(api, "show", saga_id[:3])

    assert told.code == 2
    assert "there is no saga" in told.text


async def test_slips_of_the_pen_are_errors(api: Api) -> None:
    told = await printed(api, "list", "--definition", "plaice_order")

    assert told.code == 2
    assert "there is no saga 'plaice_order'; there are: place_order" in told.text


async def test_a_reason_that_is_empty_is_refused_in_words(api: Api, an_order: AnOrder) -> None:
    saga_id = (await start(api, an_order(), wait=10)).saga_id

    told = await printed(api, "cancel", saga_id, "--reason", "")

    assert "reason: must not be empty" in told.text


async def test_a_suspended_saga_is_listed_with_its_reason(api: Api, an_order: AnOrder) -> None:
    await paused_at(api, an_order(), "ReserveStock")

    assert "because PAUSED by ada: because" in (await printed(api, "list", "--status", "suspended")).text
