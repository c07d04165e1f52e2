"""Holds a recovered saga's new commands back until all of its journalled ones were asked for again.

Purpose: recovery runs the saga's code from the top; commands whose outcome is journalled answer from the journal.
Invariant: nothing is sent, neither a new command nor, before the pivot, one in doubt, while the journal still holds one
that the code has not asked for; if the code comes to rest like that, it no longer matches its journal. Parallel
branches replay in any order, so a command waits for the others: replies come from memory, hence the code has come to
rest once several turns of the event loop in a row replayed nothing. A journalled failure waits, too, though not as
long: a TaskGroup that hears of it cancels the other branches, wherever they are.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.contract.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

    from orchestrator.engine.bindings import Binding
    from orchestrator.engine.state import CommandState

# A gather or a TaskGroup hands a result on within three turns of the loop; nested ones add up.
TURNS_AT_REST = 24


class ReplayGate:
    """The journalled commands that the code has not asked for yet."""

    __slots__ = ("_progress", "_waiting")

    def __init__(self, keys: Iterable[str]) -> None:
        self._waiting = set(keys)
        self._progress = 0

    def replayed(self, key: str) -> None:
        """The code asked for a journalled command."""
        self._waiting.discard(key)
        self._progress += 1

    async def missing(self) -> list[str]:
        """Wait until the code has come to rest; the journalled commands that it has not asked for, if any."""
        await self._quiet(2 * TURNS_AT_REST)  # those who are about to fail come first
        return sorted(self._waiting)

    async def before_failing(self) -> None:
        """Let the other branches ask for what they had asked for, before a journalled failure cancels them."""
        await self._quiet(TURNS_AT_REST)
        self._progress += 1

    async def _quiet(self, turns: int) -> None:
        quiet = 0
        seen = self._progress
        while self._waiting and quiet < turns:
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._progress == seen else 0
            seen = self._progress


def mismatch(command: CommandState, binding: Binding, request: bytes) -> str | None:
    """How what the code sends now differs from what the journal holds, with both sides shown; None where it does not.

    Args:
        command: as the journal holds it.
        binding: what the code calls now.
        request: what the code sends now, serialized. Other bytes for the same message are no difference.
    """
    if command.method != binding.name:
        return f"{command.key}: the journal holds {command.method}; the code now sends {binding.name}"
    if command.request == request:
        return None
    message = binding.command.request
    journalled, now = message.FromString(command.request), message.FromString(request)
    if journalled == now:
        return None
    return f"{command.key}: the journal holds {{{_brief(journalled)}}}; the code now sends {{{_brief(now)}}}"


def _brief(message: Message) -> str:
    return " ".join(str(redacted(message)).split())
