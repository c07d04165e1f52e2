"""Replicas of the shop's orchestrator on one PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.crash.processes import Process
    from tests.crash.shop import Shop

LEASE: Final = 2


async def replicas_of(
    shop: Shop, folder: Path, url: str, count: int, *, lease: int = LEASE, instead: Mapping[str, str] | None = None
) -> list[Process]:
    """So many that serve, all started at once on an empty database; see ``Shop.orchestrator`` for ``instead``."""
    replicas = [shop.orchestrator(folder, instead=instead, journal=url, lease_seconds=str(lease)) for _ in range(count)]
    await asyncio.gather(*(replica.restart() for replica in replicas))
    return replicas
