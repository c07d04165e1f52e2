"""What the two ways have shown, side by side."""

from __future__ import annotations

from typing import Final

from rich.table import Table

_ROWS: Final = (
    (
        "add a fourth subscriber",
        "a new version of the saga, and of every deployment that serves it",
        "start it: nothing else is changed, and it catches up from the beginning if it wants",
    ),
    (
        "where does the order stand?",
        "one page, with every step of it",
        "paid. What follows, each service knows for itself; only the trace shows it together",
    ),
    (
        "when is it done?",
        "when its saga is completed",
        "nobody can say: nobody knows who listens",
    ),
    (
        "a service is away",
        "the order waits for it, and says so, and since when",
        "the order is completed; the event waits in the stream, and nobody says so",
    ),
    (
        "a service refuses for good",
        "the saga is suspended, and stands on the desk of an operator",
        "a dead letter in that service's own database; the order is completed all the same",
    ),
    (
        "take it back",
        "in reverse order, from the journal",
        "not possible: what was told is told. So only that is danced which never has to be taken back",
    ),
    (
        "what everybody reads",
        "each service gets what it needs, and no more",
        "the event goes to strangers, so the address had to travel by a command of its own",
    ),
)


def comparison() -> Table:
    """The table, as rich prints it."""
    table = Table(box=None, padding=(0, 2, 1, 0))
    for title in ("", "orchestrated", "danced"):
        table.add_column(title, style="bold" if not title else "", overflow="fold")
    for row in _ROWS:
        table.add_row(*row)
    return table
