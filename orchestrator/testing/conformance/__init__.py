"""Does a participant keep what sagas rely on? Any running gRPC service, held against its contract."""

from orchestrator.testing.conformance.examples import Example, Examples
from orchestrator.testing.conformance.kit import check_participant
from orchestrator.testing.conformance.report import Finding, Report, Verdict

__all__ = ["Example", "Examples", "Finding", "Report", "Verdict", "check_participant"]
