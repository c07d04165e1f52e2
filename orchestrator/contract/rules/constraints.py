"""Rules for a contract's buf.validate constraints; see :mod:`orchestrator.contract.rules.services`.

The constraints are tried and not read: from requests that the command accepts, the compensation's request is derived,
as in a rollback, and validated. So every kind of constraint is covered, and a violation shows an example.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf import message_factory, text_format

from orchestrator.contract.constraints import every_violation, flaw, flaws
from orchestrator.contract.derivation import Derivation
from orchestrator.contract.probes import is_map, probes, with_value
from orchestrator.contract.reader import read_command
from orchestrator.contract.sources import Origin, field_sources
from orchestrator.errors import CompensationUnderivable, ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

    from orchestrator.contract.rpc import Rpc

_LONGEST_SHOWN: Final = 60


class _RefusedValue(NamedTuple):
    """A derived request that its own constraints refuse.

    Attributes:
        field: the field at fault; empty for the message as a whole.
        value: the value that the command accepts, as text.
        why: what the constraint says.
        answer_lost: the field comes from an answer that was lost.
    """

    field: str
    value: str
    why: str
    answer_lost: bool


def constraints_compile(rpc: Rpc) -> Iterator[str]:
    """The constraints on request and response give an answer for every value."""
    for message in dict.fromkeys((rpc.method.input_type, rpc.method.output_type)):
        yield from unjudged(message)


@lru_cache(maxsize=1024)
def unjudged(message: Descriptor) -> tuple[str, ...]:
    """What is wrong with constraints, on a message or on one in it, that end in an error instead of an answer."""
    return tuple(_find_unjudged(message))


def _find_unjudged(message: Descriptor) -> Iterator[str]:
    broken = flaws(message)
    for name, why in broken:
        yield f"the constraints on {name} cannot be compiled: {why}; mend the pattern or the expression there"
    if broken:
        return
    for probe in probes(message):
        if failure := flaw(probe):
            yield (
                f"the constraints on {message.full_name} fail on {_shown(probe)} instead of refusing or accepting it: "
                f"{failure}; write an expression that answers for every value"
            )
            return


def derived_request_is_legal(rpc: Rpc) -> Iterator[str]:
    """A compensation and a verify accept what their command accepts."""
    for target in filter(None, (rpc.compensation, rpc.verify)):
        name = target.method.input_type.name
        for refusal in _refusals(rpc, target):
            if not refusal.answer_lost:
                where = f"`{refusal.field}`" if refusal.field else "it"
                yield (
                    f"{target.method.name} is sent what {rpc.method.name} was sent, and {name} refuses what "
                    f"{rpc.method.input_type.name} accepts, {refusal.value}: {where} {refusal.why}; loosen the "
                    f"constraint on {name}, or tighten {rpc.method.input_type.name}"
                )


def left_empty_is_legal(rpc: Rpc) -> Iterator[str]:
    """A field with WHEN_UNKNOWN_LEAVE_EMPTY may be empty."""
    if rpc.compensation is None:
        return
    for refusal in _refusals(rpc, rpc.compensation):
        if refusal.answer_lost:
            yield (
                f"field `{refusal.field}` of {rpc.compensation.method.input_type.name} is left empty when the answer "
                f"was lost, and its own constraint refuses that: {refusal.why}; let it be empty, or state "
                "`when_unknown: WHEN_UNKNOWN_SUSPEND`"
            )


def _refusals(rpc: Rpc, target: Rpc) -> Iterable[_RefusedValue]:
    """The first refusal of each field of the derived request."""
    request, response, wanted = rpc.method.input_type, rpc.method.output_type, target.method.input_type
    if any(flaws(message) for message in (request, response, wanted)):
        return ()
    command = read_command(rpc.method)
    try:
        derivation = Derivation.of(command, read_command(target.method))
    except ContractError:
        return ()  # another rule reports it
    sources = field_sources(wanted, request, response, rpc.fillings(target))
    answered = {source.field.name for source in sources if source.origin is Origin.RESPONSE}
    origins = {source.field.name: source.path[0].name for source in sources if source.path}
    found: dict[str, _RefusedValue] = {}
    for asked, answer in _exchanges(request, response, wanted):
        accepted = _at_fault(asked), _at_fault(answer) if answer is not None else {}
        try:
            derived = derivation.derive(asked, answer)
        except CompensationUnderivable:
            continue
        for name, why in _at_fault(derived).items():
            fault, origin = accepted[1] if name in answered else accepted[0], origins.get(name, name)
            if origin in fault or (not name and any(accepted)):
                continue  # the command cannot be sent, or answered, with this message
            lost = name in answered and answer is None
            shown = answer if name in answered and answer is not None else asked
            found.setdefault(name, _RefusedValue(name, _shown(shown, origin), why, lost))
    return found.values()


def _exchanges(
    request: Descriptor, response: Descriptor, wanted: Descriptor
) -> Iterator[tuple[Message, Message | None]]:
    """Requests with the answer lost; then answers to one request."""
    full = _filled(request, wanted)
    for probe in probes(request, hints=wanted):
        yield probe, None
        if probe.ListFields():
            yield _over(full, probe), _filled(response, wanted)
    for probe in probes(response, hints=wanted):
        yield full, _over(_filled(response, wanted), probe)


def _filled(descriptor: Descriptor, hints: Descriptor) -> Message:
    """A message in which every field has a value that the field accepts, where such a value is found."""
    message = message_factory.GetMessageClass(descriptor)()
    for field in descriptor.fields:
        for probe in probes(descriptor, hints=hints):
            if _holds(probe, field) and field.name not in _at_fault(probe):
                _take(message, probe, field)
                break
    return message


def _over(full: Message, probe: Message) -> Message:
    message = type(full)()
    message.CopyFrom(full)
    for field, _ in probe.ListFields():
        _take(message, probe, field)
    return message


def _holds(probe: Message, field: FieldDescriptor) -> bool:
    return any(each.name == field.name for each, _ in probe.ListFields())


def _take(message: Message, probe: Message, field: FieldDescriptor) -> None:
    value = getattr(probe, field.name)
    with_value(message, field, dict(value) if is_map(field) else value)


def _at_fault(message: Message) -> dict[str, str]:
    """What is wrong with each field, by its name; what is wrong with the whole message, under an empty name."""
    if flaw(message):
        return {}
    found: dict[str, str] = {}
    for path, why in every_violation(message):
        found.setdefault(re.split(r"[.\[]", path, maxsplit=1)[0], why)
    return found


def _shown(message: Message, field: str = "") -> str:
    """A message, or the field at fault in it, in one line."""
    if field and all(each.name != field for each, _ in message.ListFields()):
        return f"an empty `{field}`"
    if field:
        alone = type(message)()
        for each, _ in message.ListFields():
            if each.name == field:
                _take(alone, message, each)
        message = alone
    text = text_format.MessageToString(message, as_one_line=True) or "an empty one"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
