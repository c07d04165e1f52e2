"""The README does not promise what is not there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.acceptance.conftest import BIN, run
from tests.demo.addresses import ROOT

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
API = "127.0.0.1:50100"


def block(beginning: str) -> str:
    [found] = [each for each in BLOCKS if each.startswith(beginning)]
    return found


def test_its_buf_curl_places_an_order(shop: Shop) -> None:
    command = block(".venv/bin/buf curl").replace(".venv/bin", str(BIN)).replace(API, shop.addresses.orchestrator)
    done = run("sh", "-c", command)
    assert json.loads(done.out)["order"]["status"] == "STATUS_COMPLETED", done.err


def test_its_grpcurl_sends_the_same_to_the_same() -> None:
    sent = [re.findall(r"-d '(.*?)' (?:http://)?(\S+?)[ /](\S+)", each, re.DOTALL) for each in BLOCKS if " -d " in each]
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_its_commands_of_make_are_there() -> None:
    there = {line.split()[1] for line in run("make").out.splitlines()}
    assert set(re.findall(r"`make (\w+)`", README)) <= there


def test_its_commands_of_orchestrator_are_there() -> None:
    told = run(str(BIN / "orchestrator"), "--help").out
    assert all(f"│ {name} " in told for name in re.findall(r"orchestrator (\w+)(?: <| --|$)", "\n".join(BLOCKS)))


def test_its_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert all((ROOT / link).exists() for link in links)


def test_its_map_names_what_is_there() -> None:
    [drawn] = re.findall(r"## The map of the house\n\n```text\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    top = ""
    for line in drawn.splitlines():
        name = line.split()[0]
        top = name if not line.startswith(" ") else top
        assert (ROOT / top / (name if line.startswith(" ") else "")).exists(), name
