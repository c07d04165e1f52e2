"""No README promises what is not there: every command and every snippet of every page is run, or is listed below."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Final

import pytest
from typer.testing import CliRunner

from orchestrator.channels.status import MEANINGS
from orchestrator.cli.app import app
from orchestrator.contract.command import Meaning
from orchestrator.journal.reason import ReasonCode
from orchestrator.settings import Settings
from tests.acceptance import conftest
from tests.acceptance.page_commands import ORDER_ID, ShopWorld, TripsWorld, run
from tests.acceptance.pages import PAGES, ROOT, Block, Page
from tests.acceptance.trips import SOURCE, write_tool

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.conftest import Shop
    from tests.acceptance.trips import Agency

RUN_ELSEWHERE: Final = {
    "orchestrator/channels/http/README.md": "tests/acceptance/test_http_page.py",
    "orchestrator/contract/overlay/README.md": "tests/acceptance/test_foreign_checkout.py",
    "orchestrator/participant/README.md": "tests/acceptance/test_participant_page.py",
    "services/README.md": "tests/acceptance/test_other_languages.py",
    "services/chassis/README.md": "tests/acceptance/test_new_participant.py",
}
"""The pages whose blocks are run by a test of their own."""

NOT_RUN: Final = {
    "make demo": "run by tests/acceptance/test_processes.py::test_the_demo_is_as_promised",
    "make demo-choreography": "run by tests/acceptance/test_choreography.py",
    "make demo ENGINE=temporal": (
        "run by tests/acceptance/test_processes.py::test_the_demo_is_as_promised_on_a_temporal_cluster"
    ),
    **dict.fromkeys(
        [
            command
            for block in PAGES["orchestrator/engine/temporal/README.md"].blocks("sh")
            if "--engine" in block.code
            for command in block.commands
        ],
        "run by tests/acceptance/test_temporal.py::test_a_project_is_served_on_a_temporal_cluster",
    ),
    "make run": "run by tests/acceptance/test_processes.py::test_run_tells_where_everything_is_and_stops_cleanly",
    "make run REPLICAS=3": (
        "run by tests/acceptance/test_processes.py::test_run_shows_replicas_on_one_database_and_stops_all_of_it"
    ),
    "make run CHANNEL=nats": (
        "run by tests/acceptance/test_processes.py::test_run_over_a_queue_starts_its_broker_first_and_stops_it_last"
    ),
    **dict.fromkeys(
        [
            command
            for block in PAGES["orchestrator/channels/README.md"].blocks("sh")
            if "channels create" in block.code
            for command in block.commands
        ],
        "needs a NATS server; run by tests/integration/channels/nats/test_provisioning.py",
    ),
    **dict.fromkeys(
        [
            command
            for block in PAGES["README.md"].blocks("sh")
            if "--processes" in block.code
            for command in block.commands
        ],
        "run by tests/acceptance/test_many_processes.py::test_a_project_goes_from_one_file_to_three_replicas",
    ),
    **dict.fromkeys(
        [command for block in PAGES["README.md"].blocks("sh") if "trustme" in block.code for command in block.commands],
        "run by tests/integration/api/test_tls.py::test_the_steps_of_the_first_page_lead_to_an_orchestrator_with_tls",
    ),
    "PORT_BASE=51100 make run": (
        "run by tests/acceptance/test_processes.py::test_one_setting_moves_all_ports_and_the_commands_that_are_printed"
    ),
    "ORCHESTRATOR_METRICS_LISTEN=127.0.0.1:9464 make run": (
        "`make run` with a setting whose effect is tested by tests/integration/observability/test_metrics_page.py"
    ),
    "curl --silent http://127.0.0.1:9464/metrics": (
        "the page is read by tests/integration/observability/test_metrics_page.py"
    ),
    "make jaeger": (
        "runs until it is stopped, on ports of its own choice; what it builds is used by "
        "tests/integration/observability/test_traces_are_found.py"
    ),
    "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 OTEL_METRICS_EXPORTER=none make run": (
        "`make run` with a setting whose effect is tested by tests/acceptance/test_restart_traces.py::"
        "test_a_drained_orchestrator_tells_nothing_again_and_a_killed_one_its_last_moments_at_most"
    ),
    "docker run --rm -p 4317:4317 -p 16686:16686 jaegertracing/jaeger": "needs a container engine and an image",
    'pip install "../saga-orchestrator[generate]"': (
        "needs a package index; the same wheel is built by tests/unit/cli/test_wheel.py::"
        "test_protoc_finds_the_imports_of_a_contract_in_site_packages"
    ),
    "make test": "runs other tests",
    "make test-long": "runs this test",
    "make soak": "runs for hours",
    "make bench": "runs for minutes, on a machine that does nothing else",
    "make bench-full": "runs for half an hour, on a machine that does nothing else",
    "make bench-micro": "runs for minutes, on a machine that does nothing else",
    "make lint": "the first step of .ci/run",
    "make format": "changes the files of the repository",
    "make generate": "changes the files of the repository",
    "make simulate SEEDS=1000": "runs for minutes; with fewer worlds, the orchestrator's own command is run",
    "make mutants": "runs for an hour",
    "make screenshots": "changes the files of the repository",
}
"""The commands that are not run here, and why."""

ENDS: Final = {
    "--took-effect": "completed",
    "--no-effect": "compensated",
    "--compensated": "compensated",
    "orchestrator skip": "partially compensated",
    "orchestrator cancel": "compensated",
}
"""How the saga ends to which a block's commands are done, by a part of the block."""

BLOCKS: Final = [block for page in PAGES.values() if page.path not in RUN_ELSEWHERE for block in page.blocks()]
LANGUAGES: Final = {"sh", "python", "proto", "json", "text"}

CONTRACT: Final = """
syntax = "proto3";
package page.v1;
import "buf/validate/validate.proto";
import "saga/v1/contract.proto";
"""
PRELUDE: Final = """
import asyncio
from datetime import datetime, timedelta, timezone

from orchestrator import *
from trip_sagas import *
"""


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


@pytest.fixture(scope="module")
def shop_world(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> ShopWorld:
    return ShopWorld.beside(shop, write_tool(tmp_path_factory.mktemp("page")))


@pytest.fixture(scope="module")
def trips_world(agency: Agency, project: Path, tmp_path_factory: pytest.TempPathFactory) -> TripsWorld:
    return TripsWorld.in_project(agency, project, write_tool(tmp_path_factory.mktemp("tools")))


def is_about_the_shop(block: Block) -> bool:
    return any(part in block.code for part in (".venv/bin/", "shop.order.v1", ":50180/"))


def is_of_own_saga(block: Block) -> bool:
    """It is the text of a file of the project that test_own_saga.py runs."""
    return any(block.code in path.read_text() for path in SOURCE.rglob("*.p*") if path.suffix in {".py", ".proto"})


# Commands


@pytest.mark.parametrize("block", [each for each in of("sh") if not NOT_RUN.keys() >= {*each.commands}], ids=str)
def test_the_commands_of_a_page_do_what_they_are_for(block: Block, request: pytest.FixtureRequest) -> None:
    world = request.getfixturevalue("shop_world" if is_about_the_shop(block) else "trips_world")
    for example in PAGES[block.page].blocks("json"):
        world.folder.joinpath(example.file).write_text(example.code)
    if "orchestrator act cancel" in block.code:
        world.paused("alice")
    order_id = world.order(block) if ORDER_ID in block.code else ""

    for command in block.commands:
        assert command not in NOT_RUN, f"{block}: a block is run, or is not run"
        run(world, command.replace(ORDER_ID, order_id))

    [ends, *_] = [*[end for part, end in ENDS.items() if part in block.code], ""]
    if ends and order_id:
        # Its exit code says how the saga ended.
        watched = run(world, f".venv/bin/orchestrator watch {order_id} || test $? -ge 3")
        assert watched.splitlines()[-1] == f"saga {ends}"


def test_each_command_that_is_not_run_is_on_a_page_and_has_a_reason_that_holds() -> None:
    assert {*NOT_RUN} <= {command for block in of("sh") for command in block.commands}
    for reason in [*NOT_RUN.values(), *RUN_ELSEWHERE.values()]:
        for file, test in re.findall(r"(tests/\S+\.py)(?:::(\w+))?", reason):
            assert f"def {test or 'test_'}" in (ROOT / file).read_text(), reason


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_each_target_of_make_on_a_page_is_there(page: Page) -> None:
    there = {line.split()[1] for line in conftest.run("make").out.splitlines()}
    commands = page.inline + [command for block in page.blocks("sh") for command in block.commands]
    assert {found for command in commands for found in re.findall(r"\bmake ([a-z-]+)", command)} <= there


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_each_command_in_the_prose_of_a_page_is_there_with_its_options(page: Page) -> None:
    for code in page.inline:
        if found := re.match(r"(?:\.venv/bin/)?orchestrator ([a-z][a-z-]*(?: [a-z][a-z-]*)?)(.*)", code):
            told = CliRunner().invoke(app, [*found[1].split(), "--help"], env={"COLUMNS": "200"})
            assert told.exit_code == 0, code
            assert set(re.findall(r"--[a-z-]+", found[2])) <= set(re.findall(r"--[a-z-]+", told.stdout)), code


# Snippets


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_each_block_is_in_a_language_that_is_checked(block: Block) -> None:
    assert block.language in LANGUAGES
    assert block.language != "text" or not re.search(r"^\$ ", block.code, re.MULTILINE), "a command belongs in sh"


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_each_snippet_of_python_runs(block: Block, trips_world: TripsWorld) -> None:
    if is_of_own_saga(block):
        return
    name = "page_" + re.sub(r"\W", "_", str(block))
    written = trips_world.folder / f"{name}.py"
    is_whole = bool(re.search(r"^(from|import) ", block.code, re.MULTILINE))
    written.write_text(block.code if is_whole else PRELUDE + block.code)
    if "async def test_" in block.code:
        assert "1 passed" in run(trips_world, f"pytest -q -o asyncio_mode=auto -p no:cacheprovider {written.name}")
    elif "@saga(" in block.code:
        assert "no violations" in run(trips_world, f"orchestrator check --protos protos --sagas {name}")
    else:
        assert run(trips_world, f"ORCHESTRATOR_JOURNAL=memory: python {written.name}") == "Sea view, Lisbon\n"


@pytest.mark.parametrize("block", of("proto"), ids=str)
def test_each_snippet_of_a_contract_keeps_the_rules(block: Block, tmp_path: Path) -> None:
    if is_of_own_saga(block):
        return
    (tmp_path / "page.proto").write_text(completed(block.code))
    done = CliRunner().invoke(app, ["check", "--protos", str(tmp_path), "--sagas", "orchestrator.shop"])
    assert done.exit_code == 0, done.output


def completed(code: str) -> str:
    """A contract of what a page shows of one, with the rpcs and messages that it only names."""
    first = re.search(r"^message ", code, re.MULTILINE)
    rpcs, messages = (code[: first.start()], code[first.start() :]) if first else (code, "")
    if not rpcs:
        rpcs = """
            rpc BookRoom(BookRoomRequest) returns (BookRoomResponse) {
              option (saga.v1.command) = {effect: EFFECT_COMPENSABLE compensation: "CancelRoom"};
            }
        """
    for part, effect in (("compensation", "RETRYABLE"), ("verify", "QUERY")):
        for name in re.findall(rf'{part}: "(\w+)"', rpcs):
            option = f"option (saga.v1.command) = {{effect: EFFECT_{effect}}};"
            rpcs += f"rpc {name}({name}Request) returns ({name}Response) {{ {option} }}\n"
    named = dict.fromkeys(re.findall(r"\((\w+(?:Request|Response))\)", rpcs))
    for name in named:
        if f"message {name} " not in messages:
            messages += f"message {name} {{ string order_id = 100; }}\n"
    return f"{CONTRACT}service PageService {{ {rpcs} }}\n{messages}"


@pytest.mark.parametrize("block", of("json"), ids=str)
def test_each_example_in_json_is_read_by_a_command(block: Block) -> None:
    assert json.loads(block.code)
    commands = [command for each in PAGES[block.page].blocks("sh") for command in each.commands]
    assert any(block.file in command for command in commands)


# Links, tables, the map


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_links_of_a_page_lead_somewhere(page: Page) -> None:
    for link in page.links:
        path, _, anchor = link.partition("#")
        target = (page.folder / path).resolve() if path else ROOT / page.path
        assert target.exists(), link
        readme = target / "README.md" if target.is_dir() else target
        if anchor:
            assert anchor in PAGES[str(readme.relative_to(ROOT))].anchors, link


def test_the_first_page_leads_to_every_other() -> None:
    assert {"README.md", *(link for link in PAGES["README.md"].links if link.endswith("README.md"))} == {*PAGES}


def test_the_first_page_is_short() -> None:
    assert 150 <= len(PAGES["README.md"].text.splitlines()) <= 250


def test_both_tools_send_the_same_order_to_the_same_rpc() -> None:
    sent = [
        re.findall(r"-d '(.*?)' (?:http://)?(\S+?)[ /](\S+)", block.code, re.DOTALL)
        for block in of("sh")
        if "StartOrder" in block.code
    ]
    assert len(sent) == 2
    assert sent[0] == sent[1]


def codes(meaning: Meaning) -> set[str]:
    return {code.name for code, means in MEANINGS.items() if means is meaning}


def test_the_table_of_outcomes_is_that_of_the_code() -> None:
    table = PAGES["orchestrator/engine/README.md"].table("status", "outcome", "what follows")
    rows = {cells[1].split(":")[0].strip(): cells[0] for cells in table}
    assert set(re.findall(r"`(\w+)`", rows["rejected"])) == codes(Meaning.REJECTED)
    assert set(re.findall(r"`(\w+)`", rows["retry"])) == codes(Meaning.RETRY)


def test_the_table_of_suspensions_knows_every_reason() -> None:
    table = PAGES["orchestrator/cli/README.md"].table("because", "what happened", "what helps")
    named = set(re.findall(r"`([A-Z_]+)`", " ".join(row[0] for row in table)))
    rolling_back = {ReasonCode.REJECTED, ReasonCode.CANCELLED, ReasonCode.DEADLINE, ReasonCode.TIMED_OUT}
    by_people = {
        ReasonCode.RESUMED,
        ReasonCode.RETRY_NOW,
        ReasonCode.RESOLVED,
        ReasonCode.SKIPPED,
        ReasonCode.DECIDED,
    }
    assert named == set(ReasonCode) - rolling_back - by_people


def test_the_table_of_settings_names_every_setting_and_its_default() -> None:
    page = PAGES["orchestrator/cli/README.md"]
    told = {cells[0].strip("`"): cells[2].strip("`") for cells in page.table("variable", "meaning", "default")}
    fields = {
        str(field.validation_alias or f"ORCHESTRATOR_{name.upper()}"): field
        for name, field in Settings.model_fields.items()
    }
    assert {*fields} == ({*told} - {"OTEL_*"}) | {"ORCHESTRATOR_FAILPOINTS"}
    for name, field in fields.items():
        default = field.get_default(call_default_factory=True)
        if told.get(name) and default not in ("", {}):  # for those, the page says what stands in their place
            assert told[name].lower() == re.sub(r"\.0$", "", str(default).lower())


def test_the_cells_of_the_fault_matrix_are_those_of_the_shop() -> None:
    told = CliRunner().invoke(app, ["faults", "--sagas", "orchestrator.shop"], env={"COLUMNS": "250"})
    [block] = [block for block in of("text") if "place_order v1: the command" in block.code]
    shown = cells(block.code)
    assert len(shown) > 12
    assert shown.items() <= cells(told.output).items()


def cells(drawn: str) -> dict[tuple[str, str, str], str]:
    """What a drawing of a fault matrix says, by its title, the command and the fault."""
    title, faults = "", [""]
    found: dict[tuple[str, str, str], str] = {}
    for line in drawn.splitlines():
        first, *others = [cell.strip() for cell in re.split("[│┃]", line.strip(" │┃"))]
        if not others:
            title = first if first.startswith("place_order") else title
        elif first == "command":
            faults = others
        else:
            found |= {(title, first, fault): cell for fault, cell in zip(faults, others, strict=True)}
    return found


def test_the_map_names_every_room_and_no_other() -> None:
    rooms = drawn_rooms()
    for path, text in rooms.items():
        assert (ROOT / path).exists() is not text.startswith("planned: "), path
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    ruled = {name.strip("() ") for layer in layers for name in layer.split("|")} - {"__main__"}
    assert {found[1] for path in rooms if (found := re.fullmatch(r"orchestrator/(\w+)(?:/|\.py)", path))} == ruled


def drawn_rooms() -> dict[str, str]:
    """What the map says, by the path."""
    [drawn] = PAGES["README.md"].blocks("text")
    parents, rooms = [""], {}
    for line in drawn.code.splitlines():
        name, _, text = line.strip().partition(" ")
        del parents[(len(line) - len(line.lstrip())) // 2 + 1 :]
        parents.append(parents[-1] + name)
        rooms[parents[-1]] = text.strip()
    return rooms
