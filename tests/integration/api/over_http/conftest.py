"""The API over real HTTP, in front of a replica whose participants are mocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format

from tests.integration.api.conftest import an_order
from tests.integration.console.conftest import Opened, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[Opened]:
    async with opened(tmp_path) as console:
        yield console


def order_document(**changes: object) -> dict[str, Any]:
    """An order as JSON."""
    return json_format.MessageToDict(an_order()) | changes
