"""Commands bound to what delivers them: everything about an rpc that start-up can work out once."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from orchestrator.contract.command import Effect
from orchestrator.contract.constraints import violations
from orchestrator.contract.derivation import Derivation
from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.bindings.circuit_breaker import CircuitBreaker
from orchestrator.journal.outcome import Failure
from orchestrator.ports.queued import LATE_SECONDS, QueuedCaller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from orchestrator.analysis.plan.nodes import ChildSaga
    from orchestrator.contract.command import Command
    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.bindings.rate_limit import RateLimit
    from orchestrator.ports.channel import Caller, Participants
    from orchestrator.ports.clock import Clock

DEFAULT_MOST_IN_FLIGHT: Final = 512

REPLY_UNREADABLE: Final = "REPLY_UNREADABLE"
REPLY_INVALID: Final = "REPLY_INVALID"
"""The reasons of replies that are as good as lost."""


class Binding:
    """A command and the way to its participant.

    Args:
        command: the command.
        participants: the way to them.
        breakers: the circuit breaker in front of each participant, by the full name of its service.
        compensates: it is sent as a compensation.

    Attributes:
        compensates: as above.
        command: the command.
        caller: delivers it, once.
        queued: the same, where it is delivered over a queue; ``None`` where it is not.
        breaker: the circuit breaker in front of its participant.
        timeout: seconds that an attempt may take.
        compensation: the binding of its compensation, and the derivation of the request, where it is compensable.
        verify: the same for the query that tells whether it took effect, where its contract names one.
    """

    __slots__ = (
        "breaker",
        "caller",
        "command",
        "compensates",
        "compensation",
        "is_query",
        "name",
        "queued",
        "short_name",
        "timeout",
        "verify",
    )

    def __init__(
        self,
        command: Command,
        participants: Participants,
        breakers: Mapping[str, CircuitBreaker],
        *,
        compensates: bool = False,
    ) -> None:
        self.compensates = compensates
        self.command = command
        self.breaker = breakers[command.service]
        self.caller: Caller = participants.caller(command)
        self.queued = self.caller if isinstance(self.caller, QueuedCaller) else None
        self.timeout = command.timeout.total_seconds()
        self.is_query = command.effect is Effect.QUERY
        self.name = command.name
        self.short_name = command.short_name
        self.compensation = _derived(command, command.compensation, participants, breakers, compensates=True)
        self.verify = _derived(command, command.verify, participants, breakers)

    @property
    def held_seconds(self) -> float:
        """For how long after it was published an attempt may be executed; 0 where no queue delivers it."""
        return 0.0 if self.queued is None else self.queued.queue_seconds + self.timeout + LATE_SECONDS

    def flaw(self, reply: bytes) -> Failure | None:
        """Why a serialized reply cannot be used, if it cannot: then it does not answer this command."""
        if self.compensates and not reply:
            return None  # a guard that has nothing to undo has nothing to say
        response = self.command.response
        try:
            found = violations(response.FromString(reply))
        except DecodeError:
            name = response.DESCRIPTOR.full_name
            return Failure(
                StatusCode.INTERNAL, f"the reply, {len(reply)} bytes, cannot be read as {name}", REPLY_UNREADABLE
            )
        if not found:
            return None
        listed = "; ".join(f"{path}: {what}" for path, what in found)
        return Failure(StatusCode.INTERNAL, f"the reply breaks its contract: {listed}", REPLY_INVALID)


class Bindings:
    """Every command of every participant of the served sagas, by its full name and by its path on the wire.

    Args:
        definitions: the commands of each saga's participants, by their full names.
        participants: the way to them.
        clock: how the breakers' pauses pass.
        most_in_flight: calls that may be in flight to one participant at once.
        rate_limits: how often participants may be called, by the full names of their services; the others at will.
        make_breaker: makes a circuit breaker, of a kind of its own.

    Attributes:
        breakers: the circuit breaker in front of each participant, by the full name of its service.
    """

    def __init__(
        self,
        definitions: Iterable[Mapping[str, Command]],
        participants: Participants,
        clock: Clock,
        *,
        most_in_flight: int = DEFAULT_MOST_IN_FLIGHT,
        rate_limits: Mapping[str, RateLimit] = MappingProxyType({}),
        make_breaker: Callable[..., CircuitBreaker] = CircuitBreaker,
    ) -> None:
        commands = {
            name: command for definition in definitions for name, command in definition.items() if not command.streaming
        }
        self.breakers: Mapping[str, CircuitBreaker] = {
            service: make_breaker(
                clock, partial(participants.is_serving, service), most_in_flight, service, rate_limits.get(service)
            )
            for service in sorted({command.service for command in commands.values()})
        }
        self._children: dict[tuple[str, int], Binding] = {}
        self._by_name: dict[str, Binding] = {
            name: Binding(command, participants, self.breakers) for name, command in commands.items()
        }
        self._by_path: Mapping[str, Binding] = {binding.command.path: binding for binding in self._by_name.values()}

    def add_child(self, definition: SagaDefinition[Any, Any, Any] | ChildSaga, binding: Binding) -> None:
        """Bind a saga that others may run as their child: its definition, or what their plan says of it."""
        self._children[definition.name, definition.version] = binding
        self._by_name[binding.name] = binding

    def child(self, definition: SagaDefinition[Any, Any, Any]) -> Binding | None:
        """The binding of a saga as a child, if it is served."""
        return self._children.get((definition.name, definition.version))

    def return_gradually(self) -> None:
        """Many sagas are about to go on at once: each participant gets few calls at first, and then more and more."""
        for breaker in self.breakers.values():
            breaker.return_gradually()

    def by_name(self, name: str) -> Binding | None:
        """The binding of the rpc with this full name, if a served saga's participants have it."""
        return self._by_name.get(name)

    def held_seconds(self, name: str) -> float:
        """The same of the rpc with this full name; 0 where no served saga's participants have it."""
        binding = self._by_name.get(name)
        return 0.0 if binding is None else binding.held_seconds

    def by_path(self, path: str) -> Binding | None:
        """The binding of the rpc with this path on the wire."""
        return self._by_path.get(path)


def _derived(
    command: Command,
    target: Command | None,
    participants: Participants,
    breakers: Mapping[str, CircuitBreaker],
    *,
    compensates: bool = False,
) -> tuple[Binding, Derivation] | None:
    if target is None:
        return None
    return Binding(target, participants, breakers, compensates=compensates), Derivation.of(command, target)
