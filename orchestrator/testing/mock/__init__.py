"""Participants made from contracts, with a guard, faults on demand and a ledger of their effects."""

from orchestrator.testing.mock.dials import Dials
from orchestrator.testing.mock.faults import Fault, Faults
from orchestrator.testing.mock.in_process import InProcessParticipants
from orchestrator.testing.mock.ledger import EffectLedger, LedgerEntry
from orchestrator.testing.mock.participant import ContractParticipant
from orchestrator.testing.mock.server import MockParticipant

__all__ = [
    "ContractParticipant",
    "Dials",
    "EffectLedger",
    "Fault",
    "Faults",
    "InProcessParticipants",
    "LedgerEntry",
    "MockParticipant",
]
