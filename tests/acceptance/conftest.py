"""The shop as its users have it: every process on its own, reached over gRPC and by commands only."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.shop.demo.addresses import Addresses, settings_removed
from orchestrator.shop.demo.processes import Processes
from orchestrator.shop.demo.procfile import ROOT
from tests.acceptance.foreign import boutique, built_boutique, foreign
from tests.acceptance.trips import agency, project
from tests.support.tokens import AUTHORIZATION, TOKEN, keep_token

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["agency", "boutique", "built_boutique", "foreign", "project"]  # fixtures of the whole folder

PATIENCE = 60
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shop:
    """The running shop, and the folder in which it keeps its files."""

    addresses: Addresses
    state: Path

    def orchestrator(self, *arguments: str) -> Done:
        """The command line, told where the orchestrator is."""
        return run(str(BIN / "orchestrator"), *arguments, "--address", self.addresses.orchestrator)

    def call(self, method: str, request: dict[str, Any]) -> Done:
        """A call by a client that has no contract: it asks the server's reflection."""
        return buf_curl(f"http://{self.addresses.orchestrator}/{method}", "-d", json.dumps(request))


def run(*command: str, **environment: str) -> Done:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=settings_removed(os.environ) | {"ORCHESTRATOR_TOKEN": TOKEN} | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def buf_curl(*arguments: str) -> Done:
    who = ("-H", ": ".join(AUTHORIZATION), "--reflect-header", "*")
    return run(str(BIN / "buf"), "curl", "--protocol", "grpc", "--http2-prior-knowledge", *who, *arguments)


def order(**changes: object) -> dict[str, Any]:
    return {
        "customerId": "alice",
        "email": "alice@shop.example",
        "lines": [{"sku": "MUG-BLUE", "quantity": 2}],
        "shipTo": {
            "name": "Alice",
            "street": "Main Street 1",
            "city": "Berlin",
            "postalCode": "10115",
            "country": "DE",
        },
        "cardToken": "tok_visa",
        "wait": "20s",
    } | changes


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop, one for all tests of this folder."""
    state, addresses = tmp_path_factory.mktemp("shop"), Addresses.free()
    environment = (
        settings_removed(os.environ) | addresses.environment | {"STATE_DIR": str(state), "SHOP_FAULTS": "true"}
    )
    keep_token(state)
    log = state / "processes.log"
    with Processes(environment, log) as processes:
        processes.start()

        async def serving() -> None:
            async with asyncio.timeout(PATIENCE):
                await processes.serving(addresses.all.values())

        try:
            asyncio.run(serving())
        except Exception as error:
            error.add_note(log.read_text())
            raise
        yield Shop(addresses, state)
        assert processes.stop(), log.read_text()
