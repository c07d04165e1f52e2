"""What waits for a person: suspended sagas by their cause, and sagas that wait for somebody's answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.api.guidance.advice import advice_for
from orchestrator.api.guidance.situation import cause_text
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter
from saga.v1.saga_pb2 import Decision

if TYPE_CHECKING:
    from orchestrator.engine.sagas import Sagas, Waiting
    from orchestrator.ports.catalogue import SagaRecord

SHOWN: Final = 5
"""How many sagas of a cause are listed on the desk: those that have waited for the longest."""

_ASKED: Final = 25
_PAGE: Final = 500


class Cause(NamedTuple):
    """Why sagas are suspended.

    Attributes:
        definition: of the sagas.
        command: the full name of the rpc, or empty.
        code: the kind of reason.
    """

    definition: str
    command: str
    code: str

    @property
    def where(self) -> SagaFilter:
        """The filter that finds them."""
        suspended = frozenset({Status.SUSPENDED})
        return SagaFilter(self.definition, suspended, failed_command=self.command, reason_code=self.code)

    @property
    def step(self) -> str:
        """The command as a person reads it; empty where there is none."""
        return ".".join(self.command.rsplit(".", 2)[-2:])

    @property
    def title(self) -> str:
        """The cause in a few words."""
        text = cause_text(self.code)
        return f"{text[:1].upper()}{text[1:]}{f': {self.step}' if self.step else ''}"

    @property
    def advice(self) -> str:
        """What helps, in a sentence."""
        known = self.code in set(ReasonCode)
        return advice_for(ReasonCode(self.code), self.step, self.step.partition(".")[0]) if known else ""


class Group(NamedTuple):
    """The sagas of one cause.

    Attributes:
        cause: which.
        number: how many they are.
        since: since when the one waits that has waited for the longest, nanoseconds since the epoch, UTC.
        oldest: those that have waited for the longest.
    """

    cause: Cause
    number: int
    since: int
    oldest: list[SagaRecord]


class Asked(NamedTuple):
    """A saga that waits for somebody's answer, and for which."""

    record: SagaRecord
    waiting: Waiting
    decision: bool


async def groups_of(sagas: Sagas) -> list[Group]:
    """The suspended sagas by their causes, the one that has waited for the longest first."""
    return [
        Group(cause, each.number, each.since, (await sagas.search(cause.where, SHOWN, "", oldest_first=True))[0])
        for each in await sagas.suspended()
        for cause in (Cause(each.definition, each.command, each.code),)
    ]


async def asked_of(sagas: Sagas) -> list[Asked]:
    """Sagas that wait for a signal, the oldest first, and not more than can be looked through."""
    waits = SagaFilter(statuses=frozenset({Status.WAITING}))
    records, _ = await sagas.search(waits, _ASKED, "", oldest_first=True)
    states = await asyncio.gather(*(sagas.get(record.saga_id) for record in records))
    return [
        Asked(record, each, each.message_type == Decision.DESCRIPTOR.full_name)
        for record, state in zip(records, states, strict=True)
        for each in sagas.waiting(state)
        if each.signal
    ]


async def all_of(sagas: Sagas, cause: Cause) -> list[SagaRecord]:
    """Every saga of a cause, the oldest first."""
    found: list[SagaRecord] = []
    token = ""
    while True:
        records, token = await sagas.search(cause.where, _PAGE, token, oldest_first=True)
        found += records
        if not token:
            return found
