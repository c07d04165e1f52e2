"""Which sagas a command is about, as it is typed: by definition, status and attribute."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from orchestrator.cli.refusal import refuse
from saga.v1.saga_pb2 import Status
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


OfDefinition = Annotated[str, typer.Option("--definition", help="Only sagas of this definition.")]
OfStatus = Annotated[list[StatusName] | None, typer.Option("--status", help="Only of this status; may be repeated.")]
WithAttribute = Annotated[
    list[str] | None, typer.Option("--attribute", help="Only with this attribute, name=value; may be repeated.")
]


def saga_filter(definition: str, statuses: list[StatusName] | None, attributes: list[str] | None) -> SagaFilter:
    """The filter that the API knows.

    Raises:
        typer.Exit: with code 2, an attribute is not of the form name=value.
    """
    return SagaFilter(
        definition=definition,
        statuses=[each.number for each in statuses or []],
        attributes=dict(map(_pair, attributes or [])),
    )


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator):
        refuse(f"--attribute {text}: expected name=value")
    return name, value
