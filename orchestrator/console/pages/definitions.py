"""The definitions that are served: their plans and contracts, and how the running code fits the sagas under way."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from markupsafe import Markup

from orchestrator.analysis.plan.text import plan_text
from orchestrator.console.drawing.flow import flow_svg
from orchestrator.console.page import Page
from orchestrator.console.views.contracts import contract_rows
from orchestrator.console.views.counts import UNDER_WAY
from orchestrator.engine.sagas import ReplayFinding
from orchestrator.errors import InvalidInput
from orchestrator.journal.reason import ReasonCode
from orchestrator.ports.catalogue import SagaFilter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console
    from orchestrator.engine.sagas import Sagas, Served
    from orchestrator.ports.catalogue import SagaRecord

_LOOKED_AT: Final = 200
"""How many sagas of a version are counted, and verified, at once."""

_DEFINITIONS: Final = "saga.v1.SagaService.ListSagas"


class Version(NamedTuple):
    """One version of a definition that is served.

    Attributes:
        under_way: how many of its sagas have not ended; as many as are looked at, where there are more.
        more: there are more.
    """

    served: Served
    under_way: int
    more: bool


class Verified(NamedTuple):
    """What recovery would find in a saga's journal."""

    record: SagaRecord
    finding: str
    message: str


def pages(console: Console) -> Iterator[Page]:
    """The list, and one definition."""

    async def listed(request: Request) -> Response:
        async def view() -> Mapping[str, Any]:
            versions = [await _version(console.sagas, each) for each in console.sagas.served()]
            served = {each.served.definition.name for each in versions}
            counts = await console.sagas.count()
            return {
                "versions": versions,
                "gone": sorted({each.definition for each in counts if each.status in UNDER_WAY} - served),
            }

        return await console.show(request, "definitions", view, seconds=3.0)

    async def one(request: Request) -> Response:
        name, version = request.path_params["name"], request.path_params["version"]
        served = console.sagas.find(name, version)
        if served is None or served.definition.version != version:
            raise InvalidInput(("definition", f"{name} v{version} is not served here"))
        looked = "verify" in request.query_params
        return console.render(
            request,
            "definition.html",
            served=served,
            of_version=await _version(console.sagas, served),
            picture=Markup(flow_svg(served.plan)),  # noqa: S704 - it escapes what it draws
            plan=plan_text(served.plan),
            rows=contract_rows(served.plan),
            versions=[each for each in console.sagas.served() if each.definition.name == name],
            verified=await _verified(console.sagas, served) if looked else None,
        )

    yield Page("/definitions", _DEFINITIONS, listed)
    yield Page("/definitions/{name}/{version:int}", _DEFINITIONS, one)


async def _version(sagas: Sagas, served: Served) -> Version:
    records = await _under_way(sagas, served)
    return Version(served, min(len(records), _LOOKED_AT), len(records) > _LOOKED_AT)


async def _under_way(sagas: Sagas, served: Served) -> list[SagaRecord]:
    definition = served.definition
    where = SagaFilter(definition=definition.name, version=definition.version, statuses=frozenset(UNDER_WAY))
    records, _ = await sagas.search(where, _LOOKED_AT + 1, "")
    return records


async def _verified(sagas: Sagas, served: Served) -> dict[str, Any]:
    """What recovery would find in the journals of the sagas under way; only those that are amiss are shown."""
    records = (await _under_way(sagas, served))[:_LOOKED_AT]
    found: Counter[str] = Counter()
    amiss = []
    for record in records:
        finding = await _finding(sagas, record)
        found[finding.finding] += 1
        if not finding.in_line:
            amiss.append(Verified(record, finding.finding, finding.message))
    return {"number": len(records), "found": found, "amiss": amiss}


async def _finding(sagas: Sagas, record: SagaRecord) -> ReplayFinding:
    # Code that has failed, or has kept the loop to itself, is not run again for this.
    if record.cause is not None and record.cause.code is ReasonCode.CODE_FAILED:
        return ReplayFinding(in_line=False, finding="code failed", message=record.cause.message)
    return await sagas.verify(record.saga_id)
