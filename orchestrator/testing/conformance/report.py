"""The kit's report: one finding for each rpc and check."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from typing import Any, Final


class CheckVerdict(enum.Enum):
    """How a check ended.

    ==============  ==================================================================================
    verdict         meaning
    ==============  ==================================================================================
    PASSED          the participant did what is expected, and it was seen
    FAILED          it did something else
    NOT_SEEN        it answered as expected, but no query shows whether it did what it said
    NOT_ECHOED      it is sound, but its guard does not give the idempotency key back
    NOT_APPLICABLE  the check says nothing about this rpc
    ==============  ==================================================================================
    """

    PASSED = "passed"
    FAILED = "failed"
    NOT_SEEN = "not seen"
    NOT_ECHOED = "not echoed"
    NOT_APPLICABLE = "not applicable"


_ADVICE: Final = frozenset({CheckVerdict.NOT_SEEN, CheckVerdict.NOT_ECHOED})


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One check of one rpc.

    Attributes:
        rpc: its name, such as ``ReserveStock``.
        check: the check's stable name, such as ``same-key-twice``.
        verdict: how it ended.
        expected: what a sound participant does.
        seen: what this participant did or, where the check neither passed nor failed, why not.
    """

    rpc: str
    check: str
    verdict: CheckVerdict
    expected: str
    seen: str

    def __str__(self) -> str:
        return f"{self.rpc}: {self.check} {self.verdict.value}: expected {self.expected}; seen: {self.seen}"


@dataclass(frozen=True, slots=True)
class Report:
    """All findings about one service.

    Attributes:
        service: its full name.
        findings: by rpc, in the order of the contract.
    """

    service: str
    findings: tuple[CheckFinding, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed, and at least one passed."""
        return not self.failures and any(finding.verdict is CheckVerdict.PASSED for finding in self.findings)

    @property
    def failures(self) -> tuple[CheckFinding, ...]:
        """The findings that failed."""
        return tuple(finding for finding in self.findings if finding.verdict is CheckVerdict.FAILED)

    @property
    def advice(self) -> tuple[CheckFinding, ...]:
        """The findings that neither passed nor failed and need a look: not seen, not echoed."""
        return tuple(finding for finding in self.findings if finding.verdict in _ADVICE)

    def counts(self) -> dict[CheckVerdict, int]:
        """How many checks ended with each verdict."""
        return {verdict: sum(each.verdict is verdict for each in self.findings) for verdict in CheckVerdict}

    def as_json(self) -> dict[str, Any]:
        """The report as a value for JSON."""
        findings = [asdict(finding) | {"verdict": finding.verdict.value} for finding in self.findings]
        return {"service": self.service, "passed": self.passed, "findings": findings}

    def __str__(self) -> str:
        counted = ", ".join(f"{count} {verdict.value}" for verdict, count in self.counts().items())
        return "\n".join((f"{self.service}: {counted}", *map(str, (*self.failures, *self.advice))))
