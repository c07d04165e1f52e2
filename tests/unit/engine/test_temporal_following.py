"""How a saga is followed through pages, runs and questions that go wrong; the server here is a script."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from orchestrator.engine.sagas import StartSaga
from orchestrator.engine.starting import started_entry
from orchestrator.engine.temporal.finding.following import follow
from orchestrator.engine.temporal.wire import write, write_delta
from orchestrator.errors import JournalUnavailable
from orchestrator.journal.entries import Entry, SagaResumed, SagaSuspended
from orchestrator.journal.reason import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNNING, CONTINUED = WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW
WHY = Reason(ReasonCode.PAUSED, "wait")
ENTRIES: list[Entry] = [
    started_entry(StartSaga("saga-1", "trip", 1, b"", b"", (), ""), None, 1, 1, sampled=False),
    SagaSuspended(2, WHY),
    SagaResumed(3, WHY),
    SagaSuspended(4, WHY),
    SagaResumed(5, WHY),
]
REFUSED = RPCError("no such place", RPCStatusCode.INVALID_ARGUMENT, b"")
AWAY = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")


class Described(NamedTuple):
    run_id: str
    history_length: int
    status: WorkflowExecutionStatus = RUNNING


class Page(NamedTuple):
    events: Sequence[HistoryEvent]
    place: bytes | None


class Over(Exception):
    """The script is at its end."""


class ScriptedServer:
    """A client, the handle of its one workflow, and the pages that it reads.

    Attributes:
        asked: for each page, of which run and from which place.
    """

    def __init__(self, described: list[Described], pages: list[Page | RPCError]) -> None:
        self._described, self._pages = described, pages
        self.asked: list[tuple[str, bytes | None]] = []
        self._run_id = ""
        self.current_page: Sequence[HistoryEvent] = ()
        self.next_page_token: bytes | None = None

    def get_workflow_handle(self, _: str, run_id: str = "") -> ScriptedServer:
        self._run_id = run_id
        return self

    async def describe(self) -> Described:
        return self._described.pop(0) if len(self._described) > 1 else self._described[0]

    def fetch_history_events(self, *, next_page_token: bytes | None, wait_new_event: bool) -> ScriptedServer:
        assert wait_new_event
        self.asked.append((self._run_id, next_page_token))
        return self

    async def fetch_next_page(self) -> None:
        if not self._pages:
            raise Over
        page = self._pages.pop(0)
        if isinstance(page, RPCError):
            raise page
        self.current_page, self.next_page_token = page


class NoTime:
    async def sleep(self, _: float) -> None:
        """None passes."""


def brings(number: int, *entries: Entry, first: int = 0) -> HistoryEvent:
    """An event that brings a part of a journal."""
    event = HistoryEvent(event_id=number, event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)
    payloads = event.workflow_execution_started_event_attributes.input.payloads
    payloads.add().data = write(why="start")
    payloads.add().data = write_delta(first, entries)
    return event


async def followed(server: ScriptedServer) -> list[int]:
    """How many entries were told, each time, until the script ends."""
    told: list[int] = []
    client: Any = server
    clock: Any = NoTime()
    with contextlib.suppress(Over):
        async for found in follow(client, "saga-1", clock):
            told += [len(found.entries)]
    return told


async def test_nothing_is_told_before_all_is_read_that_has_happened_by_then() -> None:
    server = ScriptedServer(
        [Described("a", 3)],
        [
            Page([brings(1, ENTRIES[0])], b"2"),
            Page([brings(2, ENTRIES[1], first=1)], b"3"),
            Page([brings(3, ENTRIES[2], first=2)], b"4"),
            Page([], b"4"),
            Page([brings(4, *ENTRIES[3:], first=3)], b"5"),
        ],
    )
    assert await followed(server) == [3, 5]
    assert server.asked == [("a", None), ("a", b"2"), ("a", b"3"), ("a", b"4"), ("a", b"4"), ("a", b"5")]


async def test_a_run_that_has_closed_is_told_only_where_no_other_has_followed() -> None:
    server = ScriptedServer(
        [Described("a", 1), Described("b", 1), Described("b", 2, CONTINUED), Described("c", 1)],
        [
            Page([brings(1, ENTRIES[0])], b"2"),
            Page([brings(2, ENTRIES[1], first=1)], None),
            Page([brings(1, *ENTRIES[:3])], b"2"),
            Page([brings(2, ENTRIES[3], first=3)], None),
            Page([brings(1, *ENTRIES)], b"2"),
        ],
    )
    assert await followed(server) == [1, 3, 4, 5]


@pytest.mark.parametrize(("error", "place"), [(REFUSED, None), (AWAY, b"2")])
async def test_a_question_that_goes_wrong_is_asked_again(error: RPCError, place: bytes | None) -> None:
    again = [brings(1, ENTRIES[0]), brings(2, ENTRIES[1], first=1)]
    server = ScriptedServer(
        [Described("a", 1)],
        [Page(again[:1], b"2"), error, Page(again if place is None else again[1:], b"3")],
    )
    assert await followed(server) == [1, 2]
    assert server.asked == [("a", None), ("a", b"2"), ("a", place), ("a", b"3")]


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([AWAY], id="the first one"),
        pytest.param([Page([brings(1)], b"2"), REFUSED, Page([brings(1)], b"2"), REFUSED], id="its place, again"),
    ],
)
async def test_a_question_that_goes_wrong_for_good_is_an_error(pages: list[Page | RPCError]) -> None:
    with pytest.raises(JournalUnavailable):
        await followed(ScriptedServer([Described("a", 2)], pages))
