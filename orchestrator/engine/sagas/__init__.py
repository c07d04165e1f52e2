"""The facade of an engine: all that API, console, command line and applications may ask of it.

Whatever carries sagas on, our replicas or another engine, stands behind this one protocol. ``facade`` is the protocol,
and the other modules hold the values that it speaks of.
"""

from __future__ import annotations

from orchestrator.engine.sagas.dry_runs import PlannedCompensation, ReplayFinding
from orchestrator.engine.sagas.facade import PATIENCE_SECONDS, Sagas
from orchestrator.engine.sagas.health import ParticipantHealth, RecoveryProgress
from orchestrator.engine.sagas.load import Load, Loads
from orchestrator.engine.sagas.requests import Signal, StartSaga
from orchestrator.engine.sagas.served import Served
from orchestrator.engine.sagas.waiting import Waiting, WaitReason

__all__ = [
    "PATIENCE_SECONDS",
    "Load",
    "Loads",
    "ParticipantHealth",
    "PlannedCompensation",
    "RecoveryProgress",
    "ReplayFinding",
    "Sagas",
    "Served",
    "Signal",
    "StartSaga",
    "WaitReason",
    "Waiting",
]
