"""Which process of a service relays and hears its events: one at a time, because order needs that.

A claim is a row with an owner and an instant. It is renewed while its owner lives, given back when the owner ends, and
taken by another process when the instant has passed. A process whose claim has lapsed may not know it yet; therefore
the transaction of a handler asks once more, and keeps the row from being taken until it has ended.
"""

from datetime import timedelta
from functools import partial
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, bindparam, delete, or_, select
from sqlalchemy.dialects.postgresql import insert  # SQLite writes ON CONFLICT as PostgreSQL does

from services.chassis.database import Database
from services.chassis.events.tables import CLAIMS
from services.chassis.timestamps import Clock, utc_now

LEASE: Final = timedelta(seconds=5)
RENEWED_EVERY: Final = LEASE / 3
_DUTY: Final = "events"

_TAKE: Final = insert(CLAIMS)
_CLAIM: Final = _TAKE.on_conflict_do_update(
    index_elements=["duty"],
    set_={"owner": _TAKE.excluded.owner, "until": _TAKE.excluded.until},
    where=or_(CLAIMS.c.owner == _TAKE.excluded.owner, CLAIMS.c.until < bindparam("instant", type_=CLAIMS.c.until.type)),
).returning(CLAIMS.c.owner)
_IS_MINE: Final = (
    select(CLAIMS.c.duty)
    .where(CLAIMS.c.duty == bindparam("duty"), CLAIMS.c.owner == bindparam("owner"))
    .with_for_update(read=True)
)
_GIVE_BACK: Final = delete(CLAIMS).where(CLAIMS.c.duty == _DUTY, CLAIMS.c.owner == bindparam("mine"))


class ClaimLost(Exception):
    """Another process has the claim now."""


class Claim:
    """The claim of one process on its service's events.

    Args:
        database: of the service.
        clock: the time. Clocks that differ cost a change of the owner, and no order.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._owner = uuid4().hex

    async def take(self) -> bool:
        """Take the claim, or renew it; false where another process has it.

        Raises:
            Unavailable: the database is away.
        """
        return await self._database.transaction(self._take)

    async def give_back(self) -> None:
        """Let another process take it at once."""
        await self._database.transaction(partial(_give_back, self._owner))

    def verify(self, connection: Connection) -> None:
        """Keep the claim until this transaction ends.

        Raises:
            ClaimLost: another process has it.
        """
        if connection.execute(_IS_MINE, {"duty": _DUTY, "owner": self._owner}).one_or_none() is None:
            raise ClaimLost

    def _take(self, connection: Connection) -> bool:
        now = self._clock()
        row = {"duty": _DUTY, "owner": self._owner, "until": now + LEASE, "instant": now}
        return connection.execute(_CLAIM, row).one_or_none() is not None


def _give_back(owner: str, connection: Connection) -> None:
    connection.execute(_GIVE_BACK, {"mine": owner})
