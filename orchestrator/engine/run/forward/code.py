"""Runs a saga's code to its end.

Purpose: calls the code, and says where its end leads. Invariant: before that is said, nothing that the code has begun
is under way any more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orchestrator.engine.run.forward.endings import misfit, stop_for
from orchestrator.engine.run.forward.frozen import CodeFrozen
from orchestrator.engine.run.stop_control import Stop, diverged
from orchestrator.journal.reason import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from google.protobuf.message import Message

    from orchestrator.engine.run.commands.command_issuer import CommandIssuer
    from orchestrator.engine.run.context import RunContext, SagaCode


class Forward:
    """The forward run of one saga.

    Args:
        code: the saga's code.
        context: of its run.
        issuer: carries out the commands that the code issues.

    Attributes:
        issuer: as given.
    """

    __slots__ = ("_code", "_stop_control", "_writer", "issuer")

    def __init__(self, code: SagaCode, context: RunContext, issuer: CommandIssuer) -> None:
        self._code = code
        self._writer = context.writer
        self._stop_control = context.stop_control
        self.issuer = issuer

    def _call(self) -> Awaitable[Message]:
        """Call the code with the saga's input.

        Raises:
            CodeFrozen: it is not to be run.
        """
        code = self._code
        if code.frozen:
            raise CodeFrozen(code.frozen)
        definition = code.definition
        return definition.function(definition.input.FromString(self._writer.state.input), code.stubs)

    async def run(self) -> Stop | bytes:
        """Run the code; its serialized result, or why it stopped."""
        try:
            result = await self._call()
            await self.issuer.issuing.branches_end()
            unasked = await self.issuer.issuing.missing()
        except asyncio.CancelledError as error:
            if self._stop_control.stop is not None:
                return self._stop_control.uncancel()
            if _is_cancelled():
                raise
            # The code awaited something that it, or another, had cancelled.
            return await self._stop_control.settle(stop_for(error, self._writer.state))
        except (Exception, CodeFrozen, BaseExceptionGroup) as error:  # noqa: BLE001 - whatever the code raises has a place
            stop = stop_for(error, self._writer.state)
            if stop.reason.code != ReasonCode.CODE_FAILED and (missing := await self.issuer.issuing.missing()):
                stop = diverged(
                    f"the code now gives up ({stop.reason.message}); the journal goes on with {', '.join(missing)}"
                )
            return await self._stop_control.settle(stop)
        self._stop_control.overtaken = True
        end = self._stop_control.stop or misfit(
            self._writer.state, unasked, self.issuer.issuing.unawaited, result, self._code
        )
        return await self._stop_control.settle(end) if end else result.SerializeToString()


def _is_cancelled() -> bool:
    """The saga's task itself is being cancelled: the event loop is being closed."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
