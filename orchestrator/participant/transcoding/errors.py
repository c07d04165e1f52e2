"""What is wrong with a rule, with a message that it should carry, or with what has come by it.

RuleError               a rule of a contract makes no sense; raised when the rule is compiled
FieldError              names one field of a message, and what is wrong with it
├── UnfitMessageError   a client's: this message cannot be said by the rule
└── UnreadableError     what has come is not the message that the rule describes: a request, or a reply
"""


class RuleError(Exception):
    """A rule makes no sense.

    Args:
        method: the full name of the rpc.
        told: what is wrong with its rule.
    """

    def __init__(self, method: str, told: str) -> None:
        super().__init__(f"the HTTP rule of {method} {told}")
        self.method = method
        self.told = told


class FieldError(Exception):
    """A field of a message is wrong.

    Args:
        field: its path by the names of the contract, such as ``lines[0].quantity``; empty for the message as a whole.
        description: what is wrong with it.
    """

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}" if field else description)
        self.field = field
        self.description = description


class UnfitMessageError(FieldError):
    """A message cannot be said by a rule, and nothing was sent."""


class UnreadableError(FieldError):
    """What has come is not the message that a rule describes."""
