"""Inputs for a saga that is simulated: samples of its contract, varied so that its code takes every branch. Pure."""

from __future__ import annotations

from random import Random
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from orchestrator.errors import InvalidInput
from orchestrator.testing.samples import Sampler, violations

M = TypeVar("M", bound=Message)

_INPUTS: Final = 12
_MOST_ELEMENTS: Final = 3
_FACTORS: Final = (1, 10, 1000)
_HALF: Final = 0.5
_NUMBERS: Final = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)


def sample_inputs(name: str, kind: type[M]) -> tuple[M, ...]:
    """Valid inputs of one saga; the same name makes the same ones.

    Args:
        name: of the saga.
        kind: the generated class of its input.

    Raises:
        InvalidInput: what can be made up breaks the contract, as where a constraint in CEL must hold.
    """
    first = Sampler(name).message(kind)
    if wrong := violations(first):
        raise InvalidInput(*wrong)
    inputs = [first]
    for number in range(1, _INPUTS):
        seed = f"{name}/{number}"
        inputs.append(_varied(Sampler(seed).message(kind), first, Random(seed)))  # noqa: S311 - no secret
    return tuple(inputs)


def _varied(message: M, valid: M, random: Random) -> M:
    """The message, with each change that its contract allows; the valid one where the message itself breaks it."""
    if violations(message):
        message = valid
    for field in message.DESCRIPTOR.fields:
        changed = type(message).FromString(message.SerializeToString())
        _vary(changed, field, random)
        if not violations(changed):
            message = changed
    return message


def _vary(message: Message, field: Any, random: Random) -> None:  # noqa: ANN401 - protobuf has two descriptor types
    name = field.name
    if field.is_repeated:
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            _vary_elements(getattr(message, name), random)
    elif field.containing_oneof is not None and field.message_type is not None:
        return
    elif field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        setattr(message, name, random.random() < _HALF)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        setattr(message, name, random.choice(field.enum_type.values).number)
    elif field.cpp_type in _NUMBERS:
        setattr(message, name, getattr(message, name) * random.choice(_FACTORS))
    elif field.message_type is not None and random.random() < _HALF:
        for inner in field.message_type.fields:
            if inner.message_type is None:
                _vary(getattr(message, name), inner, random)


def _vary_elements(elements: Any, random: Random) -> None:  # noqa: ANN401 - protobuf's own container
    """Between one and a few elements, each with texts of its own."""
    if not elements:
        return
    kind = type(elements[0])
    for _ in range(random.randrange(_MOST_ELEMENTS)):
        elements.append(Sampler(str(random.random())).message(kind))
