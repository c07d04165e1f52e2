"""The console's own pages, in the order of the navigation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.console.pages import acts, overview, saga
from orchestrator.console.rendering import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orchestrator.console.console import Console
    from orchestrator.console.page import Page

NAVIGATION: Final = (Link("/", "Overview"),)

OWN: Final[tuple[Callable[[Console], Iterable[Page]], ...]] = (overview.pages, saga.pages, acts.pages)
"""What makes them."""
