"""What each engine does alike where people ask for bulk acts: ids, a limit, and who did what, in the log."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from orchestrator.errors import InvalidInput

if TYPE_CHECKING:
    from orchestrator.journal.actor import Actor
    from orchestrator.ports.bulk_acts import BulkAct

_log = logging.getLogger(__name__)

MOST_SAGAS: Final = 1_000_000


def bulk_id_at(now: int) -> str:
    """By when it is prepared, to the second, so that a person recognises it, and the order of ids is that of time."""
    return f"{datetime.fromtimestamp(now // 1_000_000_000, UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"


def refuse_more(number: int) -> None:
    """Refuse more sagas than a bulk act may have.

    Raises:
        InvalidInput: so many are too many.
    """
    if number > MOST_SAGAS:
        raise InvalidInput(("filter", f"matches more than {MOST_SAGAS} sagas; restrict it further"))


def tell(act: BulkAct, done: str, by: Actor) -> None:
    """Say who did what."""
    name, what = act.act.name.lower().replace("_", " "), f"{act.bulk_id} ({act.total} sagas)"
    _log.info("bulk act %s to %s is %s, as %s (%s) wants it", what, name, done, by.name, by.authority)
