"""A new participant of the shop, written in a copy of the project from nothing but `services/chassis/README.md`."""

from __future__ import annotations

import os
import re
import shutil
from typing import Final

import pytest

from tests.acceptance.page_commands import World, run, started
from tests.acceptance.pages import PAGES, ROOT
from tests.acceptance.trips import environment

PAGE: Final = PAGES["services/chassis/README.md"]
PLACE_ORDER: Final = "orchestrator/shop/place_order.py"
ADDRESS: Final = "127.0.0.1:50111"
LISTENING: Final = re.compile(r"listening on (\S+)")
IMPORTS: Final = """
from shop.gift.v1.gift_pb2 import WrapOrderRequest
from shop.gift.v1.gift_pb2_grpc import GiftServiceStub
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The project with the files of the page, and with the step in the saga."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("orchestrator", "generated", "services", "protos"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for block in PAGE.blocks("proto", "python"):
        file = folder / block.file
        file.parent.mkdir(parents=True, exist_ok=True)
        if block.file != "place_order.py":
            file.write_text(block.code)
    for init in ("services/gift", "services/gift/migrations"):
        (folder / init / "__init__.py").write_text('"""Gifts."""\n')
    saga = folder / PLACE_ORDER
    code = saga.read_text().replace("\n\n@dataclass", f"{IMPORTS}\n\n@dataclass", 1)
    code = code.replace(
        "    inventory: InventoryServiceStub\n", "    inventory: InventoryServiceStub\n    gift: GiftServiceStub\n"
    )
    code = code.replace("    # The point of no return.\n", f"{step()}\n    # The point of no return.\n")
    saga.write_text(code)
    path = f"{folder}{os.pathsep}{folder / 'generated'}"
    return World(folder, environment(folder) | {"PYTHONPATH": path})


def step() -> str:
    """What the page adds to the saga."""
    [code] = [block.code for block in PAGE.blocks("python") if block.code.startswith("    await ")]
    return code


def test_a_participant_written_from_the_page_is_sound_and_takes_part(copy: World) -> None:
    inventory, generate, start, conform, check = [command for block in PAGE.blocks("sh") for command in block.commands]

    run(copy, inventory)
    run(copy, generate)
    assert "no violations" in run(copy, check)
    assert "GiftService.WrapOrder  compensable, by UnwrapOrder" in run(copy, f"{check} --plan")
    with started(copy, start, LISTENING) as listening:
        report = run(copy, conform.replace(ADDRESS, listening[1]))
    assert " 0 failed" in report
    assert "echoes" in report


def test_the_page_shows_every_file_that_a_service_needs() -> None:
    shown = {block.file.rpartition("/")[2] for block in PAGE.blocks("python")}
    assert shown == {"store.py", "service.py", "0001_wrapped.py", "__main__.py", "place_order.py"}
