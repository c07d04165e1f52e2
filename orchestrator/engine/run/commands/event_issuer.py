"""Journals the events that a saga's code publishes.

Invariant: publishing never lets another branch of the code go on in between, neither the first time nor in a replay;
so it changes no key and no order of what runs side by side. Hence it waits for no disk: an event is written with what
follows, and one that is told at once is written at once, while the code goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.redaction import redacted
from orchestrator.engine.run.issued import Issued
from orchestrator.journal.entries import EventPublished
from orchestrator.journal.events import event_key

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from google.protobuf.message import Message

    from orchestrator.engine.run.context import RunContext
    from orchestrator.engine.run.issuing import Issuing
    from orchestrator.journal.events import EventState


class EventIssuer:
    """The events of one saga's code.

    Args:
        context: of its run.
        issuing: which commands, waits and events are under way.
    """

    __slots__ = ("_context", "_issuing")

    def __init__(self, context: RunContext, issuing: Issuing) -> None:
        self._context = context
        self._issuing = issuing

    def publish(self, event: Message, *, at_once: bool) -> Awaitable[None]:
        """Fix the key of an event; awaiting what comes back journals it, unless the journal holds it."""
        key = self._issuing.next_key(event_key(event.DESCRIPTOR.full_name))
        self._issuing.unawaited.add(key)
        copy = type(event)()
        copy.CopyFrom(event)  # the code may change it before it awaits this
        return Issued(self._published(key, copy, at_once=at_once))

    async def _published(self, key: str, event: Message, *, at_once: bool) -> None:
        writer, stop_control = self._context.writer, self._context.stop_control
        with self._issuing.awaited(key):
            if stop_control.stop is not None:
                await stop_control.await_stop()
            known = writer.state.events.by_key.get(key)
            if known is not None:
                if self._issuing.gate is not None:
                    self._issuing.gate.note_asked(key)
                if misfit := _mismatch(known, event):
                    await self._issuing.diverge(misfit)
                return
            # One that the journal does not hold is new: nothing that the journal holds may come after it.
            await self._issuing.turn(key)
            payload = event.SerializeToString(deterministic=True)
            kind = event.DESCRIPTOR.full_name
            writer.record(EventPublished(self._context.clock.now(), key, kind, payload, at_once))
            if at_once:
                writer.persist_soon()


def _mismatch(known: EventState, event: Message) -> str | None:
    """How what the code publishes now differs from what the journal holds; ``None`` where it does not."""
    journalled = type(event).FromString(known.payload)
    if journalled == event:
        return None
    return f"{known.key}: the journal holds {{{_brief(journalled)}}}; the code now publishes {{{_brief(event)}}}"


def _brief(message: Message) -> str:
    return " ".join(str(redacted(message)).split())
