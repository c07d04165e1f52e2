"""Checks whether a participant keeps what sagas rely on: any running service, compared with its contract."""

from orchestrator.testing.conformance.examples import Example, Examples
from orchestrator.testing.conformance.kit import check_participant
from orchestrator.testing.conformance.over_http import OverHttp
from orchestrator.testing.conformance.report import CheckFinding, CheckVerdict, Report

__all__ = ["CheckFinding", "CheckVerdict", "Example", "Examples", "OverHttp", "Report", "check_participant"]
