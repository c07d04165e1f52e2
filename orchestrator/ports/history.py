"""The sagas that another engine has brought to their ends, as a copy into a journal reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.journal.entries import Entry
    from orchestrator.ports.catalogue import SagaRecord


class EndedList(NamedTuple):
    """Which sagas an engine has brought to their ends.

    Attributes:
        saga_ids: of those that will never go on, the one that was started first first.
        left: how many others there are, by what they are, in words such as ``running``.
    """

    saga_ids: Sequence[str]
    left: Mapping[str, int]


class WholeSaga(NamedTuple):
    """A saga with all that happened to it, as a journal lists and keeps it."""

    record: SagaRecord
    entries: Sequence[Entry]


class History(Protocol):
    """The history of one engine. Every method may raise :class:`~orchestrator.errors.JournalUnavailable`."""

    async def ended(self) -> EndedList:
        """Which sagas have ended, and how many have not."""

    async def read(self, saga_id: str) -> WholeSaga:
        """One of those that have ended.

        Raises:
            JournalsDiffer: its history is gone, or does not hold its end.
        """
