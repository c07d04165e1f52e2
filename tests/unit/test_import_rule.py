"""The import rule of pyproject.toml: each of these imports would break it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.repository import BIN, ROOT

if TYPE_CHECKING:
    from pathlib import Path

FLOORS = "Each floor of the orchestrator knows only the floors beneath it, and no neighbour"
ROOMS = "The rooms of the engine stand upon one another"
FACADE = "API, console and applications ask the engine through its facade alone"
CIRCLES = "No circle of files, nor of folders"
SERVICES = "Services know the chassis and nothing of one another"
ARROW = "The services know the participant of the orchestrator and nothing else of it"
STRANGERS = "The orchestrator knows nothing of the services"
TELEMETRY = "Only observability, the chassis' tracing and the demo's receiver import OpenTelemetry"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code."""
    house = tmp_path_factory.mktemp("house")
    for package in ("orchestrator", "services"):
        shutil.copytree(ROOT / package, house / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", house)
    return house


def lint(house: Path) -> str:
    done = subprocess.run(
        [str(BIN / "lint-imports"), "--no-cache"],
        cwd=house,
        env=os.environ | {"PYTHONPATH": str(house), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_house_is_in_order(house: Path) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

    assert f"{len(contracts)} kept, 0 broken" in lint(house)


@pytest.mark.parametrize(
    ("module", "imported", "rule"),
    [
        ("orchestrator/settings/declared.py", "orchestrator.bootstrap", FLOORS),
        ("orchestrator/journal/codec/table.py", "orchestrator.store.memory.journal", FLOORS),
        ("orchestrator/store/memory/journal.py", "orchestrator.api.server", FLOORS),
        ("orchestrator/contract/rules/services.py", "orchestrator.definition.saga", FLOORS),
        ("orchestrator/api/server.py", "orchestrator.shop.place_order", FLOORS),
        ("orchestrator/cli/app.py", "orchestrator.shop.demo.orders", FLOORS),
        ("orchestrator/api/server.py", "orchestrator.engine.replica.worker", FACADE),
        ("orchestrator/shop/order_service.py", "orchestrator.store.memory.journal", FACADE),
        ("orchestrator/engine/run/sending/backoff.py", "orchestrator.engine.replica.worker", ROOMS),
        ("orchestrator/engine/schedules/turn.py", "orchestrator.engine.replica.worker", ROOMS),
        ("orchestrator/engine/starting.py", "orchestrator.engine.schedules.turn", ROOMS),
        ("orchestrator/journal/state/saga.py", "orchestrator.journal.codec", CIRCLES),
        ("services/payment/store.py", "services.inventory.domain", SERVICES),
        ("services/chassis/guard.py", "services.inventory.domain", SERVICES),
        ("services/payment/store.py", "orchestrator.errors", ARROW),
        ("orchestrator/participant/guard.py", "orchestrator.errors", FLOORS),
        ("orchestrator/journal/codec/table.py", "services.chassis.errors", STRANGERS),
        ("orchestrator/journal/codec/table.py", "opentelemetry.trace", TELEMETRY),
        ("services/payment/store.py", "opentelemetry.trace", TELEMETRY),
    ],
)
def test_an_import_against_the_rule_breaks_it(house: Path, module: str, imported: str, rule: str) -> None:
    path = house / module
    kept = path.read_text()
    path.write_text(f"{kept}\nimport {imported}\n")
    try:
        assert f"{rule} BROKEN" in lint(house)
    finally:
        path.write_text(kept)


def test_a_new_service_must_be_named_in_the_rule(house: Path) -> None:
    newcomer = house / "services/newcomer"
    newcomer.mkdir()
    (newcomer / "__init__.py").touch()
    try:
        assert "services.newcomer" in lint(house)
    finally:
        shutil.rmtree(newcomer)
