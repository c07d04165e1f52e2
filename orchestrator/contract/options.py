"""What is said of methods and fields: in their own .proto files, and by overlays for files that are not ours to edit.

All that asks for the options of ``saga.v1``, or whether a field may be shown, asks here. Overlays are laid on a pool of
descriptors, because options belong to descriptors, too: code that has a descriptor can ask what is said of it. So no
caller has to pass an overlay on, and no mask is forgotten on the way. The pool of the stubs is one for the whole
process, and so are its overlays; they are laid before the sagas are imported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf import descriptor_pb2

from saga.v1 import contract_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.api import http_pb2
    from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
    from google.protobuf.descriptor_pool import DescriptorPool


class Place(NamedTuple):
    """Where in an overlay something is said; lines are counted from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """What overlays say.

    Attributes:
        methods: the options of methods, by the full name of the method, such as ``demo.PaymentService.Charge``.
        fields: the options of fields, by the full name of the field, such as ``demo.Card.number``.
        sensitive: the full names of the fields that must not be shown.
        http: how methods are called over HTTP, by the full name of the method.
        places: where each option is said, by the full name of its subject and the option's name; with an empty name,
            where the subject is named.
    """

    methods: Mapping[str, contract_pb2.Command] = field(default_factory=dict)
    fields: Mapping[str, contract_pb2.Field] = field(default_factory=dict)
    sensitive: frozenset[str] = frozenset()
    http: Mapping[str, http_pb2.HttpRule] = field(default_factory=dict)
    places: Mapping[tuple[str, str], Place] = field(default_factory=dict)

    def place(self, subject: str, *options: str) -> Place | None:
        """Where the first of these options is said; else where the subject is named; None where no overlay names it."""
        said = (self.places[subject, option] for option in (*options, "") if (subject, option) in self.places)
        return next(said, None)


_NOTHING: Final = Annotations()

# A pool cannot be referred to weakly. So one that bears an overlay stays until another overlay is laid on it.
_laid: dict[DescriptorPool, Annotations] = {}


def lay(annotations: Annotations, pool: DescriptorPool) -> None:
    """Let these annotations be all that overlays say of the pool's methods and fields."""
    _laid[pool] = annotations


def annotations_of(pool: DescriptorPool) -> Annotations:
    """What overlays say of the pool's methods and fields."""
    return _laid.get(pool, _NOTHING)


def method_options(method: MethodDescriptor) -> contract_pb2.Command:
    """What is said of a method; empty where nothing is said."""
    said = declared_method_options(method)
    overlaid = annotations_of(method.containing_service.file.pool).methods.get(method.full_name)
    if overlaid is not None:
        declared = list(said.outcomes)
        said.MergeFrom(overlaid)
        del said.outcomes[:]
        said.outcomes.extend([*declared, *(rule for rule in overlaid.outcomes if rule not in declared)])
        for name in _LISTS:
            if getattr(overlaid, name):
                said.ClearField(name)
                getattr(said, name).extend(getattr(overlaid, name))
    return said


_LISTS: Final = ("compensation_request", "verify_request", "identity")
"""The lists that an overlay replaces; its outcome rules come after those of the contract."""


def declared_method_options(method: MethodDescriptor) -> contract_pb2.Command:
    """What the contract itself says of a method, as written.

    The options are read through their bytes, so that a descriptor of any pool will do.
    """
    options = descriptor_pb2.MethodOptions.FromString(method.GetOptions().SerializeToString())
    return options.Extensions[contract_pb2.command]


def field_options(field: FieldDescriptor) -> contract_pb2.Field:
    """What is said of a field; empty where nothing is said."""
    said = declared_field_options(field)
    overlaid = annotations_of(_pool_of(field)).fields.get(field.full_name)
    if overlaid is not None:
        said.MergeFrom(overlaid)
    return said


def declared_field_options(field: FieldDescriptor) -> contract_pb2.Field:
    """What the contract itself says of a field, as written."""
    options = descriptor_pb2.FieldOptions.FromString(field.GetOptions().SerializeToString())
    return options.Extensions[contract_pb2.field]


def is_sensitive(field: FieldDescriptor) -> bool:
    """Whether the field's value must not be shown: its contract marks it ``debug_redact``, or an overlay says so."""
    return bool(field.GetOptions().debug_redact) or field.full_name in annotations_of(_pool_of(field)).sensitive


def _pool_of(field: FieldDescriptor) -> DescriptorPool:
    pool: DescriptorPool = field.file.pool  # type: ignore[attr-defined]  # its stubs lack it
    return pool
