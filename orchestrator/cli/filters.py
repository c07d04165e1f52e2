"""The options that choose sagas: by definition, status, attribute and reason of waiting."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, NamedTuple

import typer

from orchestrator.cli.connecting.completion import definition_names
from orchestrator.cli.instants import instant_of
from orchestrator.cli.output.exit import refuse
from saga.v1 import saga_pb2
from saga.v1.saga_pb2 import Status, WaitReason
from saga.v1.saga_service_pb2 import SagaFilter


class StatusName(StrEnum):
    """The statuses as they are typed."""

    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    COMPENSATING = "compensating"
    COMPENSATED = "compensated"
    SUSPENDED = "suspended"
    PARTIALLY_COMPENSATED = "partially-compensated"

    @property
    def number(self) -> Status.ValueType:
        """The status that the API knows."""
        return Status.Value(f"STATUS_{self.name}")


ANY_WAIT: Final = (
    saga_pb2.WAIT_REASON_BACKOFF,
    saga_pb2.WAIT_REASON_PARTICIPANT_DOWN,
    saga_pb2.WAIT_REASON_PARTICIPANT_BUSY,
    saga_pb2.WAIT_REASON_RATE,
)

OfDefinition = Annotated[
    str, typer.Option("--definition", help="Only sagas of this definition.", autocompletion=definition_names)
]
# The metavar that the library makes of the statuses is broken in the middle of a word on a narrow terminal.
OfStatus = Annotated[
    list[StatusName] | None,
    typer.Option("--status", metavar="STATUS", help=f"Only of this status: {', '.join(StatusName)}; may be repeated."),
]
WithAttribute = Annotated[
    list[str] | None, typer.Option("--attribute", help="Only with this attribute, name=value; may be repeated.")
]


BackingOff = Annotated[
    bool,
    typer.Option(
        "--backing-off", help="Only those that wait for a next attempt, or for a participant that is down or busy."
    ),
]


class WaitName(StrEnum):
    """The reasons to wait as they are typed."""

    BACKOFF = "backoff"
    PARTICIPANT_DOWN = "participant-down"
    PARTICIPANT_BUSY = "participant-busy"
    TIMER = "timer"
    SIGNAL = "signal"
    QUEUED = "queued"
    RATE = "rate"
    ANSWER = "answer"

    @property
    def number(self) -> WaitReason.ValueType:
        """The reason that the API knows."""
        return WaitReason.Value(f"WAIT_REASON_{self.name}")


WaitingFor = Annotated[
    list[WaitName] | None,
    typer.Option(
        "--waiting-for",
        metavar="REASON",
        help=f"Only those that wait for this: {', '.join(WaitName)}; may be repeated, but timer, signal, queued and "
        "answer, of which every replica knows, not together with the others.",
    ),
]


OfVersion = Annotated[
    int | None, typer.Option("--version", help="Only sagas of this version of their definition.", min=1)
]
StartedAfter = Annotated[
    str,
    typer.Option(
        "--started-after",
        metavar="TIME",
        help="Only those that started then or later: 2h, 3d (ago), 2026-05-01 or 2026-05-01T12:30, in local time.",
    ),
]
StartedBefore = Annotated[
    str, typer.Option("--started-before", metavar="TIME", help="Only those that started before that time.")
]
EndedAfter = Annotated[str, typer.Option("--ended-after", metavar="TIME", help="Only those that ended then or later.")]
EndedBefore = Annotated[str, typer.Option("--ended-before", metavar="TIME", help="Only those that ended before then.")]
FailedCommand = Annotated[
    str,
    typer.Option(
        "--failed-command",
        metavar="COMMAND",
        help="Only those that go back, went back or are suspended because of this command, such as AuthorizePayment.",
    ),
]
ReasonCode = Annotated[
    str,
    typer.Option("--reason-code", metavar="CODE", help="The same for this kind of reason, such as REJECTED."),
]
ReasonText = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="The same where the reason's sentence holds this text.")
]


class MoreCriteria(NamedTuple):
    """What sagas are chosen by besides, as it is typed; what is empty does not restrict."""

    version: int | None = None
    started_after: str = ""
    started_before: str = ""
    ended_after: str = ""
    ended_before: str = ""
    failed_command: str = ""
    reason_code: str = ""
    reason: str = ""


NO_MORE: Final = MoreCriteria()


def saga_filter(
    definition: str,
    statuses: list[StatusName] | None,
    attributes: list[str] | None,
    *,
    backing_off: bool = False,
    waiting_for: list[WaitName] | None = None,
    more: MoreCriteria = NO_MORE,
) -> SagaFilter:
    """The filter that the API knows.

    Raises:
        typer.Exit: with code 2, an attribute is not of the form name=value, two kinds of waits are asked for, or a time
            cannot be read.
    """
    if backing_off and waiting_for:
        refuse("say one of --backing-off and --waiting-for")
    return SagaFilter(
        version=more.version or 0,
        started_from=instant_of("--started-after", more.started_after),
        started_before=instant_of("--started-before", more.started_before),
        ended_from=instant_of("--ended-after", more.ended_after),
        ended_before=instant_of("--ended-before", more.ended_before),
        failed_command=more.failed_command,
        reason_code=more.reason_code.upper(),
        reason=more.reason,
        definition=definition,
        statuses=[each.number for each in statuses or []],
        attributes=dict(map(_pair, attributes or [])),
        waiting_for=ANY_WAIT if backing_off else [each.number for each in waiting_for or []],
    )


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator):
        refuse(f"--attribute {text}: expected name=value")
    return name, value
