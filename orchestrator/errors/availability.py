"""It is asked rightly, and cannot be done, or not now."""

from __future__ import annotations

from orchestrator.errors.base import OrchestratorError


class Overloaded(OrchestratorError):
    """There is more than this process can take; nothing was done, and the same may be asked again later.

    Attributes:
        reason: of what there is too much, in UPPER_SNAKE_CASE, such as ``TOO_MANY_STARTS``.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class Recovering(OrchestratorError):
    """It waits until this process has recovered the saga; nothing was done, and the same may be asked again soon."""


class NotOffered(OrchestratorError):
    """This engine cannot do it; another one can. The message says which, and what can be done instead."""


class Draining(OrchestratorError):
    """This process is about to end; another replica goes on, or this one once it is back."""


class BrokerAway(OrchestratorError):
    """The broker of a queue does not do what was asked, or has not said so; the message says which, and why."""
