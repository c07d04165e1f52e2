"""What contracts and sagas say cannot work."""

from __future__ import annotations

from orchestrator.errors.base import OrchestratorError


class ContractError(OrchestratorError):
    """A .proto file does not say what a saga needs, or does not compile."""


class DefinitionError(OrchestratorError):
    """A saga is declared or written in a way that cannot work."""


class CompensationUnderivable(OrchestratorError):
    """An answer was lost that a compensation's request cannot do without; the contract says to suspend then.

    Attributes:
        compensation: the full name of the compensation.
        fields: the fields of its request that stay unknown.
    """

    def __init__(self, compensation: str, fields: tuple[str, ...]) -> None:
        self.compensation = compensation
        self.fields = fields
        super().__init__(f"{compensation}: the answer that holds {', '.join(fields)} was lost")
