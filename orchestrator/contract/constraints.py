"""The constraints on fields that contracts state: by buf.validate annotations, and by `required` in proto2."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import protovalidate
from google.protobuf import message_factory

from orchestrator.contract.bounds import beyond_bounds
from orchestrator.contract.wording import for_people

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message

_MISSING: Final = "must be given"


def violations(message: Message) -> tuple[tuple[str, str], ...]:
    """For each field at fault, its path, such as ``lines[0].quantity``, and what is wrong with it.

    A message for which a constraint cannot be judged is at fault as a whole: the constraint holds for any other.
    """
    too_large = beyond_bounds(message)
    if too_large:
        return too_large
    missing = tuple((path, _MISSING) for path in missing_fields(message))
    try:
        return annotated_violations(message) + missing
    except protovalidate.EvaluationError as error:
        return (("", f"cannot be judged: {_in_one_line(error)}"), *missing)


def annotated_violations(message: Message) -> tuple[tuple[str, str], ...]:
    """The same by the annotations alone, and of the items of a list beyond its bounds, too.

    Rules that try the annotations on messages leave ``required`` to a rule of its own.

    Raises:
        protovalidate.EvaluationError: a constraint cannot be judged for this message.
    """
    found = _validator(message.DESCRIPTOR.file.pool).collect_violations(message)
    return tuple((_path(violation), for_people(violation.proto.message)) for violation in found)


def missing_fields(message: Message) -> tuple[str, ...]:
    """The paths of the ``required`` fields of proto2 that are absent, at any depth: without them nothing is sent.

    A message is read without them all the same: only what is about to be written is refused by protobuf itself.
    """
    if message.IsInitialized():
        return ()
    return tuple(map(str, message.FindInitializationErrors()))  # type: ignore[attr-defined]  # left out of the stubs


def flaw(message: Message) -> str | None:
    """Why the constraints of such a message cannot be judged, in one line; None where they can.

    Args:
        message: a message of the type. A constraint that fails only on some values is found with such a value.
    """
    try:
        annotated_violations(message)
    except (protovalidate.CompilationError, protovalidate.EvaluationError) as error:
        return _in_one_line(error)
    return None


def flaws(descriptor: Descriptor) -> tuple[tuple[str, str], ...]:
    """The types of messages, this one and those in it, whose constraints cannot be compiled; and why.

    A validator compiles the constraints of a message when it first meets one. Without this check, a mistake would be
    found in the middle of a saga.
    """
    found, waiting, seen = [], [descriptor], {descriptor.full_name}
    while waiting:
        kind = waiting.pop()
        if why := flaw(message_factory.GetMessageClass(kind)()):
            found.append((str(kind.full_name), why))
        for field in kind.fields:
            if field.message_type is not None and field.message_type.full_name not in seen:
                seen.add(field.message_type.full_name)
                waiting.append(field.message_type)
    return tuple(found)


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


@lru_cache(maxsize=16)
def _validator(pool: DescriptorPool) -> protovalidate.Validator:  # noqa: ARG001 - the cache's key
    # A validator caches by the names of messages, and a message of a .proto file may differ from that of the stubs.
    return protovalidate.Validator()


def _path(violation: protovalidate.Violation) -> str:
    field = violation.proto.field
    return ".".join(_step(element) for element in field.elements) if field else ""


def _step(element: Any) -> str:  # noqa: ANN401 - its class is private to protovalidate
    name = str(element.field_name)
    subscript = element.subscript
    if subscript is None:
        return name
    return f'{name}["{subscript.value}"]' if subscript.field == "string_key" else f"{name}[{subscript.value}]"
