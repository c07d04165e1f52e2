"""What a service tells its operator about its outbox, also where no process of it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.chassis.events.commands import answer
from services.chassis.events.relay import Relay
from services.loyalty.__main__ import SERVICE
from tests.unit.services.chassis.events.test_relay import told

if TYPE_CHECKING:
    from pathlib import Path

    from services.chassis import Service
    from services.chassis.database import Database
    from tests.support.event_streams import MemoryBroker


async def test_an_operator_is_told_how_many_events_wait_and_since_when(
    database: Database, broker: MemoryBroker, tmp_path: Path
) -> None:
    service: Service[Any] = SERVICE
    settings = service.settings(listen="127.0.0.1:0", database_url=f"sqlite:///{tmp_path}/service.db")
    assert answer(settings, ["outbox"]) == (0, ["no event waits to be told"])

    for number in range(2):
        await told(database, f"order-{number}")
    code, [line] = answer(settings, ["outbox"])
    assert code == 0
    assert line.startswith("2 wait to be told, the oldest since 20")

    await Relay(database, broker).send_waiting()
    assert answer(settings, ["outbox"]) == (0, ["no event waits to be told"])
