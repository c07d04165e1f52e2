"""The overview: what needs a person first, then how the sagas, the participants and the replicas fare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.console.page import Page
from orchestrator.console.views.charts import charts_of, period_named
from orchestrator.console.views.counts import counts_of
from orchestrator.console.views.participants import participants_of
from orchestrator.console.views.waiting_people import decisions_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console

_SECONDS = 2.0


def pages(console: Console) -> Iterator[Page]:
    """The page."""

    async def overview(request: Request) -> Response:
        period = period_named(request.query_params.get("period", ""))

        async def view() -> Mapping[str, Any]:
            sagas, now = console.sagas, console.clock.now()
            counts = counts_of(await sagas.count())
            return {
                "suspended": await sagas.suspended(),
                "decisions": await decisions_waiting(sagas),
                "counts": counts,
                "charts": await charts_of(sagas, period, now),
                "participants": await participants_of(sagas),
                "loads": await sagas.loads(),
                "unclaimed": await sagas.unclaimed(),
                "live": sagas.live,
                "recovery": sagas.recovery(),
            }

        return await console.show(request, "overview", view, seconds=_SECONDS)

    yield Page("/", "saga.v1.SagaService.GetStatistics", overview)
