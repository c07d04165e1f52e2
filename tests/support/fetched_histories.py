"""What a client of Temporal is given of histories, counted; and questions of its that go wrong."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from temporalio.client import Interceptor, OutboundInterceptor

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporalio.client import FetchWorkflowHistoryEventsInput, WorkflowHistoryEventAsyncIterator


class Fetching(Interceptor):
    """Counts the events that those who wait for new ones are given, and lets a question of theirs go wrong.

    Attributes:
        events: how often each was given, by its run and its number; twice where the server has shown a task before it
            has written that down.
        goes_wrong: what happens to the next question that names a place, once.
    """

    def __init__(self) -> None:
        self.events: Counter[tuple[str | None, int]] = Counter()
        self.goes_wrong: Callable[[WorkflowHistoryEventAsyncIterator], None] | None = None

    def given_first(self) -> list[int]:
        """How often each run was read from its first event."""
        return [times for (_, number), times in self.events.items() if number == 1]

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - its base's
        return _Counted(next, self)


class _Counted(OutboundInterceptor):
    def __init__(self, following: OutboundInterceptor, fetching: Fetching) -> None:
        super().__init__(following)
        self._fetching = fetching

    def fetch_workflow_history_events(
        self,
        input: FetchWorkflowHistoryEventsInput,  # noqa: A002 - its base's
    ) -> WorkflowHistoryEventAsyncIterator:
        pages = super().fetch_workflow_history_events(input)
        if not input.wait_new_event:
            return pages
        fetch, fetching = pages.fetch_next_page, self._fetching

        async def counted(**options: int | None) -> None:
            if input.next_page_token and (goes_wrong := fetching.goes_wrong):
                fetching.goes_wrong = None
                goes_wrong(pages)
            await fetch(**options)
            fetching.events.update((input.run_id, event.event_id) for event in pages.current_page or ())

        pages.fetch_next_page = counted  # type: ignore[method-assign]
        return pages
