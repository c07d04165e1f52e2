"""Who calls may not do what they ask for, or cannot be told from others."""

from __future__ import annotations

from orchestrator.errors.base import OrchestratorError


class AccessRefused(OrchestratorError):
    """A caller may not do what it asks for; nothing was done.

    Attributes:
        reason: why, in UPPER_SNAKE_CASE, such as ``TOKEN_EXPIRED``.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class NotAuthenticated(AccessRefused):
    """Nobody knows who calls: there are no credentials, or they are wrong or have expired."""


class NotAllowed(AccessRefused):
    """It is known who calls, and their roles do not allow it."""


class KeysUnavailable(OrchestratorError):
    """A token cannot be verified, because no keys could be read so far; the same may be asked again soon."""
