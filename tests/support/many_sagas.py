"""A journal that has been in use for a month: many sagas, most of them ended well, some not, some rare."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

from orchestrator.journal import entries as e
from orchestrator.journal.cause import Cause
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import CAUSED, ENDED, Status
from orchestrator.ports.figures import DAY, HOUR
from orchestrator.ports.journal import Append, NewSaga

if TYPE_CHECKING:
    from orchestrator.ports.journal import Journal

OWNER: Final = "the-one-that-wrote-many"
SUSPENDED: Final = 300
RARE: Final = "audit_stock"
"""Of this definition there are a handful."""
FREQUENT: Final = "place_order"
DECLINED: Final = "shop.payment.v1.PaymentService.AuthorizePayment"
"""What fails most."""

_AT_ONCE: Final = 2000
_COMMANDS: Final = (
    DECLINED,
    "shop.shipping.v1.ShippingService.ArrangeShipment",
    "shop.inventory.v1.InventoryService.ReserveStock",
)
_SECOND: Final = 1_000_000_000


async def write_many(journal: Journal, number: int, now: int, seed: int = 1) -> None:
    """Write so many sagas that started within the month before this instant, the oldest first."""
    chance = random.Random(seed)
    statuses = chance.choices(*_STATUSES, k=number)
    for place in chance.sample(range(number), SUSPENDED):
        statuses[place] = Status.SUSPENDED
    rare = set(chance.sample(range(number), 10))
    for begin in range(0, number, _AT_ONCE):
        appends = [
            _saga(place, now - 30 * DAY + place * 30 * DAY // number, statuses[place], chance, is_rare=place in rare)
            for place in range(begin, min(number, begin + _AT_ONCE))
        ]
        await asyncio.gather(*map(journal.append, appends))


_STATUSES: Final = (
    (Status.COMPLETED, Status.COMPENSATED, Status.PARTIALLY_COMPENSATED, Status.WAITING, Status.RUNNING),
    (900, 65, 2, 28, 5),
)


def _saga(place: int, started_at: int, status: Status, chance: random.Random, *, is_rare: bool) -> Append:
    saga_id = f"{chance.getrandbits(64):016x}-{place}"
    attributes = (("customer_id", f"customer-{chance.randrange(1000)}"), ("order_id", saga_id))
    definition = RARE if is_rare else chance.choices((FREQUENT, "refund", "restock"), (70, 25, 5))[0]
    version = 1 if place % 100 == 0 else 2
    new = NewSaga(definition, version, b"digest" * 5, started_at, attributes)
    entries: list[e.Entry] = [e.SagaStarted(started_at, definition, version, b"input" * 20, attributes=attributes)]
    cause, ended_at = None, None
    if status in CAUSED:
        code = chance.choice((ReasonCode.REJECTED, ReasonCode.UNKNOWN))
        reason = Reason(code, f"card {chance.randrange(10_000)} was declined by the bank", "Shop.Buy#1")
        cause = Cause.of(reason, chance.choices(_COMMANDS, (60, 30, 10))[0], started_at + _SECOND)
        is_suspended = status is Status.SUSPENDED
        entries.append((e.SagaSuspended if is_suspended else e.RollbackBegan)(started_at + _SECOND, reason))
    if status in ENDED:
        ended_at = started_at + int(chance.lognormvariate(0.5, 1.0) * _SECOND)
    wake_at = started_at + HOUR * 24 * 365 if status is Status.WAITING else None
    return Append(saga_id, OWNER, 1, 0, entries, status, ended_at, new, wake_at, None, cause)
