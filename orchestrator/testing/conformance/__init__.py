"""Does a participant keep what sagas rely on? Any running gRPC service, held against its contract."""

from orchestrator.testing.conformance.examples import Example, Examples
from orchestrator.testing.conformance.kit import check_participant
from orchestrator.testing.conformance.report import CheckFinding, CheckVerdict, Report

__all__ = ["CheckFinding", "CheckVerdict", "Example", "Examples", "Report", "check_participant"]
