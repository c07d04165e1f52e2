"""A project goes to a Temporal cluster, as the page of that engine says."""

from __future__ import annotations

import json
import re
import shutil
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from orchestrator.access.sign_in_code import sign_in_link
from orchestrator.contract.addresses import console_address
from orchestrator.shop.demo.addresses import Addresses
from tests.acceptance.conftest import BIN, PATIENCE, run
from tests.acceptance.pages import PAGES
from tests.acceptance.test_many_processes import booked, says, shell
from tests.support.temporal import TemporalServer
from tests.support.tokens import TOKEN, keep_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.trips import Agency

PAGE = PAGES["orchestrator/engine/temporal/README.md"]
NAMED = "temporal://127.0.0.1:7233/default"


def told_by_the_console(address: str, page: str) -> str:
    """A page of the console, to somebody who signs in with a link."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    console = console_address(address)
    browser.open(sign_in_link(console, TOKEN, time.time_ns()), timeout=PATIENCE).close()
    with browser.open(f"http://{console}{page}", timeout=PATIENCE) as shown:
        return str(shown.read(), "utf-8")


def told_of_a_schedule(address: str) -> dict[str, str]:
    """What the command line and the console say of a schedule, from its creation until after its end."""

    def say(*words: str) -> str:
        told = run(str(BIN / "orchestrator"), "schedules", *words, "--address", address)
        return told.out + told.err

    order = json.dumps({"@type": "type.googleapis.com/trip.v1.BookTripRequest", "city": "Lisbon"})
    say("create", "yearly", "--saga", "book_trip", "--input", order, "--cron", "0 0 1 1 *")
    saga_id = say("run", "yearly").strip()
    told: dict[str, str] = {"shown": ""}
    until = time.monotonic() + PATIENCE
    while saga_id not in told["shown"] and time.monotonic() < until:
        told["shown"] = say("show", "yearly")
    told["listed"] = say("list")
    told["console"] = told_by_the_console(address, "/schedules")
    told["paused"] = say("pause", "yearly", "--reason", "no more trips")
    told["deleted"] = say("delete", "yearly")
    told["gone"] = say("show", "yearly")
    return told


def told_of_a_bulk_act(address: str) -> dict[str, str]:
    """What the command line and the console say of a cancel of all trips: one has completed, one is back."""

    def say(*words: str) -> str:
        told = run(str(BIN / "orchestrator"), *words, "--address", address)
        return told.out + told.err

    told = {"done": say("act", "cancel", "--definition", "book_trip", "--reason", "a strike")}
    told["listed"] = say("bulk", "list")
    (bulk_id,) = set(re.findall(r"\d{8}-\d{6}-[0-9a-f]{6}", told["done"]))
    told["exported"] = say("bulk", "export", bulk_id)
    told["console"] = told_by_the_console(address, f"/bulk/{bulk_id}")
    return told | {"id": bulk_id}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TemporalServer]:
    server = TemporalServer(tmp_path, ["default"], prepared=False)
    server.start()
    yield server
    server.kill()


@pytest.mark.timeout(300)
def test_a_project_is_served_on_a_temporal_cluster(
    project: Path, agency: Agency, server: TemporalServer, tmp_path: Path
) -> None:
    folder = tmp_path / "trips"
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".state", "__pycache__"))
    keep_token(folder / ".state")
    [block] = [block for block in PAGE.blocks("sh") if "engine prepare" in block.code]
    prepare, serve = (command.replace(NAMED, server.url("default")) for command in block.commands)
    participants = " ".join(
        f"--participant trip.v1.{name}={agency.participants}" for name in ("HotelService", "FlightService")
    )
    listen = f"ORCHESTRATOR_LISTEN={Addresses.free().orchestrator}"
    with shell(folder, f"{listen} exec {serve} {participants}") as unprepared:
        says(unprepared, "run: orchestrator engine prepare")
    with shell(folder, prepare) as preparing:
        assert "SagaStatus" in says(preparing, "made")
        assert preparing.wait(PATIENCE) == 0
    with shell(folder, f"{listen} exec {serve} {participants}") as serving:
        address = says(serving, "orchestrator listening on ").split()[-1]
        assert booked(address, "Lisbon") == "STATUS_COMPLETED"
        assert booked(address, "Atlantis") == "STATUS_COMPENSATED"
        listed = run(str(BIN / "orchestrator"), "list", "--address", address).out
        refused = run(str(BIN / "orchestrator"), "top", "--address", address, "--json")
        told = told_of_a_schedule(address)
        acted = told_of_a_bulk_act(address)
    assert listed.count("book_trip") == 2
    assert "Temporal keeps no figures" in refused.err + refused.out
    assert re.search(r"started: by hand, by \w+", told["shown"])
    assert "yearly" in told["listed"]
    assert "yearly" in told["console"]
    assert "paused since" in told["paused"]
    assert "is deleted; the sagas that it has started go on" in told["deleted"]
    assert "the last one of this name was deleted at" in told["gone"]
    assert acted["id"] in acted["listed"]
    assert {json.loads(line)["answer"] for line in acted["exported"].splitlines()} == {
        "BULK_ANSWER_DONE",
        "BULK_ANSWER_EXCLUDED",
    }
    assert "a strike" in acted["console"]
    replayed = run(
        str(BIN / "orchestrator"), "engine", "replay", "--engine", server.url("default"), "--sagas", "orchestrator.shop"
    )
    assert "replayed 2 histories" in replayed.err + replayed.out
