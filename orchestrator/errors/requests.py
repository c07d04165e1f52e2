"""What a caller sends or names is wrong."""

from __future__ import annotations

from orchestrator.errors.base import OrchestratorError


class InvalidInput(OrchestratorError):
    """What a caller sent breaks the contract.

    Attributes:
        violations: pairs of the path of a field at fault, such as ``lines[0].quantity``, and what is wrong with it.
    """

    def __init__(self, *violations: tuple[str, str]) -> None:
        self.violations = violations
        super().__init__("; ".join(f"{field}: {description}" for field, description in violations))


class Undecodable(InvalidInput):
    """What a caller sent is not even a message of the contract."""


class SinkNotFound(OrchestratorError):
    """There is no such sink: no relay has ever told it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no sink {name!r}; those that there are: orchestrator events sinks")
        self.name = name


class ParticipantNotFound(OrchestratorError):
    """Nobody of this name is reached over a queue, or has given up a command."""

    def __init__(self, service: str) -> None:
        super().__init__(f"no participant {service!r} is reached over a queue, and none has given up a command")
        self.service = service


class DeadCommandNotFound(OrchestratorError):
    """A participant has given up no such command, or it is forgotten by now."""

    def __init__(self, service: str, identity: str) -> None:
        super().__init__(f"{service} has given up no command {identity!r}, or it is forgotten already")
        self.service = service
        self.identity = identity
