"""Whether a participant serves is what it says itself; who says nothing of it may serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.channels.stand import SERVICE, Health

if TYPE_CHECKING:
    from tests.conformance.channels.stand import Stand


@pytest.mark.parametrize(
    ("health", "serves"), [(Health.SERVING, True), (Health.NOT_SERVING, False), (Health.UNTOLD, None)], ids=str
)
async def test_a_participant_serves_if_it_says_so(stand: Stand, health: Health, serves: bool | None) -> None:
    stand.health = health

    assert await stand.open().is_serving(SERVICE.full_name) is serves


async def test_a_participant_is_asked_for_the_service_that_is_meant(stand: Stand) -> None:
    assert await stand.open().is_serving("shop.ferry.v1.FerryService") is None


async def test_health_is_asked_for_again_each_time(stand: Stand) -> None:
    channel = stand.open()
    stand.health = Health.NOT_SERVING
    assert await channel.is_serving(SERVICE.full_name) is False

    stand.health = Health.SERVING

    assert await channel.is_serving(SERVICE.full_name) is True


async def test_where_nobody_is_nobody_serves(stand: Stand) -> None:
    assert await stand.open_to_nobody().is_serving(SERVICE.full_name) is False
