"""An rpc as the rules see it: the descriptor with what its contract says, as written, defaults not applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect
from orchestrator.contract.options import method_options
from orchestrator.contract.reader import find_method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

    from saga.v1 import contract_pb2

EFFECTFUL = frozenset({Effect.COMPENSABLE, Effect.PIVOT, Effect.RETRYABLE})


@dataclass(frozen=True, slots=True)
class Rpc:
    """One rpc of a service.

    Attributes:
        method: its descriptor, of any pool.
        options: what its contract says.
    """

    method: MethodDescriptor
    options: contract_pb2.Command

    @classmethod
    def of(cls, method: MethodDescriptor) -> Rpc:
        """The rpc of a descriptor."""
        return cls(method, method_options(method))

    @property
    def name(self) -> str:
        """The name as it stands in keys, such as ``InventoryService.ReserveStock``."""
        return f"{self.method.containing_service.name}.{self.method.name}"

    @property
    def effect(self) -> Effect:
        """The effect that it states; UNSPECIFIED where it states none."""
        return Effect(self.options.effect)

    @property
    def is_effectful(self) -> bool:
        """Whether it states an effect that changes something."""
        return self.effect in EFFECTFUL

    @property
    def is_command(self) -> bool:
        """Whether its contract has command options for it."""
        return self.options.ByteSize() > 0

    @property
    def is_streaming(self) -> bool:
        """Whether it streams in some direction."""
        return bool(self.method.client_streaming or self.method.server_streaming)

    @property
    def compensation(self) -> Rpc | None:
        """The rpc that it names as its compensation, where that rpc exists."""
        return self.named(self.options.compensation)

    @property
    def verify(self) -> Rpc | None:
        """The rpc that it names as its verify, where that rpc exists."""
        return self.named(self.options.verify)

    def named(self, name: str) -> Rpc | None:
        """The rpc of that name in the same service or, of a full name, in any service that is known."""
        method = find_method(self.method, name)
        return None if method is None else Rpc.of(method)

    def fillings(self, target: Rpc) -> Sequence[contract_pb2.Filling]:
        """What is said of fields in the request of this rpc's compensation, or of its verify."""
        undo = self.compensation
        is_undo = undo is not None and undo.method.full_name == target.method.full_name
        return self.options.compensation_request if is_undo else self.options.verify_request


def commands_of(service: ServiceDescriptor) -> tuple[Rpc, ...]:
    """The rpcs of a service that have command options; empty where the service takes no part in sagas."""
    return tuple(rpc for rpc in map(Rpc.of, service.methods) if rpc.is_command)
