"""Derives messages that nobody writes by hand, field by field: as the contract says, else by name and type.

The request of a compensation comes from the command's request (always known, even when the answer was lost) and, for
fields of which the contract says so, from its response or from a constant. The request of a verify query comes from the
command's request and from constants. A command's response whose answer was lost comes from its verify's response.

Compile once with :meth:`Derivation.of`, derive often: which fields are copied, and how, is decided while
compiling.
"""

from __future__ import annotations

import enum
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple, cast

from google.protobuf import json_format

from orchestrator.contract.sources import (
    FieldSource,
    Origin,
    WhenUnknown,
    field_sources,
    is_always_set,
    matching_field,
    type_name,
)
from orchestrator.errors import CompensationUnderivable, ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

    from orchestrator.contract.command import Command


class Derivation:
    """How one message is filled from a command's request and response.

    Attributes:
        name: what the derived message is for, such as ``shop.inventory.v1.InventoryService.ReleaseStock``.
        needs_response: some field comes from the response.
        indispensable: the fields from the response without which nothing may be sent.
    """

    __slots__ = (
        "_assigned",
        "_constants",
        "_from_request",
        "_from_response",
        "_message",
        "indispensable",
        "name",
        "needs_response",
    )

    def __init__(self, name: str, message: type[Message], sources: Iterable[FieldSource]) -> None:
        filled = [source for source in sources if source.path]
        request, response = (
            tuple(_Copy.of(source) for source in filled if source.origin is origin)
            for origin in (Origin.REQUEST, Origin.RESPONSE)
        )
        self.name = name
        self._message = message
        self._constants = _constants(message, sources)
        self._assigned = tuple((copy.field, copy.source) for copy in request if copy.is_assignment)
        self._from_request = tuple(copy for copy in request if not copy.is_assignment)
        self._from_response = response
        self.needs_response = bool(response)
        self.indispensable = tuple(
            source.field.name
            for source in filled
            if source.origin is Origin.RESPONSE and source.when_unknown is not WhenUnknown.LEAVE_EMPTY
        )

    @classmethod
    def of(cls, command: Command, target: Command) -> Derivation:
        """How the request of ``target``, a compensation or a verify, is derived from ``command``.

        Raises:
            ContractError: a field of the target's request has no source, or a constant is not of its type.
        """
        wanted, request, response = map(_descriptor, (target.request, command.request, command.response))
        sources = field_sources(wanted, request, response, command.fillings.get(target.name, ()))
        if missing := [source for source in sources if source.is_missing]:
            raise ContractError(
                f"{command.file}: the request of {target.short_name} cannot be derived from {command.short_name}: "
                + ", ".join(map(describe_missing, missing))
            )
        return cls(target.name, target.request, sources)

    @classmethod
    def of_response(cls, command: Command, verify: Command) -> Derivation | None:
        """How the response of ``command`` is derived from that of its verify; None where a field may stay unfilled."""
        wanted, offered = _descriptor(command.response), _descriptor(verify.response)
        for field in wanted.fields:
            source = matching_field(offered, field)
            if source is None or (field.is_required and not is_always_set(source)):
                return None
        # In this derivation, the verify's response is the message that is always known.
        return cls(
            command.name,
            command.response,
            (
                FieldSource(field, Origin.REQUEST, (source,))
                for field in wanted.fields
                if (source := matching_field(offered, field)) is not None
            ),
        )

    def derive(self, request: Message, response: Message | None = None) -> Message:
        """The derived message, a new one.

        Args:
            request: the command's request; for :meth:`of_response`, the verify's response.
            response: the command's response, or None when the answer was lost.

        Raises:
            CompensationUnderivable: the answer was lost, and the contract says to suspend then.
        """
        derived = self._message()
        if self._constants is not None:
            derived.CopyFrom(self._constants)
        for field, source in self._assigned:
            setattr(derived, field, getattr(request, source))
        for copy in self._from_request:
            copy.make(request, derived)
        if self.needs_response:
            self._derive_from_response(derived, response)
        return derived

    def _derive_from_response(self, derived: Message, response: Message | None) -> None:
        if response is not None:
            for copy in self._from_response:
                copy.make(response, derived)
        elif self.indispensable:
            raise CompensationUnderivable(self.name, self.indispensable)


class _Copy(NamedTuple):
    """One field that is copied.

    Attributes:
        field: the field to fill.
        way: the messages within the origin that lead to the source.
        source: the field that holds the value.
        step: how it is copied.
    """

    field: str
    way: tuple[str, ...]
    source: str
    step: _Step

    @classmethod
    def of(cls, source: FieldSource) -> _Copy:
        *way, last = source.path
        return cls(source.field.name, tuple(each.name for each in way), last.name, _Step.between(last, source.field))

    @property
    def is_assignment(self) -> bool:
        """Whether it is made by plain assignment, without a look at anything else."""
        return not self.way and self.step is _Step.ASSIGN

    def make(self, origin: Message, derived: Message) -> None:
        self.step.copy(reduce(getattr, self.way, origin), self.source, derived, self.field)


class _Step(enum.Enum):
    """How one field is copied."""

    ASSIGN = enum.auto()
    ASSIGN_IF_PRESENT = enum.auto()
    ASSIGN_IF_NOT_DEFAULT = enum.auto()
    MERGE = enum.auto()
    MERGE_IF_PRESENT = enum.auto()

    @classmethod
    def between(cls, source: FieldDescriptor, field: FieldDescriptor) -> _Step:
        if source.is_repeated:
            return cls.MERGE
        if source.message_type is not None:
            return cls.MERGE_IF_PRESENT
        if source.has_presence:
            return cls.ASSIGN_IF_PRESENT
        # A default value may be an unset field, so the target is left unset too, unless the field must be set.
        return cls.ASSIGN_IF_NOT_DEFAULT if field.has_presence and not field.is_required else cls.ASSIGN

    def copy(self, origin: Message, source: str, derived: Message, field: str) -> None:
        if self in _ONLY_IF_PRESENT and not origin.HasField(source):
            return
        value = getattr(origin, source)
        if self in _MERGED:
            target = getattr(derived, field)
            target.MergeFrom(value)
            if self is _Step.MERGE_IF_PRESENT:
                target.SetInParent()  # an empty message is present too
        elif value or self is not _Step.ASSIGN_IF_NOT_DEFAULT:
            setattr(derived, field, value)


_ONLY_IF_PRESENT = frozenset({_Step.ASSIGN_IF_PRESENT, _Step.MERGE_IF_PRESENT})
_MERGED = frozenset({_Step.MERGE, _Step.MERGE_IF_PRESENT})


def _constants(message: type[Message], sources: Iterable[FieldSource]) -> Message | None:
    """A message with the constants alone, where there are any."""
    stated = {source.field.name: source.constant for source in sources if source.constant is not None}
    if not stated:
        return None
    values = {name: json_format.MessageToDict(value) for name, value in stated.items()}
    try:
        return json_format.ParseDict(values, message())
    except json_format.ParseError as error:
        raise ContractError(f"{message.DESCRIPTOR.full_name}: {error}") from error


def describe_missing(source: FieldSource) -> str:
    """A field without a source, in words: which type and name was looked for, and where."""
    return f"its {source.origin.value} has no field `{type_name(source.field)} {source.field.name}`"


def _descriptor(message: type[Message]) -> Descriptor:
    # The two implementations of protobuf name their descriptor types differently; they behave alike.
    return cast("Descriptor", message.DESCRIPTOR)
