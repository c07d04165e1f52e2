"""The shop as real processes, an orchestrator with its console, and a real browser."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import pytest

from orchestrator.shop.demo.supervisor import all_listen
from tests.crash.processes import free_addresses
from tests.crash.shop import Shop
from tests.support.browser import chromium

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from playwright.async_api import Browser

    from tests.crash.processes import Process


class Running(NamedTuple):
    """An orchestrator that runs, with its console.

    Attributes:
        process: of the orchestrator; it can be killed, and started again on the same addresses and journal.
        console: ``host:port`` of its console.
        shop: the services.
    """

    process: Process
    console: str
    shop: Shop

    async def start(self) -> None:
        """Start it, and wait until its console takes connections, which it does after the API."""
        await self.process.restart()
        await all_listen([self.console])


@pytest.fixture(scope="session")
def running_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The ten services, started once; they make faults on purpose, where that is planned."""
    with Shop(tmp_path_factory.mktemp("shop"), traced=False, faults=True) as shop:
        asyncio.run(shop.open())
        yield shop


@pytest.fixture
async def orchestrator(running_shop: Shop, tmp_path: Path) -> AsyncIterator[Running]:
    """An orchestrator with a journal of its own; all services answer."""
    (console,) = free_addresses(1)
    process = running_shop.orchestrator(tmp_path / "orchestrator", console_listen=console)
    running = Running(process, console, running_shop)
    await running.start()
    yield running
    await running_shop.recover()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium."""
    async with chromium() as browser:
        yield browser
