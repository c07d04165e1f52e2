"""Settles one command of a forward run: delivers it, and journals what came of it.

::

                      ┌── not idempotent, and an earlier process may have called it ┐
                      │                                                             ▼
    (intended) ──▶ delivered ──▶ completed or rejected                           unknown
                      ▲  └─────▶ unknown: the attempts are spent ──────────────────▶│
                      │                                                             │
                      │                         RESEND: never spent ◀───────────────┤
                      │                     COMPENSATE: abandoned, rolled back ◀────┤
                      │                        SUSPEND: suspended ◀─────────────────┤
                      │         VERIFY: it took effect: completed ◀─────────────────┤
                      └──────────────────────── it did not ◀────────────────────────┘

Where another attempt would tell no more (a rejection that is not the guard's own, after doubt; replies that cannot be
used), what the command does to the world decides, and not its contract: what can be compensated is abandoned, to be
compensated before the saga ends; a pivot is verified, or suspended; what is retried until it succeeds is suspended.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from orchestrator.contract.command import Effect, OnUnknown
from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.run.sending.command_sender import Attempted, ToSend
from orchestrator.engine.run.sending.verify_query import verify
from orchestrator.engine.run.stop_control import RollBack, Suspend
from orchestrator.journal.entries import (
    AttemptFailed,
    CommandAbandoned,
    CommandCompleted,
    CommandRefused,
    EventsHandedOn,
)
from orchestrator.journal.outcome import Completed, Failure, Rejected, Retry, Unknown
from orchestrator.journal.reason import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from orchestrator.engine.bindings.binding import Binding
    from orchestrator.engine.run.context import RunContext
    from orchestrator.journal.state import CommandState


CUT_OFF: Final = "CUT_OFF"
"""The reason of a command whose time limit in the saga's code has passed: it may have had an effect."""
NOT_SENT: Final = "NOT_SENT"
"""The reason of a command that a rollback has overtaken: its intent is journalled, and no attempt was made."""


class CommandExecution:
    """Settles the commands of one saga."""

    __slots__ = ("_clock", "_sender", "_stop_control", "_writer")

    def __init__(self, context: RunContext) -> None:
        self._writer = context.writer
        self._stop_control = context.stop_control
        self._sender = context.sender
        self._clock = context.clock

    async def settle(self, binding: Binding, command: CommandState, timeout: float, *, doubtful: bool) -> None:  # noqa: ASYNC109 - per attempt, and sent along
        """Bring a command to an outcome, as its contract's ``on_unknown`` says, and journal that.

        Args:
            binding: how to deliver it.
            command: the command, whose intent is journalled.
            timeout: seconds that one attempt may take.
            doubtful: an earlier process may have sent it.
        """
        fragile = not binding.command.idempotent and not binding.is_query
        if doubtful and fragile and not _may_be_in_queue(binding, command):
            await self._sender.outlast(binding, command.key, command)
            attempted = _interrupted(command)
        else:
            gives_up = command.best_effort or fragile or binding.command.on_unknown is not OnUnknown.RESEND
            unsent = None if doubtful else partial(self._note_unsent, command)
            attempted = await self._attempt(binding, command, timeout, gives_up=gives_up, unsent=unsent)
        outcome = attempted.outcome
        if isinstance(outcome, Retry) and not command.doubtful:
            # The attempts are spent, and none of them can have had an effect.
            attempted = attempted._replace(outcome=Rejected(outcome.failure))
        elif isinstance(outcome, (Retry, Unknown)) and not command.best_effort:
            attempted = await self._resolve(binding, command, timeout, attempted)
        self._note(command, attempted)

    def cut_off(self, command: CommandState, limit_key: str) -> None:
        """Journal that the code waits no more for a command, because a time limit has passed.

        It is in doubt from now on, whatever answer still comes: the code will not know it. Where nothing was sent,
        there is no effect.
        """
        now, held = self._clock.now(), command.in_queue
        before = (command.attempts, now) if held is None else (held.attempt, held.started_at)
        attempt, started_at = self._sender.latest.get(command.key, before)
        failure = Failure(StatusCode.DEADLINE_EXCEEDED, f"cut off by {limit_key}", CUT_OFF)
        if attempt == 0 and not command.doubtful:
            self._writer.record(CommandRefused(now, command.key, 0, now, failure._replace(reason=NOT_SENT)))
        else:
            self._writer.record(CommandAbandoned(now, command.key, attempt, started_at, failure))

    async def _resolve(
        self,
        binding: Binding,
        command: CommandState,
        timeout: float,  # noqa: ASYNC109 - as above
        attempted: Attempted,
    ) -> Attempted:
        """The attempts are spent: do as the contract says, or as the effect demands."""
        denied = False
        while isinstance(attempted.outcome, (Retry, Unknown)):
            final = isinstance(attempted.outcome, Unknown) and attempted.outcome.final
            policy = _policy_when_final(binding) if final else binding.command.on_unknown
            if policy is OnUnknown.COMPENSATE:
                break
            failure = attempted.outcome.failure
            self._note_failed(binding, command, attempted)
            if policy is not OnUnknown.VERIFY or (final and denied):
                # Sent again because the verify said no, and again told nothing: no question is left to ask.
                await self._suspend(Reason(ReasonCode.UNKNOWN, str(failure), command.key))
            answer = await verify(
                self._sender, self._writer.state.saga_id, binding, command.key, command.request, attempted.attempt
            )
            if answer.took_effect and answer.reply is not None:
                return attempted._replace(outcome=Completed(answer.reply))
            if answer.took_effect is None or (answer.took_effect and (final or not binding.command.idempotent)):
                await self._suspend(Reason(ReasonCode.UNKNOWN, f"no answer to be had: {failure}", command.key))
            denied = not answer.took_effect
            await self._stop_control.persist(self._writer)
            await self._sender.back_off(
                binding, command.key, attempted.attempt + 1, Unknown(failure), attempted.started_at
            )
            attempted = await self._attempt(binding, command, timeout, gives_up=not answer.took_effect)
        return attempted

    def _attempt(
        self,
        binding: Binding,
        command: CommandState,
        timeout: float,
        *,
        gives_up: bool,
        unsent: Callable[[], None] | None = None,
    ) -> Coroutine[Any, Any, Attempted]:
        state = self._writer.state
        # Nothing can be done about a pivot in doubt but to ask again, however late it is.
        unhurried = state.pivoted or command.effect is Effect.PIVOT
        what = ToSend(
            binding,
            command.key,
            command.request,
            timeout,
            gives_up=gives_up,
            until=0 if unhurried else state.forward_until,
            late=partial(self._note_late, binding, command),
            unsent=unsent,
        )
        return self._sender.send(what, command, in_doubt=command.doubtful)

    def _note(self, command: CommandState, attempted: Attempted) -> None:
        outcome, attempt, started_at = attempted
        now = self._clock.now()
        if isinstance(outcome, Completed):
            self._writer.record(CommandCompleted(now, command.key, attempt, started_at, outcome.reply))
            if outcome.events:
                self._writer.record(EventsHandedOn(now, command.key, outcome.events))
        elif isinstance(outcome, Rejected):
            self._writer.record(CommandRefused(now, command.key, attempt, started_at, outcome.failure))
        else:
            if command.in_queue is not None and command.in_queue.attempt == attempt:  # it is not in the queue any more
                self._writer.record(AttemptFailed(now, command.key, attempt, started_at, outcome.failure))
            self._writer.record(CommandAbandoned(now, command.key, attempt, started_at, outcome.failure))

    def _note_late(self, binding: Binding, command: CommandState, attempted: Attempted) -> None:
        """Journal the answer to an attempt on which the code has given up; without one, the command is in doubt.

        Where a time limit has cut it off, it stays in doubt: what the code does not know is compensated.
        """
        if command.outcome is not None:
            return
        if isinstance(attempted.outcome, (Retry, Unknown)):
            self._note_failed(binding, command, attempted)
        else:
            self._note(command, attempted)

    def _note_unsent(self, command: CommandState) -> None:
        """Journal that a rollback came before the first attempt: then there is no effect, and nothing is in doubt.

        A saga that stops for another reason goes on later, and sends the command then. A branch that hears of the
        rollback only when it has begun says nothing: its command is among those to compensate.
        """
        if isinstance(self._stop_control.stop, RollBack) and not self._writer.state.rollback:
            now, failure = self._clock.now(), Failure(StatusCode.CANCELLED, "it was not sent any more", NOT_SENT)
            self._writer.record(CommandRefused(now, command.key, command.attempts, now, failure))

    def _note_failed(self, binding: Binding, command: CommandState, attempted: Attempted) -> None:
        """Journal that an attempt told nothing, unless it ended with its process: that is known."""
        assert isinstance(attempted.outcome, (Retry, Unknown))
        number, failure = attempted.attempt, attempted.outcome.failure
        if number > command.attempts or (binding.queued is not None and number == command.attempt_by_queue):
            self._writer.record(AttemptFailed(self._clock.now(), command.key, number, attempted.started_at, failure))

    async def _suspend(self, reason: Reason) -> None:
        self._stop_control.request_stop(Suspend(reason))
        await self._stop_control.await_cancellation()


def _policy_when_final(binding: Binding) -> OnUnknown:
    match binding.command.effect:
        case Effect.PIVOT if binding.verify is not None:
            return OnUnknown.VERIFY
        case Effect.PIVOT | Effect.RETRYABLE:
            return OnUnknown.SUSPEND
        case _:
            return OnUnknown.COMPENSATE


def _may_be_in_queue(binding: Binding, command: CommandState) -> bool:
    """Its latest attempt was made over a queue, if it was made, and so its answer can still be had."""
    return binding.queued is not None and (command.in_queue is not None or command.interrupted is not None)


def _interrupted(command: CommandState) -> Attempted:
    """The attempt that an earlier process left behind."""
    failure = command.failure or Failure(StatusCode.UNKNOWN, "the orchestrator stopped before an answer came")
    return Attempted(Unknown(failure), max(command.attempts, 1), command.intended_at)
