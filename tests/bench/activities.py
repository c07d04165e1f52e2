"""What a chain of activities costs on Temporal without a saga: the least that a saga of as many commands can cost."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from temporalio.client import Client

_QUEUE: Final = "chains"
_ONCE: Final = RetryPolicy(maximum_attempts=1)
_TIMEOUT: Final = timedelta(seconds=60)
_REQUEST: Final = b"a request of a hundred bytes or so".ljust(100)


@activity.defn(name="answer")
async def answer(request: bytes) -> bytes:
    """Answer at once."""
    return request


@workflow.defn(name="chain", sandboxed=False)
class Chain:
    """One activity after another."""

    @workflow.run
    async def run(self, length: int) -> None:
        """So many."""
        for _ in range(length):
            await workflow.execute_activity(
                "answer", _REQUEST, start_to_close_timeout=_TIMEOUT, retry_policy=_ONCE, result_type=bytes
            )


@asynccontextmanager
async def chains_of_activities(client: Client, length: int) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Runs one chain; with a worker in this process until the block is left."""
    run = uuid.uuid4().hex

    async def chain(number: int) -> None:
        await client.execute_workflow("chain", length, id=f"chain-{run}-{number}", task_queue=_QUEUE)

    async with Worker(
        client,
        task_queue=_QUEUE,
        workflows=[Chain],
        activities=[answer],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield chain
