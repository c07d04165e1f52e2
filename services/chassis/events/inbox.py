"""The inbox: which events have had their effect, and which were given up.

Invariant: the row of an event is written in the transaction of its effect, so an event has its effect once, however
often it is delivered. An event that was given up is a dead letter: it has no effect, and is not tried again until
somebody asks for it.

::

    delivered ─┬─ handled ──────────────▶ inbox
               └─ given up ─▶ dead letter ─ retry asked ─┬─ handled ──▶ inbox
                                  ▲                      │
                                  └──────── failed ──────┘
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite writes ON CONFLICT as PostgreSQL does

from services.chassis.events.tables import DEAD_LETTERS, INBOX, SUBSCRIPTIONS

_HANDLED: Final = exists().where(
    INBOX.c.subscription == bindparam("subscription"), INBOX.c.event_id == bindparam("event_id")
)
_THIS: Final = (
    DEAD_LETTERS.c.subscription == bindparam("subscription"),
    DEAD_LETTERS.c.event_id == bindparam("event_id"),
)
_IS_HANDLED: Final = select(_HANDLED)
_IS_DEAD: Final = select(exists().where(*_THIS))
_KEEP: Final = insert(INBOX).on_conflict_do_nothing().returning(INBOX.c.event_id)
_LETTER: Final = insert(DEAD_LETTERS)
_BURY: Final = _LETTER.on_conflict_do_update(
    index_elements=["subscription", "event_id"],
    set_={
        "reason": _LETTER.excluded.reason,
        "attempts": DEAD_LETTERS.c.attempts + _LETTER.excluded.attempts,
        "given_up_at": _LETTER.excluded.given_up_at,
        "retry_asked": False,
    },
)
_DIG_UP: Final = delete(DEAD_LETTERS).where(*_THIS)
_LETTERS: Final = select(DEAD_LETTERS).order_by(DEAD_LETTERS.c.given_up_at, DEAD_LETTERS.c.event_id)
_ASKED: Final = _LETTERS.where(
    DEAD_LETTERS.c.retry_asked, DEAD_LETTERS.c.subscription == bindparam("subscription")
).limit(1)
_ASK: Final = update(DEAD_LETTERS).values(retry_asked=True)
_BEGIN: Final = insert(SUBSCRIPTIONS).on_conflict_do_nothing()
_SINCE: Final = select(SUBSCRIPTIONS.c.since).where(SUBSCRIPTIONS.c.subscription == bindparam("subscription"))


class DeadLetter(NamedTuple):
    """An event that a subscription has given up.

    Attributes:
        subscription: which gave it up.
        event_id: its id, or where it stood in the stream, if it cannot be read.
        headers: its headers, as they came.
        data: its body, as it came.
        reason: why it was given up.
        attempts: how often it was tried.
        given_up_at: when.
        retry_asked: somebody has asked for another attempt, and it has not been made yet.
    """

    subscription: str
    event_id: str
    headers: Mapping[str, str]
    data: bytes
    reason: str
    attempts: int
    given_up_at: datetime
    retry_asked: bool


def begin(connection: Connection, subscription: str, since: datetime) -> datetime:
    """Begin a subscription, if it has not begun before; from which instant on it hears events."""
    connection.execute(_BEGIN, {"subscription": subscription, "since": since})
    found: datetime = connection.execute(_SINCE, {"subscription": subscription}).scalar_one()
    return found


def is_settled(connection: Connection, subscription: str, event_id: str) -> bool:
    """The event has had its effect, or was given up."""
    key = {"subscription": subscription, "event_id": event_id}
    return is_handled(connection, **key) or bool(connection.execute(_IS_DEAD, key).scalar_one())


def is_handled(connection: Connection, subscription: str, event_id: str) -> bool:
    """The event has had its effect."""
    key = {"subscription": subscription, "event_id": event_id}
    return bool(connection.execute(_IS_HANDLED, key).scalar_one())


def keep(connection: Connection, subscription: str, event_id: str, at: datetime) -> bool:
    """Record that the event has its effect in this transaction; false where it has had it before."""
    row = {"subscription": subscription, "event_id": event_id, "handled_at": at}
    return connection.execute(_KEEP, row).one_or_none() is not None


def bury(connection: Connection, letter: DeadLetter) -> None:
    """Record that an event was given up; if it was before, say why now."""
    connection.execute(_BURY, letter._asdict() | {"headers": json.dumps(dict(letter.headers))})


def dig_up(connection: Connection, subscription: str, event_id: str) -> None:
    """The event is a dead letter no more."""
    connection.execute(_DIG_UP, {"subscription": subscription, "event_id": event_id})


def dead_letters(connection: Connection) -> list[DeadLetter]:
    """All of them, the oldest first."""
    return [_letter(row) for row in connection.execute(_LETTERS)]


def ask_for_retry(connection: Connection, event_id: str | None = None) -> int:
    """Let the running service try a dead letter again, or all of them; how many."""
    wanted = _ASK if event_id is None else _ASK.where(DEAD_LETTERS.c.event_id == event_id)
    return connection.execute(wanted).rowcount


def asked_for(connection: Connection, subscription: str) -> DeadLetter | None:
    """A dead letter of the subscription that is to be tried again, if there is one."""
    row = connection.execute(_ASKED, {"subscription": subscription}).one_or_none()
    return None if row is None else _letter(row)


def _letter(row: object) -> DeadLetter:
    letter = DeadLetter(*row)  # type: ignore[misc]  # a row is a tuple of the table's columns
    return letter._replace(headers=json.loads(str(letter.headers)))
