"""What saga code raises, and what its waits raise into it."""

from __future__ import annotations

from orchestrator.errors.base import OrchestratorError


class SagaRejected(OrchestratorError):
    """Raised by saga code: the saga itself gives up, and is rolled back.

    Attributes:
        reason: why, in UPPER_SNAKE_CASE, such as ``FRAUD_SUSPECTED``.
        message: why, in a sentence.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = message
        super().__init__(f"{reason}: {message}")


class TimeLimitPassed(OrchestratorError, TimeoutError):
    """A ``timeout(...)`` was over before the block that it is around. Saga code may catch this and go on.

    Attributes:
        key: the key of the wait within its saga, such as ``timeout#1``.
    """

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(f"{key}: {message}")


class SignalTimedOut(TimeLimitPassed):
    """No signal came in time. Saga code may catch this and go on.

    Attributes:
        name: of the signal.
    """

    def __init__(self, key: str, name: str) -> None:
        self.name = name
        super().__init__(key, f"no signal {name!r} came in time")
