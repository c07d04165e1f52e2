"""What the pages of operators ask of a journal with many sagas: how long each question takes, on both stores."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import psycopg

from orchestrator.journal.state import UNFINISHED, Status
from orchestrator.ports.catalogue import SagaFilter
from orchestrator.ports.figures import DAY, HOUR, Cut, Step, Window
from orchestrator.store.opening import open_store
from tests.bench.replicas import in_file
from tests.bench.results import PAGES_GOAL, Finding
from tests.bench.rounds import closed_loop
from tests.bench.session import say
from tests.bench.spread import Spread
from tests.support.many_sagas import DECLINED, FREQUENT, RARE, write_many

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.ports.journal import Journal
    from tests.bench.session import Session

_TIMES: Final = 30
_PAGE: Final = 50
_MILLI: Final = 1e3
_SUSPENDED: Final = frozenset({Status.SUSPENDED})
_NOT_WELL: Final = frozenset({Status.SUSPENDED, Status.COMPENSATED, Status.PARTIALLY_COMPENSATED})

_LISTS: Final = {
    "all": SagaFilter(),
    "a definition": SagaFilter(FREQUENT),
    "a rare definition": SagaFilter(RARE),
    "completed": SagaFilter(statuses=frozenset({Status.COMPLETED})),
    "compensated": SagaFilter(statuses=frozenset({Status.COMPENSATED})),
    "suspended": SagaFilter(statuses=_SUSPENDED),
    "suspended, compensated or partially": SagaFilter(statuses=_NOT_WELL),
    "a rare definition that waits": SagaFilter(RARE, frozenset({Status.WAITING})),
    "an attribute": SagaFilter(attributes=(("customer_id", "customer-7"),)),
    "a failed command": SagaFilter(failed_command=DECLINED),
    "a group at the desk": SagaFilter(FREQUENT, _SUSPENDED, failed_command=DECLINED, reason_code="REJECTED"),
    "a text in the reason that a few have": SagaFilter(reason="card 77 "),
    "a text in the reason that none has": SagaFilter(reason="nowhere"),
    "a version of which there are few": SagaFilter(FREQUENT, version=1),
}


async def pages(session: Session) -> None:
    """Questions of a page to a journal that was in use for a month, one at a time."""
    await _ask_all(session, "SQLite", in_file(session.folder / "pages.db"))
    await _ask_all(session, "PostgreSQL", session.databases.new())


async def _ask_all(session: Session, store: str, url: str) -> None:
    now, number = time.time_ns(), session.options.stored
    journal = await open_store(url)
    try:
        await write_many(journal, number, now)
        while await journal.sum_up(Cut.at(now)):
            pass
        say(f"pages: {number} sagas written in {(time.time_ns() - now) / 1e9:.0f} s on {store}")
        if url.startswith("postgresql:"):
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                await connection.execute("VACUUM (ANALYZE)")  # as the server would have done on the way
        for name, question in (await _questions(journal, now)).items():
            took = await closed_loop(lambda _, ask=question: ask(), _TIMES, 1)  # type: ignore[misc]  # one for each
            value = Spread.of(seconds * _MILLI for seconds in took)
            note = f"with {number} sagas, {_TIMES} times"
            session.results.findings.append(Finding(f"{store}: {name}", value, "ms", PAGES_GOAL, note))
    finally:
        await journal.close()


async def _questions(journal: Journal, now: int) -> dict[str, Callable[[], Awaitable[object]]]:
    """Each by its name; of each list the first page and the second one."""
    windows = {
        "figures of two hours by minutes": Window.of(now - 2 * HOUR, now, Step.MINUTE, now),
        "figures of a day by hours": Window.of(now - DAY, now, Step.HOUR, now),
        "figures of a month by days": Window.of(now - 30 * DAY, now, Step.DAY, now),
    }
    questions: dict[str, Callable[[], Awaitable[object]]] = {
        "count by definition and status": journal.count,
        "suspended groups": journal.suspended,
        "oldest that wait": lambda: journal.search(
            SagaFilter(statuses=frozenset({Status.WAITING})), _PAGE, "", oldest_first=True
        ),
        "oldest unfinished": lambda: journal.search(SagaFilter(statuses=UNFINISHED), _PAGE, "", oldest_first=True),
    }
    for name, window in windows.items():
        questions[name] = lambda window=window: journal.figures(window)  # type: ignore[misc]  # one for each
    for name, where in _LISTS.items():
        _, token = await journal.search(where, _PAGE, "")
        for which, of in (("", ""), (", second page", token)):
            if of or not which:
                questions[f"list {name}{which}"] = lambda where=where, of=of: journal.search(where, _PAGE, of)  # type: ignore[misc]
    return questions
