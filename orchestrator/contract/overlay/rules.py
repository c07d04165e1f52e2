"""What an overlay must keep to, so that it says something, and nothing else than the contract itself.

===================  ================================================================================================
rule                 what it asks for
===================  ================================================================================================
``overlay-applies``  each entry is about a method or a field that is known
``overlay-agrees``   an entry does not say something else than the contract itself
===================  ================================================================================================

What an overlay adds is checked by the rules for contracts, as if the contract said it:
:mod:`orchestrator.contract.rules`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

from orchestrator.contract.options import annotations_of, declared_field_options, declared_method_options
from orchestrator.contract.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message

APPLIES: Final = "overlay-applies"
AGREES: Final = "overlay-agrees"

_ADDED: Final = "outcomes"
"""The option to which an overlay adds; what it says of the others must be what the contract says."""


def check_overlays(pool: DescriptorPool) -> list[Violation]:
    """What is wrong with the overlays that are laid on a pool.

    Args:
        pool: holds all the contracts that are in use.
    """
    annotations = annotations_of(pool)
    found = []
    for subject, option in annotations.places:
        if option:
            continue
        is_method = subject in annotations.methods
        for rule, about, message in (_method_faults if is_method else _field_faults)(pool, subject):
            file, line = annotations.place(subject, about) or ("", 0)
            found.append(Violation(file, line, subject, rule, message))
    return found


def _method_faults(pool: DescriptorPool, name: str) -> Iterator[tuple[str, str, str]]:
    owner, _, part = name.rpartition(".")
    try:
        service = pool.FindServiceByName(owner)
    except KeyError:
        yield APPLIES, "", f"no service {owner!r} is known here; {_HOW_KNOWN}"
        return
    method = service.methods_by_name.get(part)
    if method is None:
        yield APPLIES, "", f"{service.name} has no rpc {part!r}; {_nearest(part, service.methods_by_name)}"
        return
    said = annotations_of(pool).methods[name]
    file = service.file.name
    yield from _contradictions(declared_method_options(method), said, _stated(pool, name), file)


def _field_faults(pool: DescriptorPool, name: str) -> Iterator[tuple[str, str, str]]:
    owner, _, part = name.rpartition(".")
    try:
        message = pool.FindMessageTypeByName(owner)
    except KeyError:
        yield APPLIES, "", f"no message {owner!r} is known here; {_HOW_KNOWN}"
        return
    field = message.fields_by_name.get(part)
    if field is None:
        yield APPLIES, "", f"{message.name} has no field {part!r}; {_nearest(part, message.fields_by_name)}"
        return
    annotations, stated, file = annotations_of(pool), _stated(pool, name), message.file.name
    yield from _contradictions(declared_field_options(field), annotations.fields[name], stated, file)
    if "sensitive" in stated and name not in annotations.sensitive and field.GetOptions().debug_redact:
        yield AGREES, "sensitive", f"{file} marks it `debug_redact`, so it is sensitive; remove this"


def _contradictions(
    declared: Message, said: Message, stated: frozenset[str], file: str
) -> Iterator[tuple[str, str, str]]:
    """The options that the contract's file states, and the overlay states in another way."""
    for option, own in declared.ListFields():
        if option.name not in stated or option.name == _ADDED:
            continue
        other = getattr(said, option.name)
        if not _same(own, other):
            both = f"{file} says `{option.name}: {_written(own)}`, and this says {_written(other)}"
            yield AGREES, option.name, f"{both}; keep to the contract, and remove this"


def _same(own: Any, other: Any) -> bool:  # noqa: ANN401 - of any option
    """Whether the overlay says what the contract says; of a message, in the parts that the overlay states."""
    if hasattr(own, "ListFields"):
        return all(_same(getattr(own, field.name), value) for field, value in other.ListFields() if _has(own, field))
    return bool(own == other)


def _has(message: Message, field: FieldDescriptor) -> bool:
    return any(each.name == field.name for each, _ in message.ListFields())


def _written(value: Any) -> str:  # noqa: ANN401 - of any option
    if isinstance(value, (str, bool, int, float)):
        return str(value)
    if hasattr(value, "ListFields"):
        return "{" + " ".join(str(value).split()) + "}"
    return "[" + ", ".join(map(_written, value)) + "]"


def _stated(pool: DescriptorPool, name: str) -> frozenset[str]:
    return frozenset(option for subject, option in annotations_of(pool).places if subject == name and option)


_HOW_KNOWN: Final = "correct the name, or import its stubs beside the sagas"


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}"
