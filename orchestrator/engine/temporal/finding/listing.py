r"""Lists and counts the sagas of one cluster.

Purpose: what people ask in either order is answered by a server that lists in one order alone. Invariant: of a saga
whose workflow has had several runs, only the latest is shown.

The server lists those that have not ended first, then the others by their ends, and sorts in no other way. So pages
come in this order, and a page is sorted by starts: a saga's workflow ends a moment after the saga. Where the
oldest are asked for, we take a window of starts that holds a page and not much more, found by counting, and sort it::

    the first start that is not listed yet ──▶ until so many have started ──▶ listed, sorted ──▶ a page, and the next

So a page may be short, and has a next one all the same.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest

from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.finding.asking import told_as_journal_errors
from orchestrator.engine.temporal.finding.records import is_broken, other_than, query_of, record_of
from orchestrator.errors import InvalidInput
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import ENDED, Status
from orchestrator.ports.catalogue import SagaCount, SagaFilter
from orchestrator.ports.figures import SuspendedGroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from temporalio.client import Client, WorkflowExecution

    from orchestrator.ports.catalogue import SagaRecord
    from orchestrator.ports.clock import Clock

_PAGE: Final = 200
_MOST_SORTED: Final = 1_000
_MOST_SUSPENDED: Final = 1_000
_AHEAD_NANOSECONDS: Final = 3_600 * 1_000_000_000
"""A saga may have started by a clock that is ahead of ours."""


class Listing:
    """Lists the sagas of one cluster; every method may raise JournalUnavailable.

    Args:
        client: of the cluster.
        clock: the time.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._problems: bool | None = None
        self._oldest_ended: dict[tuple[str, Status], int] = {}

    async def newest(self, where: SagaFilter, limit: int, page_token: str) -> tuple[list[SagaRecord], str]:
        """A page of those that have not ended, then of the others by their ends; see the facade.

        On its page, each stands in the order of the starts.
        """
        try:
            token = bytes.fromhex(page_token)
        except ValueError:
            raise _no_token() from None
        found: list[SagaRecord] = []
        async with told_as_journal_errors(""):
            pages = self._client.list_workflows(
                await self._query(where), page_size=limit, next_page_token=token or None
            )
            while not found:
                await pages.fetch_next_page()
                found = await self._records(pages.current_page or (), where)
                if not pages.next_page_token:
                    break
        found.sort(key=lambda record: record.started_at, reverse=True)
        return found, (pages.next_page_token or b"").hex()

    async def oldest(self, where: SagaFilter, limit: int, page_token: str) -> tuple[list[SagaRecord], str]:
        """A page of sagas in the order of their starts; see the facade."""
        first = where.started_from or 0
        last = where.started_before or self._clock.now() + _AHEAD_NANOSECONDS
        since, after = _place(page_token) if page_token else (first, "")
        while True:
            until = await self._window(where, since, last, limit)
            found = [
                each
                for each in await self._started(where, since, until)
                if (each.started_at, each.saga_id) > (since, after)
            ]
            if len(found) > limit:
                return found[:limit], f"{found[limit - 1].started_at}:{found[limit - 1].saga_id}"
            if found or until >= last:
                return found, "" if until >= last else f"{until}:"
            since, after = until, ""

    async def count(self, served: Iterable[str]) -> Sequence[SagaCount]:
        """How many there are of each definition, of those that are served here and of all others."""
        definitions = await self._definitions(served)
        of = sorted({(definition, status) for definition in definitions for status in Status}, key=str)
        numbers = await asyncio.gather(*(self._number_of(definition, status) for definition, status in of))
        return [
            SagaCount(*each, number, await self._oldest_of(*each))
            for each, number in zip(of, numbers, strict=True)
            if number
        ]

    async def suspended(self) -> Sequence[SuspendedGroup]:
        """Those that wait for an operator, by what for; of so many at most as a person can look through."""
        groups: Counter[tuple[str, str, str]] = Counter()
        since: dict[tuple[str, str, str], int] = {}
        token = ""
        while sum(groups.values()) < _MOST_SUSPENDED:
            records, token = await self.newest(SagaFilter(statuses=frozenset({Status.SUSPENDED})), _PAGE, token)
            for record in records:
                cause = record.cause
                code = cause.code if cause else ReasonCode.ENGINE_FAILED
                key = (record.definition, cause.command if cause else "", code)
                groups[key] += 1
                at = cause.since if cause and cause.since else record.started_at
                since[key] = min(since.get(key, at), at)
            if not token:
                break
        listed = [SuspendedGroup(*key, number, since[key]) for key, number in groups.items()]
        return sorted(listed, key=lambda group: group.since)

    async def _query(self, where: SagaFilter) -> str:
        """The query of a filter, as this server takes it."""
        if self._problems is None:
            request = ListSearchAttributesRequest(namespace=self._client.namespace)
            known = await self._client.operator_service.list_search_attributes(request)
            self._problems = names.PROBLEMS in known.system_attributes
        return query_of(where, problems=self._problems)

    async def _records(self, executions: Iterable[WorkflowExecution], where: SagaFilter) -> list[SagaRecord]:
        where = replace(where, ended_from=None, ended_before=None)  # the server has looked, and rounds what it answers
        found: dict[str, SagaRecord] = {}
        for execution in executions:
            record = await record_of(execution)
            if record is not None and where.matches(record) and await self._is_latest(execution):
                found.setdefault(record.saga_id, record)
        return list(found.values())

    async def _is_latest(self, execution: WorkflowExecution) -> bool:
        """Whether no other run has followed one that was ended from outside."""
        if not is_broken(execution):
            return True
        return (await self._client.get_workflow_handle(execution.id).describe()).run_id == execution.run_id

    async def _started(self, where: SagaFilter, since: int, until: int) -> list[SagaRecord]:
        """All that started within a window, sorted."""
        query = await self._query(replace(where, started_from=since, started_before=until))
        async with told_as_journal_errors(""):
            executions = [each async for each in self._client.list_workflows(query, page_size=_MOST_SORTED)]
            records = await self._records(executions, where)
        return sorted(records, key=lambda record: (record.started_at, record.saga_id))

    async def _window(self, where: SagaFilter, since: int, last: int, wanted: int) -> int:
        """Until when so many have started as are wanted, and no more than are quickly sorted."""
        few, many = since, last
        if await self._number(replace(where, started_from=since, started_before=last)) <= _MOST_SORTED:
            return last
        while many - few > 1:
            between = (few + many) // 2
            number = await self._number(replace(where, started_from=since, started_before=between))
            if wanted <= number <= _MOST_SORTED:
                return between
            few, many = (between, many) if number < wanted else (few, between)
        return many

    async def _definitions(self, served: Iterable[str]) -> set[str]:
        """The definitions of all sagas that there are."""
        known = set(served)
        async with told_as_journal_errors(""):
            while True:
                pages = self._client.list_workflows(other_than(known), page_size=1)
                await pages.fetch_next_page()
                records = [await record_of(each) for each in pages.current_page or ()]
                unknown = {record.definition for record in records if record is not None} - known
                if not unknown:
                    return known
                known |= unknown

    async def _number(self, where: SagaFilter) -> int:
        async with told_as_journal_errors(""):
            return (await self._client.count_workflows(await self._query(where))).count

    async def _number_of(self, definition: str, status: Status) -> int:
        where = SagaFilter(definition=definition, statuses=frozenset({status}))
        number = await self._number(where)
        if status is not Status.SUSPENDED or not number:
            return number
        async with told_as_journal_errors(""):
            broken = [each async for each in self._client.list_workflows(await self._query(where)) if is_broken(each)]
            return number - sum([not await self._is_latest(each) for each in broken])

    async def _oldest_of(self, definition: str, status: Status) -> int:
        """When the oldest started; of those that have ended, the oldest that ever was will do."""
        about = (definition, status)
        if about not in self._oldest_ended:
            records, _ = await self.oldest(SagaFilter(definition=definition, statuses=frozenset({status})), 1, "")
            instant = records[0].started_at if records else self._clock.now()
            if status not in ENDED:
                return instant
            self._oldest_ended[about] = instant
        return self._oldest_ended[about]


def _place(page_token: str) -> tuple[int, str]:
    """After which saga a page begins, and which of those that started then was listed last."""
    instant, colon, saga_id = page_token.partition(":")
    if not colon or not instant.isdigit():
        raise _no_token()
    return int(instant), saga_id


def _no_token() -> InvalidInput:
    return InvalidInput(("page_token", "it is not one that a previous page gave out"))
