"""What calls to participants raise into saga code."""

from __future__ import annotations

from orchestrator.errors.base import OrchestratorError


class CommandError(OrchestratorError):
    """A call to a participant did not complete.

    Attributes:
        key: the command's key within its saga.
        code: the gRPC status code by name, such as ``FAILED_PRECONDITION``.
        reason: the ``reason`` of the google.rpc.ErrorInfo, or empty.
        message: the participant's message.
    """

    def __init__(self, key: str, code: str, message: str, reason: str = "") -> None:
        self.key = key
        self.code = code
        self.message = message
        self.reason = reason
        super().__init__(f"{key}: {code}{f' ({reason})' if reason else ''}: {message}")


class CommandRejected(CommandError):
    """The participant refused the command; it had no effect. Saga code may catch this and go on."""


class CommandUnknown(CommandError):
    """The attempts are spent, and whether the command took effect is unknown."""
