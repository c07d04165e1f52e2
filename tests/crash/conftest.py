"""The shop whose processes are killed here: its services run as long as the tests do."""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.crash.invariants import Invariants
from tests.crash.shop import Shop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session")
def running_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The ten services, started once; they take calls over every channel."""
    with Shop(tmp_path_factory.mktemp("shop"), channels=True) as shop:
        asyncio.run(shop.open())
        yield shop


@pytest.fixture
async def shop(running_shop: Shop) -> AsyncIterator[Shop]:
    """The services, all of them running and answering."""
    yield running_shop
    await running_shop.recover()


@pytest.fixture
async def invariants(shop: Shop) -> AsyncIterator[Invariants]:
    """How the books of the services stood before the test."""
    async with Invariants(shop) as invariants:
        yield invariants


@pytest.fixture
def seed() -> int:
    """Drawn again each time, and shown where a test fails; ``CRASH_SEED`` repeats one."""
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"CRASH_SEED={seed}")  # noqa: T201 - pytest shows it where the test fails
    return seed


@pytest.fixture
def chance(seed: int, request: pytest.FixtureRequest) -> random.Random:
    """The source of whatever varies in a test."""
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture
def run(seed: int, request: pytest.FixtureRequest) -> str:
    """A name for one run of one test; its customers are its own."""
    return f"{request.node.originalname}-{random.Random(request.node.name).randrange(10_000)}-{seed}"[-55:]
