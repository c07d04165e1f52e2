"""Asserts that something is refused, in any test framework."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def raises(kind: type[Exception], reason: str = "") -> AsyncIterator[None]:
    """Within the block, an error of this kind is raised; with this reason, where one is named."""
    try:
        yield
    except kind as error:
        assert not reason or getattr(error, "reason", "") == reason, f"refused for another reason: {error!r}"  # noqa: PT017 - no pytest here
        return
    raise AssertionError(f"{kind.__name__} was not raised")
