"""The console's own pages, in the order of the navigation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.console.pages import (
    acts,
    bulk,
    dead_commands,
    definitions,
    desk,
    events,
    overview,
    saga,
    sagas,
    schedules,
)
from orchestrator.console.rendering import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orchestrator.console.console import Console
    from orchestrator.console.page import Page

NAVIGATION: Final = (
    Link("/", "Overview"),
    Link("/desk", "Desk"),
    Link("/sagas", "Sagas"),
    Link("/bulk", "Bulk acts"),
    Link("/definitions", "Definitions"),
    Link("/schedules", "Schedules"),
    Link("/events", "Events"),
)

OWN: Final[tuple[Callable[[Console], Iterable[Page]], ...]] = (
    overview.pages,
    sagas.pages,
    saga.pages,
    acts.pages,
    desk.pages,
    dead_commands.pages,
    bulk.pages,
    definitions.pages,
    schedules.pages,
    events.pages,
)
"""What makes them."""
