"""Which sagas a command is about."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.cli.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SAGA = """
from dataclasses import dataclass
from orchestrator import best_effort, saga
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.rewards.v1.rewards_pb2 import CreditPointsRequest
from shop.rewards.v1.rewards_pb2_grpc import RewardsServiceStub

@dataclass(frozen=True)
class Shop:
    rewards: RewardsServiceStub

@saga("give_points", version={version})
async def give_points(order: StartOrderRequest, shop: Shop) -> Receipt:
    await best_effort(shop.rewards.CreditPoints(CreditPointsRequest(order_id="1")))
    return Receipt()
"""


def write(folder: Path, **modules: str) -> None:
    folder.mkdir(parents=True)
    for name, text in {"__init__": "", **modules}.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))


@pytest.mark.parametrize("command", ["check", "serve", "verify", "faults"])
def test_a_command_in_a_foreign_folder_asks_for_the_sagas(
    command: str, orchestrator: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORCHESTRATOR_SAGAS")
    answer = orchestrator(command)
    assert answer.code == 2
    assert "which sagas? Name the module that holds them: --sagas <module>" in answer.err


def test_the_repository_of_the_shop_has_no_default_sagas_either(
    orchestrator: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORCHESTRATOR_SAGAS")
    monkeypatch.chdir(ROOT)
    answer = orchestrator("check", "--plan")
    assert (answer.code, answer.out) == (2, "")
    assert "which sagas?" in answer.err


def test_the_settings_name_the_sagas_of_check_too(
    orchestrator: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "points_by_setting.py").write_text(SAGA.format(version=7))
    monkeypatch.setenv("ORCHESTRATOR_SAGAS", "points_by_setting")
    assert "give_points v7" in orchestrator("check", "--plan").out


def test_every_module_of_a_package_that_declares_a_saga_is_served(
    orchestrator: Callable[..., Any], tmp_path: Path
) -> None:
    write(tmp_path / "points", first=SAGA.format(version=1), second=SAGA.format(version=2))
    write(tmp_path / "points" / "later", third=SAGA.format(version=3))
    plans = orchestrator("check", "--plan", "--sagas", "points").out
    assert all(f"give_points v{version}" in plans for version in (1, 2, 3))


def test_a_module_of_a_package_without_a_saga_is_not_imported(orchestrator: Callable[..., Any], tmp_path: Path) -> None:
    write(tmp_path / "pointed", first=SAGA.format(version=1), tool="raise SystemExit('imported')")
    assert orchestrator("check", "--sagas", "pointed").code == 0


def test_a_module_of_a_package_that_cannot_be_imported_is_an_error(
    orchestrator: Callable[..., Any], tmp_path: Path
) -> None:
    write(tmp_path / "pointless", first=SAGA.format(version=1), second=f"import nowhere\n{SAGA.format(version=2)}")
    answer = orchestrator("check", "--sagas", "pointless")
    assert answer.code == 1
    assert "module pointless.second cannot be imported: No module named 'nowhere'" in answer.err
