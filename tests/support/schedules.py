"""Schedules as tests of stores and of the engine keep them."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from orchestrator.engine.schedules.facade import NewSchedule
from orchestrator.journal.actor import Actor
from orchestrator.ports.schedules import (
    Firing,
    Missed,
    Overlap,
    PastStart,
    Pause,
    Schedule,
    ScheduleAct,
    ScheduleActKind,
    StartOutcome,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

MINUTE: Final = 60 * 1_000_000_000
HOUR: Final = 60 * MINUTE

HOURLY: Final = Schedule(
    uid=str(uuid.UUID(int=1)),
    name="hourly",
    revision=1,
    digest=b"\xff\x00digest",
    cron="0 * * * *",
    zone="Europe/Berlin",
    at=0,
    definition="place_order",
    version=0,
    input_type="shop.order.v1.StartOrderRequest",
    input=b"\x00input\xff",
    overlap=Overlap.SKIP,
    missed=Missed.RUN_LAST,
    missed_limit=10,
    window=MINUTE,
    created_at=1,
    created_by=Actor("ada"),
    next_at=None,
)
"""Starts an order every hour; when next, a test says."""

FULL: Final = replace(
    HOURLY,
    pause=Pause(5, "ünï\x00code", Actor("ada")),
    buffered=7,
    firing=(Firing(7, "request-1"), Firing(8, "request-2", Actor("bob"))),
    not_before=9,
    running=("saga-1", "saga-2"),
    recent=(PastStart(3, StartOutcome.STARTED, 4, "saga-1"), PastStart(4, StartOutcome.REFUSED, 5, message="no\x00")),
    acts=(
        ScheduleAct(ScheduleActKind.CREATED, 1, Actor("ada")),
        ScheduleAct(ScheduleActKind.PAUSED, 5, Actor("ada", "token file", "ipv4:10.0.0.7:1"), "ünï\x00code"),
    ),
)
"""Everything is set."""


def schedule(number: int, **changes: Any) -> Schedule:  # noqa: ANN401 - any field
    """One of its own uid and name."""
    return replace(HOURLY, uid=str(uuid.UUID(int=number)), name=f"schedule-{number}", **changes)


def names(schedules: Iterable[Schedule]) -> list[str]:
    return [each.name for each in schedules]


def new_schedule(saga_input: Message, **changes: Any) -> NewSchedule:  # noqa: ANN401 - any field
    """What creates one that starts ``trip`` every minute."""
    new = NewSchedule(
        name="trips",
        cron="* * * * *",
        zone="Europe/Berlin",
        at=0,
        definition="trip",
        version=0,
        input_type=saga_input.DESCRIPTOR.full_name,
        input=saga_input.SerializeToString(deterministic=True),
        overlap=Overlap.SKIP,
        missed=Missed.RUN_LAST,
        missed_limit=10,
        window=MINUTE,
        created_by=Actor("ada"),
    )
    return new._replace(**changes)
