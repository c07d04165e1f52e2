"""Participants with a guard: they honour idempotency keys, and know which effects stand.

::

    command ──▶ known key ──▶ the same answer (a refusal with the key in it)
            ──▶ compensated before it came ──▶ refused
            ──▶ else: the effect is done, once

    compensation ──▶ takes back the effect of the key in ``compensates``, or bars it where it never came
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect
from orchestrator.testing.world.participants import ScriptedParticipants
from tests.support.engine_world import rejected, unknown

if TYPE_CHECKING:
    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome
    from orchestrator.testing.world.participants import ReceivedCall


class GuardedParticipants(ScriptedParticipants):
    """Participants whose effects are counted.

    Attributes:
        applied: how often the effect of each idempotency key was done.
        standing: the keys whose effect stands, in the order in which they were done.
        compensated: the keys that were compensated, in the order in which that was first asked for.
        refuses: methods that are refused.
        loses: per method, how many answers get lost, its effect done.
        fronts: per method, how many calls after that are refused by a proxy.
    """

    def __init__(self) -> None:
        super().__init__()
        self.applied: Counter[str] = Counter()
        self.standing: list[str] = []
        self.compensated: list[str] = []
        self.refuses: set[str] = set()
        self.loses: Counter[str] = Counter()
        self.fronts: Counter[str] = Counter()

    async def answer(self, command: Command, call: ReceivedCall) -> Outcome:
        self.calls.append(call)
        self.on_call(command, call)
        await asyncio.sleep(0)
        if self.fronts[command.method] and call.key in self.applied:
            self.fronts[command.method] -= 1
            return rejected("UNIMPLEMENTED", "")
        if "compensates" in call.metadata:
            self._compensate(call.metadata["compensates"])
        elif command.effect is not Effect.QUERY:
            if command.method in self.refuses or call.key in self.compensated:
                return rejected(echoed=True)
            self._apply(call.key)
        if self.loses[command.method]:
            self.loses[command.method] -= 1
            return unknown()
        return self.completed(command)

    def _apply(self, key: str) -> None:
        if not self.applied[key]:
            self.applied[key] += 1
            self.standing.append(key)

    def _compensate(self, key: str) -> None:
        if key not in self.compensated:
            self.compensated.append(key)
        if key in self.standing:
            self.standing.remove(key)
