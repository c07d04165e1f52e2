"""Participants that answer as a test scripts it, without a contract's guard and without a network.

Where a test asks what stands in the end, it takes the mock of :mod:`orchestrator.testing.mock`, which has a guard and a
ledger. Here each answer is the test's own, so that the engine meets any order of outcomes.
"""

from __future__ import annotations

import asyncio
import functools
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.journal.outcome import Completed
from orchestrator.testing.samples.sampler import Sampler

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome
    from orchestrator.testing.mock.calls import Metadata
    from orchestrator.testing.world.virtual_loop import Process


class ReceivedCall(NamedTuple):
    """One attempt, as a participant saw it.

    Attributes:
        method: the rpc, without its service.
        metadata: what came with it.
        request: the serialized request.
    """

    method: str
    metadata: dict[str, str]
    request: bytes

    @property
    def key(self) -> str:
        """The idempotency key."""
        return self.metadata["idempotency-key"]


class ScriptedParticipants:
    """Participants that complete every command, unless a test says otherwise.

    They are a :class:`~orchestrator.testing.world.network.Network`.

    Attributes:
        calls: every attempt, in order.
        timeouts: by method, that of its latest attempt, in seconds.
        scripts: by method, the outcomes of its next attempts; ``None`` completes, an async function is awaited for it.
        replies: by method, the message that a completed command answers with; else one is made up from the contract.
        on_call: sees every attempt before it is answered.
    """

    def __init__(self) -> None:
        self.calls: list[ReceivedCall] = []
        self.timeouts: dict[str, float] = {}
        self.scripts: dict[str, list[Any]] = defaultdict(list)
        self.replies: dict[str, Any] = {}
        self.on_call: Callable[[Command, ReceivedCall], None] = lambda _command, _call: None

    async def send(
        self,
        process: Process,  # noqa: ARG002 - see Network
        command: Command,
        request: bytes,
        metadata: Metadata,
        timeout: float,  # noqa: ASYNC109 - the port's
    ) -> Outcome:
        """See :class:`~orchestrator.testing.world.network.Network`."""
        self.timeouts[command.method] = timeout
        return await self.answer(command, ReceivedCall(command.method, dict(metadata), request))

    async def is_serving(self, service: str) -> bool:  # noqa: ARG002 - see Network
        """They always serve."""
        return True

    async def answer(self, command: Command, call: ReceivedCall) -> Outcome:
        """What an attempt comes to, a turn of the loop later."""
        self.calls.append(call)
        self.on_call(command, call)
        script = self.scripts[command.method]
        step = script.pop(0) if script else None
        await asyncio.sleep(0)
        if callable(step):
            step = await step()
        return step or self.completed(command)

    def completed(self, command: Command) -> Completed:
        """The command is done, and this is its reply."""
        reply = self.replies.get(command.method) or sample(command.response)
        return Completed(reply.SerializeToString())

    def methods(self) -> list[str]:
        """The methods of all attempts, in order."""
        return [call.method for call in self.calls]

    def of(self, method: str) -> list[ReceivedCall]:
        """The attempts at one method."""
        return [call for call in self.calls if call.method == method]


def sample(kind: type[Message]) -> Message:
    """A message that keeps its contract; the same one for each caller."""
    made: Message = _sampled(kind)  # type: ignore[arg-type]  # a class has a hash, although its messages have none
    return made


@functools.cache
def _sampled(kind: type[Message]) -> Message:
    return Sampler("stage").message(kind)
