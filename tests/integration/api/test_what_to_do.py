"""What a person at the command line is told at 3 a.m.: where a saga stands, what waits, and which commands help."""

from __future__ import annotations

import asyncio
import json
import shlex
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.output.exit import ExitCode
from orchestrator.ports.dead_commands import FoundDeadCommands
from tests.integration.api.situations import get, held_at, paused_at, start
from tests.support.dead_commands import INVENTORY, dead_command
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.integration.api.conftest import Answer, Api

    AnOrder = Callable[..., StartOrderRequest]
    Orchestrator = Callable[..., Awaitable[Answer]]

RELEASE = "InventoryService.ReserveStock"


async def rolling_back_in_vain(api: Api, order: StartOrderRequest) -> str:
    """A saga that is suspended because its stock cannot be released."""
    api.mocks.refused.update({"ArrangeShipment": 1, "ReleaseStock": 1})
    return (await start(api, order, wait=10)).saga_id


def commands_in(text: str) -> list[list[str]]:
    """The commands that a page offers, each as the words of a shell."""
    return [shlex.split(line) for line in text.splitlines() if line.startswith("    orchestrator ")]


async def test_show_tells_what_a_saga_waits_for_what_comes_and_which_commands_help(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    saga_id = await rolling_back_in_vain(api, an_order())

    told = (await orchestrator("show", saga_id)).out

    assert "It has waited for an operator since " in told
    assert "): a participant refused a compensation" in told
    assert "next: Nothing, until an operator decides." in told
    assert "do: Make InventoryService accept the compensation of InventoryService.ReserveStock, and resume it" in told
    offered = commands_in(told)
    assert ["orchestrator", "resume", saga_id, "--reason", "WHY", "--address", api.address] in offered
    assert any(words[1:3] == ["skip", saga_id] for words in offered)
    assert "not now: " in told
    assert "pause" in told.partition("not now: ")[2]


async def test_a_command_that_show_offers_works_as_it_is_pasted(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    saga_id = await rolling_back_in_vain(api, an_order())
    offered = commands_in((await orchestrator("show", saga_id)).out)

    for verb in ("skip", "resume"):
        (words,) = [each for each in offered if each[1] == verb]
        pasted = await orchestrator(*words[1 : words.index("--address")])
        assert pasted.code == 0, pasted.err

    assert (await orchestrator("watch", saga_id)).code == ExitCode.PARTIALLY_COMPENSATED


async def test_show_offers_nothing_for_a_saga_that_has_ended(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    saga = await start(api, an_order(), wait=10)

    told = (await orchestrator("show", saga.saga_id)).out

    assert "It completed at " in told
    assert "next: Nothing: it has ended." in told
    assert not commands_in(told)
    assert "not now" not in told


async def test_the_desk_groups_what_waits_by_its_cause_the_oldest_first(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    in_vain = await rolling_back_in_vain(api, an_order())
    paused = [await paused_at(api, an_order(), "ReserveStock") for _ in range(2)]

    told = (await orchestrator("desk")).out
    as_json = json.loads((await orchestrator("desk", "--json")).out)

    assert told.startswith("3 sagas wait for a person, 2 causes\n")
    refused = told.index(f"place_order: COMPENSATION_REJECTED at {RELEASE}, 1 saga, the oldest since ")
    assert refused < told.index("place_order: PAUSED, 2 sagas, the oldest since ")
    offered = commands_in(told)
    assert [words[2] for words in offered if words[1] == "resume"] == [in_vain, paused[0]]
    assert [[saga["saga_id"] for saga in each["sagas"]] for each in as_json["causes"]] == [[in_vain], paused]
    (for_all,) = [words for words in offered if words[1] == "act"]
    looked = await orchestrator(*for_all[1 : for_all.index("--address")])
    assert looked.code == 0, looked.err
    assert "2 would be resumed" in looked.out, looked


async def test_the_desk_shows_the_sagas_of_one_definition_where_one_is_named(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    await paused_at(api, an_order(), "ReserveStock")

    assert "1 saga waits" in (await orchestrator("desk", "--definition", "place_order")).out
    assert (await orchestrator("desk", "--definition", "plaice_order")).code == ExitCode.NOT_THERE


async def test_the_desk_shows_what_participants_have_given_up(api: Api, orchestrator: Orchestrator) -> None:
    away = "The dead letters below commands cannot be read: NATS is away"
    letters = [dead_command(f"saga-{number}", "it\ncrashed") for number in range(1, 10)]
    api.dead_commands.found = FoundDeadCommands({INVENTORY: 1234}, letters, [away])

    told = await orchestrator("desk")
    dead = json.loads((await orchestrator("desk", "--json")).out)["dead_commands"]

    assert told.err == "nothing waits for a person\n"
    assert f"{away}\n{INVENTORY} has given up 1,234 commands\n" in told.out
    assert "do: Find out why the participant could not answer, and mend it" in told.out
    assert told.out.count("InventoryService.ReserveStock of saga saga-") == 5
    assert ", delivered 6 times: it\\ncrashed\n" in told.out
    assert dead["counts"] == [{"service": INVENTORY, "count": "1234", "until": "2026-09-21T14:13:20Z"}]
    assert (dead["newest"][0]["saga_id"], dead["newest"][0]["deliveries"]) == ("saga-1", 6)
    assert (dead["newest"][0]["error"], dead["unread"]) == ("it\ncrashed", [away])
    assert dead["advice"]


async def test_the_desk_of_one_definition_asks_for_nothing_that_was_given_up(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    await paused_at(api, an_order(), "ReserveStock")
    api.dead_commands.found = FoundDeadCommands({INVENTORY: 1}, [dead_command("saga-1")])

    assert "given up" not in (await orchestrator("desk", "--definition", "place_order")).out
    assert not api.dead_commands.limits


async def test_an_empty_desk_says_so(orchestrator: Orchestrator) -> None:
    assert await orchestrator("desk") == (0, "", "nothing waits for a person\n")


async def test_top_shows_what_needs_a_person_first_then_counts_rate_and_participants(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    await start(api, an_order(), wait=10)
    await paused_at(api, an_order(), "ReserveStock")

    told = (await orchestrator("top", "--once")).out
    as_json = json.loads((await orchestrator("top", "--json")).out)

    places = [
        told.index(part)
        for part in (
            "1 saga needs a person; see: orchestrator desk",
            "completed 1   suspended 1",
            " started and ",
            "shop.inventory.v1.InventoryService",
        )
    ]
    assert places == sorted(places)
    assert [each["started"] for each in as_json["figures"]["totals"]] == ["2"]
    assert [each["reason_code"] for each in as_json["suspended_groups"]] == ["PAUSED"]


@pytest.mark.parametrize("width", ["60", "200"])
async def test_every_page_stays_within_the_terminal(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    in_vain = await rolling_back_in_vain(api, an_order())
    await held_at(api, an_order(), "ReserveStock")

    for command in (["list"], ["show", in_vain], ["desk"], ["top", "--once"], ["stats"], ["whoami"]):
        answer = await orchestrator(*command)
        assert answer.code == 0, answer.err
        assert in_vain in answer.out or command[0] in {"stats", "whoami", "top"}
        assert "…" not in answer.out
        for line in answer.out.splitlines():
            # A command to paste, and an id, are whole, however long they are.
            is_whole = line.startswith("    orchestrator ") or in_vain in line or " " not in line.strip()
            assert len(line) <= int(width) or is_whole, line


def process(api: Api, *arguments: str, **environment: str) -> Awaitable[asyncio.subprocess.Process]:
    variables = {"PYTHONUNBUFFERED": "1", "ORCHESTRATOR_ADDRESS": api.address, "ORCHESTRATOR_TOKEN": TOKEN}
    return asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator", *arguments),
        env=variables | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_top_on_a_terminal_looks_again_and_again_until_it_is_interrupted(api: Api, an_order: AnOrder) -> None:
    top = await process(api, "top", "--every", "0.2", FORCE_COLOR="1", TERM="xterm-256color", COLUMNS="100")
    assert top.stdout is not None
    try:
        await asyncio.wait_for(top.stdout.readuntil(b"nothing needs a person"), 30)
        await paused_at(api, an_order(), "ReserveStock")
        await asyncio.wait_for(top.stdout.readuntil(b"1 saga needs a person"), 30)
        top.send_signal(signal.SIGINT)
        await top.communicate()
    finally:
        if top.returncode is None:
            top.kill()

    assert top.returncode == ExitCode.INTERRUPTED


async def test_a_watch_that_is_interrupted_leaves_the_saga_alone_and_says_so(api: Api, an_order: AnOrder) -> None:
    saga_id = await held_at(api, an_order(), "ReserveStock")
    watch = await process(api, "watch", saga_id)
    assert watch.stdout is not None
    try:
        await asyncio.wait_for(watch.stdout.readuntil(b"saga running"), 30)
        watch.send_signal(signal.SIGINT)
        _, err = await watch.communicate()
    finally:
        if watch.returncode is None:
            watch.kill()

    assert watch.returncode == ExitCode.INTERRUPTED
    assert err.decode() == f"the saga goes on; see: orchestrator show {saga_id}\n"
    assert (await get(api, saga_id)).status != 0


async def test_a_command_whose_reader_goes_away_ends_without_a_traceback(api: Api, an_order: AnOrder) -> None:
    await start(api, an_order(), wait=10)
    listing = f"{sys.executable} -m orchestrator list | true; exit ${{PIPESTATUS[0]}}"
    variables = {"ORCHESTRATOR_ADDRESS": api.address, "ORCHESTRATOR_TOKEN": TOKEN}
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-c", listing), env=variables, stderr=asyncio.subprocess.PIPE
    )
    _, err = await shell.communicate()

    assert (shell.returncode, err) == (ExitCode.UNREAD, b"")
