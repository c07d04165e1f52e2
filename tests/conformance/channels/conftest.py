"""Every kind of channel. A new one joins the suite by a line in ``CHANNELS``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.channels.over_grpc import over_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conformance.channels.stand import Stand

CHANNELS = {"grpc": over_grpc}


@pytest.fixture(params=CHANNELS)
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    async with CHANNELS[request.param]() as opened:
        yield opened
