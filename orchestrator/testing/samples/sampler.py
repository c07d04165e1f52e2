"""Makes messages that their contract's constraints allow, field by field.

A field takes the value of a field of the same name and type in the sources, the nearest first, so that ids flow from a
request into its reply. A list of messages is made element by element from a list of the same name, even where the two
hold different messages. Values without a source are made up, by :mod:`orchestrator.testing.samples.scalars` and
:mod:`orchestrator.testing.samples.well_known`. Constraints in CEL are not read; see
:func:`orchestrator.contract.constraints.violations`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from google.protobuf.message import Message

from orchestrator.contract.sources import matching_field
from orchestrator.testing.samples.rules import field_rules, rules_of_type
from orchestrator.testing.samples.scalars import Scalars
from orchestrator.testing.samples.well_known import fill_well_known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from buf.validate.validate_pb2 import FieldRules
    from google.protobuf.descriptor import Descriptor, FieldDescriptor

M = TypeVar("M", bound=Message)
_Sources = tuple[Message, ...]
_Ancestors = tuple[str, ...]


class Sampler:
    """Makes messages; the same seed and sources make the same ones.

    Args:
        seed: any text.
        sources: messages whose values are taken where name and type match.
    """

    def __init__(self, seed: str, sources: Iterable[Message] = ()) -> None:
        self._scalars = Scalars(seed)
        self._sources = tuple(sources)

    def message(self, kind: type[M]) -> M:
        """A new message of this class."""
        message = kind()
        self._fill(message, self._sources, ())
        return message

    def fresh(self, field: FieldDescriptor) -> Any:  # noqa: ANN401 - of the field's type
        """A value for a scalar field that identifies something; practically unique to the seed."""
        return self._scalars.fresh(field, field_rules(field))

    def _fill(self, message: Message, sources: _Sources, ancestors: _Ancestors) -> None:
        for field in _descriptor(message).fields:
            # One field of a oneof is enough; an optional field is alone in its oneof.
            if field.containing_oneof is not None and field.containing_oneof.fields[0].name != field.name:
                continue
            if _copied(message, field, sources):
                continue
            if field.is_repeated:
                self._fill_repeated(message, field, sources, ancestors)
            elif field.message_type is not None:
                self._fill_message(getattr(message, field.name), field_rules(field), sources, ancestors)
            else:
                setattr(message, field.name, self._scalars.value(field, field_rules(field)))

    def _fill_message(self, message: Message, rules: FieldRules, sources: _Sources, ancestors: _Ancestors) -> None:
        if fill_well_known(message, rules_of_type(rules), sources):
            return
        name = message.DESCRIPTOR.full_name
        if name in ancestors:
            return  # a recursive message must end
        message.SetInParent()
        self._fill(message, sources, (*ancestors, name))

    def _fill_repeated(
        self, message: Message, field: FieldDescriptor, sources: _Sources, ancestors: _Ancestors
    ) -> None:
        rules = field_rules(field)
        target = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            self._fill_map(target, field, rules, sources)
        elif field.message_type is None:
            items = rules.repeated.items
            target.extend(self._scalars.value(field, items, index) for index in range(_count(rules)))
        elif field.message_type.full_name not in ancestors:
            elements = _elements(field, sources) or [None] * _count(rules)
            for element in elements:
                nearest = sources if element is None else (element, *sources)
                self._fill_message(target.add(), rules.repeated.items, nearest, ancestors)

    def _fill_map(self, target: Any, field: FieldDescriptor, rules: FieldRules, sources: _Sources) -> None:  # noqa: ANN401 - a map's class is protobuf's own
        assert field.message_type is not None
        key, value = (field.message_type.fields_by_name[part] for part in ("key", "value"))
        for index in range(rules.map.min_pairs):
            name = self._scalars.value(key, rules.map.keys, index)
            if value.message_type is not None:
                self._fill_message(target[name], rules.map.values, sources, ())
            else:
                target[name] = self._scalars.value(value, rules.map.values, index)


def _copied(message: Message, field: FieldDescriptor, sources: _Sources) -> bool:
    """Take the field's value from the nearest source that has one; whether there was one."""
    for source in sources:
        found = matching_field(_descriptor(source), field)
        if found is None or not _is_set(source, found):
            continue
        value = getattr(source, field.name)
        if field.is_repeated:
            getattr(message, field.name).MergeFrom(value)
        elif field.message_type is not None:
            # Through its bytes, because the two types may come from different pools.
            getattr(message, field.name).MergeFromString(value.SerializeToString())
            getattr(message, field.name).SetInParent()
        else:
            setattr(message, field.name, value)
        return True
    return False


def _is_set(source: Message, field: FieldDescriptor) -> bool:
    if field.has_presence:
        return source.HasField(field.name)
    return bool(getattr(source, field.name))


def _elements(field: FieldDescriptor, sources: _Sources) -> list[Any]:
    """The elements of the nearest list of messages with the field's name."""
    for source in sources:
        found = _descriptor(source).fields_by_name.get(field.name)
        if found is not None and found.is_repeated and found.message_type is not None:
            return list(getattr(source, field.name))
    return []


def _count(rules: FieldRules) -> int:
    if rules.repeated.HasField("max_items"):
        return int(min(max(rules.repeated.min_items, 1), rules.repeated.max_items))
    return int(max(rules.repeated.min_items, 1))


def _descriptor(message: Message) -> Descriptor:
    # The two implementations of protobuf name their descriptor types differently; they behave alike.
    return cast("Descriptor", message.DESCRIPTOR)
