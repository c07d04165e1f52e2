"""Sums up the figures, and notes the causes that an earlier version has not, in an open transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.journal.state import Status
from orchestrator.ports.figures import DAY, HOUR, MINUTE, Grain
from orchestrator.store.rows.figure_tally import NO_FAILURE, EndedSaga, end_key, failure_of
from orchestrator.store.sqlite.queries import queries

if TYPE_CHECKING:
    import sqlite3

    from orchestrator.journal.cause import Cause
    from orchestrator.ports.figures import Cut


class _Summing(NamedTuple):
    """Which figures are moved to which grains; a grain and the length of its times in nanoseconds."""

    source: Grain
    targets: tuple[tuple[Grain, int], ...]
    at_once: int


_NEW_MINUTES: Final = _Summing(Grain.NEW_MINUTE, ((Grain.NEW_HOUR, HOUR), (Grain.HELD_MINUTE, MINUTE)), HOUR)
_NEW_HOURS: Final = _Summing(Grain.NEW_HOUR, ((Grain.DAY, DAY), (Grain.HELD_HOUR, HOUR)), DAY)
_OLD_MINUTES: Final = _Summing(Grain.HELD_MINUTE, (), HOUR)
_OLD_HOURS: Final = _Summing(Grain.HELD_HOUR, (), DAY)


def sum_up(database: sqlite3.Connection, cut: Cut) -> bool:
    """Sum up an hour of new minutes and a day of new hours, and drop as many old ones; whether there was something."""
    parts = ((_NEW_MINUTES, cut.hour), (_NEW_HOURS, cut.day), (_OLD_MINUTES, cut.minutes), (_OLD_HOURS, cut.hours))
    done = [_sum_up(database, summing, until) for summing, until in parts]
    return any(done)


def _sum_up(database: sqlite3.Connection, summing: _Summing, until: int) -> bool:
    statements = queries()
    ((oldest,),) = database.execute(statements["oldest_figure"], (summing.source, until)).fetchall()
    if oldest is None:
        return False
    since = oldest - oldest % summing.at_once
    values = {"from": summing.source, "since": since, "until": since + summing.at_once}
    for grain, step in summing.targets:
        database.execute(statements["sum_figures"], {**values, "to": grain, "step": step})
    database.execute(statements["drop_figures"], values)
    return True


def note_cause(database: sqlite3.Connection, saga_id: str, cause: Cause) -> None:
    """Write down the cause of a saga that has none, and count its end, if it has ended, under it."""
    statements = queries()
    rows = database.execute(statements["note_cause"], {"saga_id": saga_id, **cause._asdict()}).fetchall()
    for (row,) in rows:
        for definition, status, started_at, ended_at in database.execute(statements["rolled_back"], (row,)).fetchall():
            ended = EndedSaga(definition, Status(status), started_at, ended_at, NO_FAILURE)
            noted = ended._replace(failure=failure_of(cause))
            counts = [(*end_key(ended), -1), (*end_key(noted), +1)]
            database.executemany(statements["count_figure"], counts)
