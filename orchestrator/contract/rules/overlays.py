"""What an overlay must keep to, so that it says something, and nothing else than the contract itself.

===================  ================================================================================================
rule                 what it asks for
===================  ================================================================================================
``overlay-applies``  each entry is about a method or a field that is known
``overlay-agrees``   an entry does not say something else than the contract itself
===================  ================================================================================================

What an overlay adds is checked by the rules for contracts, as if the contract said it:
:mod:`orchestrator.contract.rules.services`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from orchestrator.contract.agreement import contradictions
from orchestrator.contract.options import annotations_of, declared_field_options, declared_method_options
from orchestrator.contract.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message

APPLIES: Final = "overlay-applies"
AGREES: Final = "overlay-agrees"


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
    for option, own, other in contradictions(declared, said, stated):
        both = f"{file} says `{option}: {own}`, and this says {other}"
        yield AGREES, option, f"{both}; keep to the contract, and remove this"


def _stated(pool: DescriptorPool, name: str) -> frozenset[str]:
    """The options that an entry states, and that the contract may state, too; outcome rules add to the contract's."""
    stated = {option for subject, option in annotations_of(pool).places if subject == name}
    return frozenset(stated - {"outcomes"})


_HOW_KNOWN: Final = "correct the name, or import its stubs beside the sagas"


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}"
