"""What an operator or a customer wants done to a saga is not done, or not yet."""

from __future__ import annotations

from orchestrator.errors.sagas import SagaError


class ActNoted(SagaError):
    """The owner of the saga has not answered yet. The act is durable: it is carried out, or refused, once, later."""

    def __init__(self, saga_id: str, act: str) -> None:
        super().__init__(
            saga_id,
            f"{act} of saga {saga_id} is noted, but not done yet: whoever advances the saga, or recovers it, carries "
            "it out or refuses it; look at the saga later",
        )


class ActRefused(SagaError):
    """The saga is not in a state in which this can be done to it.

    Attributes:
        reason: why, in UPPER_SNAKE_CASE, such as ``NOT_SUSPENDED``.
    """

    def __init__(self, saga_id: str, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(saga_id, message)


class CancelRefused(ActRefused):
    """The saga is past its pivot, or may be, or has ended otherwise."""


class UnknownSignal(ActRefused):
    """The saga's code asks for no signal of this name."""


class SignalTypeDiffers(ActRefused):
    """The saga's code asks for a signal of this name with another type of message."""


class RequestIdUsed(ActRefused):
    """Another signal was given to the saga with this request id."""
