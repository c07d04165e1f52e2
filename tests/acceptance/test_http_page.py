"""The page of services over HTTP, followed to the letter: a guarded Starlette, a plain Express, a saga over both."""

from __future__ import annotations

import asyncio
import json
import random
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx2
import pytest

from orchestrator.channels.http.status import TABLE
from orchestrator.contract.command import Meaning
from orchestrator.testing.conformance import CheckVerdict, Examples, OverHttp, check_participant
from tests.acceptance.pages import PAGES
from tests.support.contracts import pool
from tests.support.languages import Process, copy_of, done, fetched, running
from tests.support.proxy import LinkFaults, Proxy
from tests.support.tokens import keep_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

# Modules are fetched once for each machine, and that takes longer than any test.
pytestmark = pytest.mark.timeout(600)

SOURCE: Final = Path(__file__).parent / "http_travel"
PAGE: Final = PAGES["orchestrator/channels/http/README.md"]
HOTEL, AIRLINE = "hotel.v1.HotelService", "airline.v1.AirlineService"
AT_HOTEL, AT_AIRLINE, ANY = "127.0.0.1:52003", "127.0.0.1:52004", "127.0.0.1:0"
RUNNING: Final = "Uvicorn running on http://"
GRPC: Final = re.compile(r"grpc|protobuf|_pb2", re.IGNORECASE)


def commands(beginning: str) -> list[str]:
    """The commands of the page's blocks that begin so, one block after the other."""
    return [command for block in PAGE.blocks("sh") for command in block.commands if command.startswith(beginning)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, elsewhere, with its stubs."""
    copied = copy_of(SOURCE, tmp_path_factory.mktemp("elsewhere") / "travel")
    [generate] = commands("orchestrator generate")
    done(copied, ".", generate)
    return copied


@contextmanager
def hotel_at(folder: Path, address: str) -> Iterator[Process]:
    [start] = commands("python hotel.py")
    with running(folder, "python", start.replace(AT_HOTEL, address), RUNNING) as process:
        yield process


@pytest.fixture(scope="module")
def hotel(folder: Path) -> Iterator[Process]:
    with hotel_at(folder, ANY) as process:
        yield process


@pytest.fixture(scope="module")
def airline(folder: Path) -> Iterator[Process]:
    fetched(folder, "node", f"{commands('npm ci')[0]} --no-audit --no-fund")
    [start] = commands("node server.js")
    with running(folder, "node", start.replace(AT_AIRLINE, ANY)) as process:
        yield process


def addressed(command: str, hotel: str, airline: str) -> str:
    return command.replace(AT_HOTEL, hotel).replace(AT_AIRLINE, airline)


@contextmanager
def serving(folder: Path, hotel: str, airline: str) -> Iterator[Process]:
    [serve] = commands("orchestrator serve")
    keep_token(folder / ".state")
    journal = f"--journal sqlite:.state/{random.randrange(10**9)}.db --console-listen ''"
    with running(folder, ".", f"{addressed(serve, hotel, airline)} --listen {ANY} {journal}") as process:
        yield process


@pytest.fixture(scope="module")
def orchestrator(folder: Path, hotel: Process, airline: Process) -> Iterator[Process]:
    with serving(folder, hotel.address, airline.address) as process:
        yield process


def start(folder: Path, address: str, command: str) -> tuple[int, list[str]]:
    """The exit code of a start, and what it has told of the steps."""
    told = done(folder, ".", f"{command} --address {address} || echo exit $?").splitlines()
    code = int(told.pop().split()[1]) if told[-1].startswith("exit ") else 0
    return code, told[1:]


def trip(city: str, budget: int) -> str:
    return f"orchestrator start travel --wait --input '{json.dumps({'city': city, 'budget': budget})}'"


def verdicts(folder: Path, command: str) -> dict[tuple[str, str], str]:
    """What the kit says, by rpc and check; nothing of it is a failure."""
    report = json.loads(done(folder, ".", f"{command} --json"))
    return {(each["rpc"], each["check"]): each["verdict"] for each in report["findings"]}


# The page


def test_the_page_shows_the_code_of_the_example() -> None:
    known = [path.read_text() for path in SOURCE.rglob("*") if path.suffix in {".py", ".js", ".proto"}]
    shown = [*PAGE.blocks("python", "js", "proto")]
    assert len(shown) == 5
    for block in shown:
        assert any(block.code in text for text in known), str(block)
    assert (SOURCE / "node" / "server.js").read_text() in {block.code for block in shown}


def test_neither_service_has_a_word_of_grpc() -> None:
    for path in (*SOURCE.joinpath("python").iterdir(), *SOURCE.joinpath("node").iterdir()):
        assert path.is_dir() or not GRPC.search(path.read_text()), path


def test_the_table_of_statuses_is_that_of_the_code() -> None:
    meanings = {"rejected": Meaning.REJECTED, "no effect yet, try again": Meaning.RETRY, "unknown": Meaning.UNKNOWN}
    told: dict[int, tuple[str, Meaning]] = {}
    for statuses, means, codes in PAGE.table("status", "counts as", "the code for rules of the contract"):
        if re.fullmatch(r"[\d, ]+", statuses) and means in meanings:
            named = zip(map(int, statuses.split(",")), re.findall(r"`(\w+)`", codes), strict=True)
            told |= {status: (code, meanings[means]) for status, code in named}
    assert told == {status: (said.code.name, said.meaning) for status, said in TABLE.items()}


# The participants


def test_both_contracts_and_the_saga_keep_the_rules_of_http(folder: Path) -> None:
    [check] = commands("orchestrator check")
    assert "2 contracts, 6 commands, 1 saga: no violations" in done(folder, ".", check)


def test_a_starlette_with_the_guard_passes_every_check_over_http(folder: Path, hotel: Process) -> None:
    [command] = commands(f"orchestrator conform {HOTEL}")
    found = verdicts(folder, command.replace(AT_HOTEL, hotel.address))

    assert set(found.values()) == {"passed", "not applicable"}
    assert {check for (rpc, check), verdict in found.items() if rpc == "BookRoom" and verdict == "not applicable"} == {
        "invalid-request",  # its contract states no constraint
        "same-key-after-restart",
        "kept-out-after-restart",
        "verify-after-restart",
    }


async def test_a_starlette_with_the_guard_passes_the_checks_with_a_restart(folder: Path) -> None:
    service = pool(SOURCE / "protos").FindServiceByName(HOTEL)
    first = hotel_at(folder, ANY)
    process = await asyncio.to_thread(first.__enter__)
    second = hotel_at(folder, process.address)
    way = OverHttp(f"http://{process.address}")

    async def restart() -> None:
        await asyncio.to_thread(first.__exit__, None, None, None)
        await asyncio.to_thread(second.__enter__)

    examples = Examples.parse(service, json.loads((SOURCE / "hotel.json").read_text()))
    report = await check_participant(way, service, examples, restart)
    await way.close()
    await asyncio.to_thread(second.__exit__, None, None, None)

    found = {each.check: each.verdict for each in report.findings if each.rpc == "BookRoom"}
    assert report.failures == ()
    for check in ("same-key-after-restart", "kept-out-after-restart", "verify-after-restart"):
        assert found[check] is CheckVerdict.PASSED


def test_a_plain_express_fails_no_check_and_its_contract_says_what_it_does_not_do(
    folder: Path, airline: Process
) -> None:
    [command] = commands(f"orchestrator conform {AIRLINE}")
    found = verdicts(folder, command.replace(AT_AIRLINE, airline.address))

    assert set(found.values()) == {"passed", "not applicable"}
    for check in ("accepts-command", "compensation-undoes", "compensation-twice", "verify"):
        assert found["BuyTicket", check] == "passed"
    for check in ("same-key-twice", "key-with-another-request", "echoes"):
        assert found["BuyTicket", check] == "not applicable"


# The saga


def test_a_saga_over_starlette_and_express_completes(folder: Path, orchestrator: Process) -> None:
    first, _ = commands("orchestrator start")
    code, told = start(folder, orchestrator.address, first)

    assert code == 0
    assert told[-1] == "saga completed"


def test_a_saga_over_starlette_and_express_rolls_back_both(folder: Path, orchestrator: Process) -> None:
    _, second = commands("orchestrator start")
    code, told = start(folder, orchestrator.address, second)

    assert code == 3
    assert told[-3:] == [
        "↩ AirlineService.BuyTicket compensated",
        "↩ HotelService.BookRoom compensated",
        "saga compensated",
    ]


@pytest.mark.parametrize(
    ("city", "rejected", "undone"),
    [
        ("Atlantis", "✗ AirlineService.BuyTicket rejected: no airport in Atlantis", 1),
        ("Nowhere", "✗ HotelService.BookRoom rejected: no hotel in Nowhere", 0),
    ],
)
def test_a_refusal_in_words_of_http_is_a_rejection(
    folder: Path, orchestrator: Process, city: str, rejected: str, undone: int
) -> None:
    code, told = start(folder, orchestrator.address, trip(city, 500))

    assert code == 3
    assert rejected in told
    assert sum(line.endswith(" compensated") for line in told) == undone + 1


@pytest.fixture
async def losing(airline: Process) -> AsyncIterator[Proxy]:
    """The way to the airline, which loses answers when it is told to."""
    async with Proxy(airline.address, random.Random(1)) as proxy:
        yield proxy


def told_until(airline: Process, last: str) -> list[str]:
    """What the airline says, up to a line that begins so."""
    lines: list[str] = []
    for line in airline.says:
        lines.append(line.rstrip())
        if re.match(last, line):
            return lines
    raise AssertionError(f"it never said {last}")


@pytest.mark.parametrize(("city", "budget", "ends"), [("Oslo", 500, "completed"), ("Turin", 100, "compensated")])
async def test_a_sale_whose_answer_was_lost_is_verified_and_the_ticket_is_not_sold_twice(
    folder: Path, hotel: Process, airline: Process, losing: Proxy, city: str, budget: int, ends: str
) -> None:
    served = serving(folder, hotel.address, losing.address)
    orchestrator = await asyncio.to_thread(served.__enter__)
    losing.faults = LinkFaults(loses=1)
    begun = asyncio.ensure_future(asyncio.to_thread(start, folder, orchestrator.address, trip(city, budget)))
    said = await asyncio.to_thread(told_until, airline, rf"bought T\d+, {city}")
    await losing.has_reset.wait()
    losing.faults = LinkFaults()

    _, told = await begun
    await asyncio.to_thread(served.__exit__, None, None, None)
    httpx2.post(f"http://{airline.address}/tickets", json={"tripId": "last", "city": "End"})
    said += await asyncio.to_thread(told_until, airline, r"bought T\d+, End")

    assert told[-1] == f"saga {ends}"
    sold = [line for line in said if line.endswith(f", {city}") and line.startswith("bought ")]
    refunded = [line for line in said if line.endswith(f", {city}") and line.startswith("refunded ")]
    assert (len(sold), len(refunded)) == (1, int(ends == "compensated"))
