"""Compares what replicas send with what their journals intend, while they send it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect
from orchestrator.journal.keys import compensation_key, related
from orchestrator.journal.state import Status
from orchestrator.testing.simulation.observed_saga import goes_on_without, is_child, started_after
from orchestrator.testing.simulation.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.contract.command import Command
    from orchestrator.journal.state import CommandState
    from orchestrator.testing.simulation.observed_saga import ObservedSaga


class SendingCheck:
    """What the replicas of one world send.

    Args:
        sagas: what is durable, by saga.
        report: told of every promise that was broken.

    Attributes:
        places: the saga and the key within it, by the idempotency key of what was sent.
    """

    def __init__(self, sagas: Mapping[str, ObservedSaga], report: Callable[[Promise, str], None]) -> None:
        self.places: dict[str, tuple[str, str]] = {}
        self._sagas = sagas
        self._report = report
        self._sent: dict[str, tuple[str, bytes]] = {}
        self._spans: set[str] = set()
        self._answered: set[tuple[str, str]] = set()

    def was_sent(self, key: str) -> bool:
        """Whether something was sent with this idempotency key."""
        return key in self._sent

    def sent(self, replica: str, command: Command, request: bytes, metadata: tuple[tuple[str, str], ...]) -> None:
        """A replica sends a command, compensation or query."""
        fields = dict(metadata)
        if command.effect is Effect.QUERY:
            return
        key, saga_id = fields["idempotency-key"], fields["saga-id"]
        if self._sent.setdefault(key, (command.name, request)) != (command.name, request):
            self._report(Promise.SAME_INTENT_SAME_KEY, f"{key} was sent with another method or request")
        self.places[key] = saga_id, key.removeprefix(f"{saga_id}/")
        known = self._sagas.get(saga_id)
        if known is None:
            self._report(Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR, f"{key} was sent before its saga's start was durable")
        elif compensated := related("compensates", fields):
            self._compensation_sent(replica, known, compensated.removeprefix(f"{saga_id}/"))
        else:
            self._command_sent(replica, known, key.removeprefix(f"{saga_id}/"), (command.name, request))
        if span := fields.get("traceparent"):
            if span in self._spans:
                self._report(Promise.ONE_TRACE, f"two attempts of {key} share the span {span}")
            self._spans.add(span)

    def _command_sent(self, replica: str, known: ObservedSaga, key: str, content: tuple[str, bytes]) -> None:
        state = known.state
        command = state.commands.get(key)
        if command is None:
            other = next((c.key for c in state.commands.values() if (c.method, c.request) == content), "")
            promise = Promise.SAME_INTENT_SAME_KEY if other else Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR
            self._report(
                promise, f"{state.saga_id}/{key} was sent; what is intended is {other or 'nothing of the kind'}"
            )
        elif not known.is_advanced_by(replica):
            return  # it has lost its claim, and cannot know: its key keeps the participant from acting twice
        elif command.outcome is not None:
            self._report(Promise.REPLAY_IS_SILENT, f"{state.saga_id}/{key} was sent again; its outcome is durable")
        elif state.rollback:
            self._report(
                Promise.EVERY_EFFECT_IS_ACCOUNTED_FOR, f"{state.saga_id}/{key} was sent although the rollback began"
            )

    def _compensation_sent(self, replica: str, known: ObservedSaga, key: str) -> None:
        state = known.state
        if not state.rollback and not goes_on_without(state, key):
            self._report(
                Promise.NOTHING_IS_LOST, f"{state.saga_id}/{key} is compensated before the rollback is durable"
            )
        if not known.is_advanced_by(replica):
            return
        compensation = state.commands[key].compensation
        if compensation is not None and compensation.ended_at is not None:
            self._report(Promise.REPLAY_IS_SILENT, f"{state.saga_id}/{key} is compensated again; that is durable")
        if goes_on_without(state, key):
            return  # the others stand because the saga completes
        for later in started_after(state, key):
            if later.may_stand and not self._is_known_undone(replica, state.saga_id, later):
                self._report(
                    Promise.IN_REVERSE_ORDER, f"{state.saga_id}/{key} is compensated before {later.key}, which stands"
                )

    def _is_known_undone(self, replica: str, saga_id: str, command: CommandState) -> bool:
        """Whether a replica may take the command's effect for compensated, though that is not journalled yet."""
        if is_child(command):
            child = self._sagas.get(f"{saga_id}/{command.key}")
            return child is not None and child.state.status in {Status.COMPENSATED, Status.PARTIALLY_COMPENSATED}
        return (replica, f"{saga_id}/{compensation_key(command.key)}") in self._answered

    def answered(self, replica: str, key: str) -> None:
        """A replica has heard that what it sent with this key is done."""
        self._answered.add((replica, key))
