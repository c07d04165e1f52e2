"""Suspended sagas, which wait for a person, by their cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.api.guidance.advice import advice_for
from orchestrator.api.guidance.situation import cause_text
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import Status
from orchestrator.ports.catalogue import SagaFilter

if TYPE_CHECKING:
    from orchestrator.engine.sagas import Sagas
    from orchestrator.ports.catalogue import SagaRecord

SHOWN: Final = 5
"""How many sagas of a cause are listed on the desk: those that have waited for the longest."""

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

    def has(self, record: SagaRecord) -> bool:
        """Whether a saga that the filter finds is of this cause: without a command, it also finds those with one."""
        return record.cause is not None and record.cause.command == self.command

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


async def groups_of(sagas: Sagas) -> list[Group]:
    """The suspended sagas by their causes, the one that has waited for the longest first."""
    groups: list[Group] = []
    for each in await sagas.suspended():
        cause = Cause(each.definition, each.command, each.code)
        records, _ = await sagas.search(cause.where, SHOWN, "", oldest_first=True)
        groups.append(Group(cause, each.number, each.since, [record for record in records if cause.has(record)]))
    return groups


async def all_of(sagas: Sagas, cause: Cause) -> list[SagaRecord]:
    """Every saga of a cause, the oldest first."""
    found: list[SagaRecord] = []
    token = ""
    while True:
        records, token = await sagas.search(cause.where, _PAGE, token, oldest_first=True)
        found += [record for record in records if cause.has(record)]
        if not token:
            return found
