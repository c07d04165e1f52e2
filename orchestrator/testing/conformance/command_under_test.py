"""One command under test: what its contract says of it, and requests for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from orchestrator.contract.derivation import Derivation
from orchestrator.testing.conformance.observers import observers_of
from orchestrator.testing.samples import Sampler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

    from orchestrator.contract.command import Command
    from orchestrator.testing.conformance.examples import Example, Examples

# Every other field is the same in every request, so that two requests differ in the identity alone.
_SEED = "conformance"


class CommandUnderTest:
    """A command, the example of its request, and what is derived from the contract.

    Attributes:
        command: the command.
        example: what the user said of it.
        given: the commands, with their examples, that come before it.
        undo: the derivation of its compensation's request, where it is compensable.
        verify: the derivation of its verify's request, where the contract names one.
        observers: queries of the same service by their names, through which the kit sees the effect.
    """

    def __init__(self, command: Command, siblings: Mapping[str, Command], examples: Examples) -> None:
        self.command = command
        self.example = examples.of(command.method)
        self.given = tuple((siblings[name], examples.of(name)) for name in self.example.given)
        self.undo = Derivation.of(command, command.compensation) if command.compensation else None
        self.verify = Derivation.of(command, command.verify) if command.verify else None
        self.observers = observers_of(command, self.example, siblings)

    def request(self, identity: str) -> Message:
        """A request that the participant should accept."""
        return valid_request(self.command, self.example, identity)

    def rejected_request(self, identity: str) -> Message | None:
        """A request that the participant should refuse, where the user named one."""
        if self.example.rejected is None:
            return None
        return _over(self.request(identity), self.example.rejected, keep=self.command.identities)


def valid_request(command: Command, example: Example, identity: str) -> Message:
    """A valid request, with what the example says, and its identities derived from ``identity``."""
    message = _over(Sampler(_SEED).message(command.request), example.request)
    fresh = Sampler(identity)
    for name in command.identities:
        field = _descriptor(command).fields_by_name[name]
        if field.message_type is None and not field.is_repeated:
            setattr(message, name, fresh.fresh(field))
    return message


def _over(message: Message, example: Message, keep: tuple[str, ...] = ()) -> Message:
    """The message with the fields of the example in place of its own."""
    for field, value in example.ListFields():
        if field.name in keep:
            continue
        message.ClearField(field.name)
        part = type(example)()
        if field.is_repeated or field.message_type is not None:
            getattr(part, field.name).MergeFrom(value)
        else:
            setattr(part, field.name, value)
        message.MergeFrom(part)
    return message


def _descriptor(command: Command) -> Descriptor:
    # The two implementations of protobuf name their descriptor types differently; they behave alike.
    return cast("Descriptor", command.request.DESCRIPTOR)
