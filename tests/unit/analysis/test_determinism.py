"""Code that would differ in a replay is found, under any name."""

from __future__ import annotations

import importlib
import itertools
import re
import sys
from textwrap import indent
from typing import TYPE_CHECKING

import pytest

from orchestrator.analysis.determinism import check as determinism
from orchestrator.analysis.determinism import nondeterminism as forbidden
from orchestrator.analysis.determinism import reader as determinism_reader
from orchestrator.analysis.rules import check_definition
from orchestrator.shop.place_order import place_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orchestrator.contract.violation import Violation

HEAD = """
import asyncio
from dataclasses import dataclass

import orchestrator
from orchestrator import best_effort, child, saga, saga_id, scope
from shop.inventory.v1.inventory_pb2 import GetStockRequest, ReserveStockRequest
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest


@dataclass(frozen=True)
class Shop:
    inventory: InventoryServiceStub


REQUEST = ReserveStockRequest()
STOCK = GetStockRequest()

"""
PLACE = """
@saga("place", version=1)
async def place(order: StartOrderRequest, shop: Shop) -> Receipt:
"""
END = "\n    return Receipt()\n"

Check = "Callable[..., list[Violation]]"


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Violation]]]:
    """Write a package with a module around a saga's body, and perhaps another beside it; what is wrong with them."""
    numbers = itertools.count()
    monkeypatch.syspath_prepend(str(tmp_path))
    known = set(sys.modules)

    def check(body: str, before: str = "", beside: str = "") -> list[Violation]:
        package = f"tried_{tmp_path.name.replace('-', '_')}_{next(numbers)}"
        folder = tmp_path / package
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "beside.py").write_text(beside)
        (folder / "sagas.py").write_text(HEAD + before + PLACE + indent(body, "    ") + END)
        importlib.invalidate_caches()
        return check_definition(importlib.import_module(f"{package}.sagas").place)

    yield check
    for name in set(sys.modules) - known:
        if name.startswith("tried_"):
            del sys.modules[name]


def rules(violations: list[Violation]) -> list[str]:
    return [violation.rule for violation in violations]


BROKEN = [
    ("time-is-journalled", "import time", "time.time()"),
    ("time-is-journalled", "import time as clock", "clock.monotonic_ns()"),
    ("time-is-journalled", "from time import time as now", "now()"),
    ("time-is-journalled", "import datetime", "datetime.datetime.now(datetime.UTC)"),
    ("time-is-journalled", "from datetime import datetime as dt", "dt.utcnow()"),
    ("time-is-journalled", "from datetime import datetime", "datetime.today()"),
    ("time-is-journalled", "from datetime import date", "date.today()"),
    ("time-is-journalled", "import time\nclock = time.perf_counter", "clock()"),
    ("chance-is-journalled", "import random", "random.choice([1, 2])"),
    ("chance-is-journalled", "from random import randint as dice", "dice(1, 6)"),
    ("chance-is-journalled", "import random\nDICE = random.Random(4)", "DICE.random()"),
    ("chance-is-journalled", "import secrets", "secrets.token_hex()"),
    ("chance-is-journalled", "from secrets import randbelow", "randbelow(3)"),
    ("chance-is-journalled", "from uuid import uuid4", "uuid4()"),
    ("chance-is-journalled", "import uuid", "uuid.uuid1()"),
    ("chance-is-journalled", "import os", "os.urandom(4)"),
    ("chance-is-journalled", "from os import urandom", "urandom(4)"),
    ("io-is-a-command", "", "open('rates.csv').read()"),
    ("io-is-a-command", "", "input()"),
    ("io-is-a-command", "import os", "os.environ['RATE']"),
    ("io-is-a-command", "from os import environ", "environ['RATE']"),
    ("io-is-a-command", "import os", "os.path.exists('rates.csv')"),
    ("io-is-a-command", "from pathlib import Path", "Path('rates.csv').read_text()"),
    ("io-is-a-command", "from pathlib import Path\nRATES = Path('rates.csv')", "RATES.read_text()"),
    ("io-is-a-command", "import socket", "socket.gethostname()"),
    ("io-is-a-command", "from socket import gethostname", "gethostname()"),
    ("io-is-a-command", "import subprocess", "subprocess.run(['true'])"),
    ("io-is-a-command", "from urllib.request import urlopen", "urlopen('http://rates')"),
    ("io-is-a-command", "import urllib.request", "urllib.request.urlopen('http://rates')"),
    ("io-is-a-command", "import sqlite3", "sqlite3.connect('rates.db')"),
    ("io-is-a-command", "import grpc", "grpc.insecure_channel('rates:50051')"),
    ("io-is-a-command", "import sys", "sys.stdin.read()"),
    ("waits-are-durable", "import time", "time.sleep(1)"),
    ("waits-are-durable", "", "await asyncio.sleep(1)"),
    ("waits-are-durable", "from asyncio import sleep", "await sleep(1)"),
    ("waits-are-durable", "", "async with asyncio.timeout(1): await shop.inventory.ReserveStock(REQUEST)"),
    ("waits-are-durable", "", "await asyncio.wait_for(shop.inventory.ReserveStock(REQUEST), 1)"),
    ("branches-are-joined", "", "asyncio.create_task(shop.inventory.ReserveStock(REQUEST))"),
    ("branches-are-joined", "", "await asyncio.to_thread(print)"),
    ("branches-are-joined", "", "asyncio.get_running_loop().run_in_executor(None, print)"),
    ("branches-are-joined", "", "asyncio.Queue()"),
    ("branches-are-joined", "import threading", "threading.Thread(target=print).start()"),
    ("branches-are-joined", "from concurrent.futures import ThreadPoolExecutor", "ThreadPoolExecutor()"),
    ("values-outlive-processes", "", "id(order)"),
    ("values-outlive-processes", "", "hash('a')"),
    ("values-outlive-processes", "COUNT = 0", "global COUNT"),
    ("code-is-visible", "", "eval('1')"),
    ("code-is-visible", "import importlib", "importlib.import_module('rates')"),
    ("awaits-are-commands", "from contextlib import AsyncExitStack", "async with AsyncExitStack(): pass"),
    ("awaits-are-commands", "from contextlib import aclosing", "await aclosing(order)"),
    ("awaits-are-commands", "", "client = order\nawait client.get('http://rates')"),
    ("awaits-are-commands", "", "client = order\nawait asyncio.gather(*[client.get(line) for line in order.lines])"),
    ("awaits-are-commands", "", "client = order\nawait (client.get() if order.member else client.put())"),
    ("awaits-are-commands", "", "client = order\nasync for rate in client.rates(): pass"),
    ("awaits-are-commands", "", "client = order\nprint([rate async for rate in client.rates()])"),
    (
        "awaits-are-commands",
        "",
        "client = order\nasync with asyncio.TaskGroup() as group: group.create_task(client.get())",
    ),
    ("order-is-fixed", "", "for sku in {line.sku for line in order.lines}: await shop.inventory.ReserveStock(REQUEST)"),
    ("order-is-fixed", "", "skus = set(order.coupon_codes)\nprint([sku for sku in skus])"),
    ("order-is-fixed", "", "skus: set[str] = order\nprint(list(skus))"),
    ("order-is-fixed", "CODES = frozenset({'a'})", "print(','.join(CODES))"),
    ("order-is-fixed", "CODES = frozenset({'a'})", "Receipt(order_id=','.join(CODES | {'b'}))"),
    ("order-is-fixed", "", "StartOrderRequest(coupon_codes={'a', 'b'})"),
    ("order-is-fixed", "", "order.coupon_codes.extend({'a'}.union({'b'}))"),
    ("order-is-fixed", "", "await asyncio.gather(*{shop.inventory.ReserveStock(REQUEST)})"),
    ("order-is-fixed", "", "skus = {'a'}\nskus.pop()"),
    ("order-is-fixed", "", "for key in {'a': 1}.keys() - {'b'}: print(key)"),
]

ALLOWED = [
    ("", "print(orchestrator.now(), orchestrator.random(), orchestrator.uuid4(), saga_id())"),
    ("from orchestrator import now, random, uuid4", "print(now(), random(), uuid4())"),
    ("import logging\nlog = logging.getLogger()", "log.info('placed')"),
    ("from datetime import datetime, timedelta", "print(datetime(2026, 1, 1) + timedelta(days=1))"),
    ("import uuid", "print(uuid.uuid5(uuid.NAMESPACE_URL, saga_id()))"),
    ("from pathlib import PurePath", "print(PurePath('a') / 'b')"),
    ("import os", "print(os.path.join('a', 'b'))"),
    ("import grpc", "print(grpc.StatusCode.NOT_FOUND.name)"),
    ("from http import HTTPStatus", "print(HTTPStatus.OK)"),
    ("", "try:\n    await shop.inventory.GetStock(STOCK)\nexcept asyncio.CancelledError:\n    raise"),
    ("", "time = order\nprint(time.time)"),
    ("def open(name): return name", "print(open('a'))"),
    ("", "reserve = shop.inventory.ReserveStock\nawait reserve(REQUEST)"),
    ("", "command = shop.inventory.ReserveStock(REQUEST)\nawait command"),
    ("", "await best_effort(shop.inventory.ReserveStock(REQUEST))"),
    ("", "async with asyncio.TaskGroup() as group:\n    group.create_task(shop.inventory.ReserveStock(REQUEST))"),
    ("", "await asyncio.gather(*[shop.inventory.ReserveStock(REQUEST) for line in order.lines])"),
    ("", "await (shop.inventory.ReserveStock(REQUEST) if order.member else shop.inventory.GetStock(STOCK))"),
    ("", "async def twice():\n    await shop.inventory.ReserveStock(REQUEST)\nawait twice()"),
    ("async def reserve(stub):\n    await stub.ReserveStock(REQUEST)\n", "await reserve(shop.inventory)"),
    ("", "for sku in sorted({line.sku for line in order.lines}): print(sku)"),
    ("", "skus = {'a'}\nprint(len(skus), max(len(sku) for sku in skus), 'a' in skus, sorted([s for s in skus]))"),
    ("", "for key in {'a': 1}: print(key)"),
    ("", "print({sku for sku in {'a'}})"),
]


@pytest.mark.parametrize(("rule", "before", "body"), BROKEN, ids=[f"{rule}: {body}" for rule, _, body in BROKEN])
def test_code_that_differs_in_a_replay_is_found(
    check: Callable[..., list[Violation]], rule: str, before: str, body: str
) -> None:
    violations = [each for each in check(body, before) if each.rule != "plan-is-readable"]

    assert set(rules(violations)) == {rule}, violations


@pytest.mark.parametrize(("before", "body"), ALLOWED, ids=[body for _, body in ALLOWED])
def test_code_that_is_the_same_in_a_replay_is_allowed(
    check: Callable[..., list[Violation]], before: str, body: str
) -> None:
    assert check(body, before) == []


def test_names_imported_within_the_function_are_resolved(check: Callable[..., list[Violation]]) -> None:
    assert rules(check("import time as t\nprint(t.time())")) == ["time-is-journalled"]
    assert rules(check("from random import choice as pick\nprint(pick('ab'))")) == ["chance-is-journalled"]
    assert rules(check("import os.path\nprint(os.path.exists('a'))")) == ["io-is-a-command"]
    assert rules(check("from no_such_module import thing\nprint(thing)")) == []


def test_functions_and_classes_of_the_module_are_read(check: Callable[..., list[Violation]]) -> None:
    before = """
import time
from dataclasses import dataclass, field

def due():
    return lower() + 1

def lower():
    return time.time()

@dataclass
class Cart:
    made_at: float = field(default_factory=time.time)

    def age(self):
        return time.time() - self.made_at
"""
    assert rules(check("print(due())", before)) == ["time-is-journalled"]
    assert rules(check("print(Cart())", before)) == ["time-is-journalled"] * 2
    assert check("print(1)", before) == []


def test_modules_in_the_same_package_are_read_and_named(check: Callable[..., list[Violation]]) -> None:
    (violation,) = check(
        "print(due())", "from .beside import due", "import time\n\ndef due():\n    return time.time()\n"
    )

    assert violation.file.endswith("beside.py")
    assert violation.line == 4
    assert violation.rpc == "place v1"


def test_a_violation_says_what_to_write_instead(check: Callable[..., list[Violation]]) -> None:
    (violation,) = check("print(dt.now())", "from datetime import datetime as dt")

    assert violation.message == "`dt.now` tells another time in each replay; write orchestrator.now()"


def test_where_stubs_cannot_be_read_no_await_is_called_foreign(check: Callable[..., list[Violation]]) -> None:
    assert rules(check("stubs = [shop.inventory]\nawait stubs[0].ReserveStock(REQUEST)")) == ["plan-is-readable"]


def test_our_own_saga_is_the_same_in_every_replay() -> None:
    assert check_definition(place_order) == []


def test_the_documented_rules_are_the_rules_and_each_has_a_test() -> None:
    documented = set(re.findall(r"^``([a-z-]+)``", determinism.__doc__ or "", flags=re.MULTILINE))

    assert documented == {
        *(each.rule for each in forbidden.FORBIDDEN),
        determinism_reader.AWAITS,
        determinism_reader.ORDER,
    }
    assert documented == {rule for rule, _, _ in BROKEN}
