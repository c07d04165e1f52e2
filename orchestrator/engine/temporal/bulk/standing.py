"""How far a bulk act has come, as its workflow notes it (memo), and hands it to its next run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.engine.temporal.wire import read, write
from orchestrator.ports.bulk_acts import TO_DO, Answer
from orchestrator.ports.bulk_document import from_document, to_document

if TYPE_CHECKING:
    from orchestrator.ports.bulk_acts import BulkAct

DRY_RUN: Final = 0
ACTS: Final = 1
INSISTING: Final = 2
ROUNDS: Final = (frozenset({Answer.UNCHECKED}), TO_DO, frozenset({Answer.NOTED}))
"""Whom each round of a bulk act asks, by what they have answered in the rounds before."""


class Standing(NamedTuple):
    """How far a bulk act has come.

    Attributes:
        act: the bulk act.
        round: the round that it is in.
        after: the position up to which that has come.
    """

    act: BulkAct
    round: int = DRY_RUN
    after: int = 0

    @classmethod
    def read(cls, data: bytes) -> Standing:
        """From what :meth:`written` gave."""
        told = read(data)
        return cls(from_document(told["act"], told["revision"]), told["round"], told["after"])

    def written(self) -> bytes:
        """All of it."""
        document = to_document(self.act)
        return write(act=document, revision=self.act.revision, round=self.round, after=self.after)
