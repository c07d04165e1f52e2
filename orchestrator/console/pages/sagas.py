"""The list of sagas: whatever a filter matches, which stands in the address of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.api.searching import find_sagas
from orchestrator.console.filtering import filter_in, in_form, pairs_of, query_of
from orchestrator.console.page import Page
from orchestrator.console.views.counts import ORDER
from orchestrator.console.wording import reasons
from orchestrator.errors import InvalidInput
from saga.v1.saga_service_pb2 import SagaFilter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console

PAGE_SIZE: Final = 50


def pages(console: Console) -> Iterator[Page]:
    """The page."""

    async def sagas(request: Request) -> Response:
        query = request.query_params

        async def view() -> Mapping[str, Any]:
            where, token = SagaFilter(), query.get("page", "")
            try:
                where = filter_in(query.multi_items())
                records, following = await find_sagas(console.sagas, where, PAGE_SIZE, token)
            except InvalidInput as error:
                return {**_around(console, None, dict(query)), "mistakes": error.violations, "records": []}
            return {
                **_around(console, where, dict(query)),
                "records": records,
                "following": query_of(where, page=following) if following else "",
                "first": query_of(where) if token else None,
            }

        return await console.show(request, "sagas", view, seconds=1.0)

    yield Page("/sagas", "saga.v1.SagaService.ListSagas", sagas)


def _around(console: Console, where: SagaFilter | None, given: Mapping[str, str]) -> dict[str, Any]:
    """What the page shows beside the list."""
    served = list(console.sagas.served())
    commands = {step.command.name for each in served for step in each.plan.steps()}
    return {
        "where": where or SagaFilter(),
        "pairs": pairs_of(where) if where is not None else [],
        "statuses": ORDER,
        "chosen": set(where.statuses) if where is not None else set(),
        "fields": in_form(where, given),
        "definitions": sorted({each.definition.name for each in served}),
        "attributes": sorted({name for each in served for name in each.definition.attributes}),
        "commands": sorted(commands),
        "reasons": reasons(),
        "why_no_bulk": console.lacking("saga.v1.BulkActService.PrepareBulkAct"),
        "mistakes": (),
        "following": "",
        "first": None,
    }
