"""The overview: what needs a person first, then how the sagas, the participants and the replicas fare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.console.page import Page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console


def pages(console: Console) -> Iterator[Page]:
    """The page."""

    async def view() -> Mapping[str, Any]:
        return {"counts": await console.sagas.count()}

    async def overview(request: Request) -> Response:
        return await console.show(request, "overview", view)

    yield Page("/", "saga.v1.SagaService.GetStatistics", overview)
