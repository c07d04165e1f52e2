"""The tables of events, which every service has beside its own and the guard's."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, LargeBinary, MetaData, Table, Text

from services.chassis.timestamps import Instant

METADATA: Final = MetaData()

OUTBOX: Final = Table(
    "outbox",
    METADATA,
    # SQLite numbers the rows of a table itself only under the name INTEGER.
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("sent_at", Instant),
)
"""What is to be told, in the order of the writers; ``sent_at`` says that the broker has it."""
Index(
    "outbox_unsent",
    OUTBOX.c.position,
    sqlite_where=OUTBOX.c.sent_at.is_(None),
    postgresql_where=OUTBOX.c.sent_at.is_(None),
)

INBOX: Final = Table(
    "inbox",
    METADATA,
    Column("subscription", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("handled_at", Instant, nullable=False),
)
"""Which events have had their effect, by subscription."""

DEAD_LETTERS: Final = Table(
    "dead_letters",
    METADATA,
    Column("subscription", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("headers", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, CheckConstraint("attempts >= 0", name="dead_letters_attempts"), nullable=False),
    Column("given_up_at", Instant, nullable=False),
    Column("retry_asked", Boolean, nullable=False),
)
"""Events that a subscription has given up, as they came."""

SUBSCRIPTIONS: Final = Table(
    "subscriptions",
    METADATA,
    Column("subscription", Text, primary_key=True),
    Column("since", Instant, nullable=False),
)
"""From which instant on a subscription hears events; written when it begins, and never changed."""

CLAIMS: Final = Table(
    "claims",
    METADATA,
    Column("duty", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", Instant, nullable=False),
)
"""Which process of the service relays and hears its events."""
