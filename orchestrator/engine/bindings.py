"""Commands bound to what delivers them: everything about an rpc that start-up can work out once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect
from orchestrator.contract.derivation import Derivation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.contract.command import Command
    from orchestrator.definition.participants import Participant
    from orchestrator.engine.ports import Caller, Participants


class Binding:
    """A command and the way to its participant.

    Attributes:
        command: the command.
        caller: delivers it, once.
        timeout: seconds that an attempt may take.
        compensation: the binding of its compensation, and the derivation of the request, where it is compensable.
        verify: the same for the query that tells whether it took effect, where its contract names one.
    """

    __slots__ = ("caller", "command", "compensation", "is_query", "name", "short_name", "timeout", "verify")

    def __init__(self, command: Command, participants: Participants) -> None:
        self.command = command
        self.caller: Caller = participants.caller(command)
        self.timeout = command.timeout.total_seconds()
        self.is_query = command.effect is Effect.QUERY
        self.name = command.name
        self.short_name = command.short_name
        self.compensation = _derived(command, command.compensation, participants)
        self.verify = _derived(command, command.verify, participants)


class Bindings:
    """Every command of every participant of the served sagas, by its full name and by its path on the wire."""

    def __init__(self, definitions: Iterable[Iterable[Participant]], participants: Participants) -> None:
        commands = {
            command.name: command
            for definition in definitions
            for participant in definition
            for command in participant.commands.values()
            if not command.streaming
        }
        self._by_name: Mapping[str, Binding] = {
            name: Binding(command, participants) for name, command in commands.items()
        }
        self._by_path: Mapping[str, Binding] = {binding.command.path: binding for binding in self._by_name.values()}

    def by_name(self, name: str) -> Binding | None:
        """The binding of the rpc with this full name, if a served saga's participants have it."""
        return self._by_name.get(name)

    def by_path(self, path: str) -> Binding | None:
        """The binding of the rpc with this path on the wire."""
        return self._by_path.get(path)


def _derived(command: Command, target: Command | None, participants: Participants) -> tuple[Binding, Derivation] | None:
    if target is None:
        return None
    return Binding(target, participants), Derivation.of(command, target)
