"""Who may call an rpc, as its contract says. An API states it; the commands of participants need not."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from google.protobuf import descriptor_pb2

from saga.v1 import access_pb2

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor


class Role(enum.Enum):
    """What a caller may do; the numbers of ``saga.v1.Role``."""

    VIEWER = 1
    STARTER = 2
    OPERATOR = 3
    APPROVER = 4
    ADMIN = 5

    def __str__(self) -> str:
        return self.name.lower()


def roles_of(method: MethodDescriptor) -> tuple[Role, ...]:
    """The roles that a caller needs, all of them; empty where the contract states none, or one that is not known.

    The option is read through its bytes, so that a descriptor of any pool will do.
    """
    options = descriptor_pb2.MethodOptions.FromString(method.GetOptions().SerializeToString())
    access = options.Extensions[access_pb2.access]
    stated = (access.role, access.also) if access.also else (access.role,)
    return tuple(map(Role, stated)) if _NUMBERS.issuperset(stated) else ()


def states_access(service: ServiceDescriptor) -> bool:
    """Whether the contract says of some rpc who may call it: then the service belongs to an API."""
    return any(roles_of(method) for method in service.methods)


_NUMBERS = frozenset(role.value for role in Role)
