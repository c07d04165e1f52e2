"""A database, a broker in memory, and a subscription between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.chassis.events.causes import Cause
from services.chassis.events.claims import Claim
from services.chassis.events.handling import Surroundings
from services.chassis.spans import Untraced
from tests.support.event_streams import MemoryBroker, Pauses, event_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from google.protobuf.message import Message

    from services.chassis.database import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await event_database(f"sqlite:///{tmp_path}/service.db")
    yield opened
    await opened.close()


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
async def around(database: Database, pauses: Pauses) -> Surroundings:
    """What handlers of a service share; its process has the claim."""

    async def start(_definition: str, _input: Message, _request_id: str, _traceparent: str) -> None:
        raise AssertionError("nothing is started here")

    claim = Claim(database)
    assert await claim.take()
    return Surroundings("test", database, claim, Cause("shop.test.v1.TestService"), Untraced(), start, pauses)
