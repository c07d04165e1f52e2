"""The README does not promise what is not there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from typer.testing import CliRunner

from orchestrator.channels.status import MEANINGS
from orchestrator.cli.app import app
from orchestrator.contract.command import Meaning
from orchestrator.journal.reason import ReasonCode
from orchestrator.shop.demo.procfile import ROOT
from tests.acceptance.conftest import BIN, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.conftest import Shop

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
API = "127.0.0.1:50100"
HOTEL = """
syntax = "proto3";
package hotel.v1;
import "saga/v1/contract.proto";
service HotelService {
  RPC
  rpc CancelRoom(CancelRoomRequest) returns (CancelRoomResponse) {
    option (saga.v1.command) = {effect: EFFECT_RETRYABLE};
  }
  rpc GetBooking(GetBookingRequest) returns (BookRoomResponse) {
    option (saga.v1.command) = {effect: EFFECT_QUERY};
  }
}
message BookRoomRequest { string order_id = 1; }
message BookRoomResponse {}
message CancelRoomRequest { string order_id = 1; }
message CancelRoomResponse {}
message GetBookingRequest { string order_id = 1; }
"""


def block(beginning: str) -> str:
    [found] = [each for each in BLOCKS if each.startswith(beginning)]
    return found


def table(*head: str) -> list[list[str]]:
    """The cells of the rows of the table with this head."""
    [found] = re.findall(rf"^\| {re.escape(' | '.join(head))} \|\n\|[-|]+\|\n((?:\|.*\n)+)", README, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in found.splitlines()]


def codes(meaning: Meaning) -> set[str]:
    return {code.name for code, means in MEANINGS.items() if means is meaning}


def test_its_buf_curl_places_an_order(shop: Shop) -> None:
    command = block(".venv/bin/buf curl").replace(".venv/bin", str(BIN)).replace(API, shop.addresses.orchestrator)
    done = run("sh", "-c", command)
    assert json.loads(done.out)["order"]["status"] == "STATUS_COMPLETED", done.err


def test_its_grpcurl_sends_the_same_to_the_same() -> None:
    sent = [
        re.findall(r"-d '(.*?)' (?:http://)?(\S+?)[ /](\S+)", each, re.DOTALL)
        for each in BLOCKS
        if "StartOrder" in each
    ]
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_its_commands_of_make_are_there() -> None:
    there = {line.split()[1] for line in run("make").out.splitlines()}
    assert set(re.findall(r"`make (\w+)`", README)) <= there


def test_its_commands_of_orchestrator_are_there_with_their_options() -> None:
    lines = "\n".join(BLOCKS).replace("\\\n", " ").splitlines()
    commands = [re.findall(r"orchestrator (\w[\w ]*?)(?= <| -|$)(.*)", line) for line in lines]
    told = {}
    for (words, arguments), *_ in filter(None, commands):
        name = words.split()[0]
        told[name] = told.get(name) or CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
        assert told[name].exit_code == 0, name
        assert set(re.findall(r"--[a-z-]+", arguments)) <= set(re.findall(r"--[a-z-]+", told[name].stdout)), words
    assert {"list", "show", "serve", "resolve", "act"} <= told.keys()


def test_its_table_of_outcomes_is_that_of_the_code() -> None:
    rows = {cells[1].split(":")[0].strip(): cells[0] for cells in table("status", "outcome", "what follows")}
    assert set(re.findall(r"`(\w+)`", rows["rejected"])) == codes(Meaning.REJECTED)
    assert set(re.findall(r"`(\w+)`", rows["retry"])) == codes(Meaning.RETRY)


def test_its_table_of_suspensions_knows_every_reason() -> None:
    named = set(re.findall(r"`([A-Z_]+)`", " ".join(row[0] for row in table("because", "what happened", "what helps"))))
    rolling_back = {ReasonCode.REJECTED, ReasonCode.CANCELLED, ReasonCode.DEADLINE}
    by_operators = {ReasonCode.RESUMED, ReasonCode.RETRY_NOW, ReasonCode.RESOLVED, ReasonCode.SKIPPED}
    assert named == set(ReasonCode) - rolling_back - by_operators


def test_its_contract_says_what_a_contract_can_say(tmp_path: Path) -> None:
    [rpc] = re.findall(r"^```proto\n(rpc BookRoom.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    (tmp_path / "hotel.proto").write_text(HOTEL.replace("RPC", rpc))
    done = CliRunner().invoke(app, ["check", "--protos", str(tmp_path)])
    assert done.exit_code == 0, done.output


def test_its_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert all((ROOT / link.partition("#")[0]).exists() for link in links)


def test_its_map_names_what_is_there() -> None:
    [drawn] = re.findall(r"## The map of the house\n\n```text\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    top = ""
    for line in drawn.splitlines():
        name = line.split()[0]
        top = name if not line.startswith(" ") else top
        assert (ROOT / top / (name if line.startswith(" ") else "")).exists(), name
