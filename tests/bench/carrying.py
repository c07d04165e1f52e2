"""A process of its own: one contender, and the loads that it is told to carry.

``python -m tests.bench.carrying bare|saga|traced <participant> [<journal> [<collector> <tally>]]`` says ``ready`` with
how many commits it has made. Then each line that it reads is an order, and each has one line of JSON as its answer:

=============================  =====================================================================================
``run <number> <in flight>``   runs so many, waits for what may not be left for later, and says the seconds of each
``finish``                     waits for all the rest, and says how many spans were sent, and lost
``commits``                    says how many commits its journal on PostgreSQL has made so far
=============================  =====================================================================================

It ends with its input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import grpc.aio
import uvloop

from orchestrator.store.postgres.group_commit import GroupCommit
from tests.bench.contenders import Bare, Sagas, TracedSagas
from tests.bench.receiver import SpanTally
from tests.bench.replicas import opened_replica

if TYPE_CHECKING:
    from collections.abc import Iterator


class Commits:
    """How many transactions of appends this process has had carried out.

    Attributes:
        number: so many.
    """

    def __init__(self) -> None:
        self.number = 0

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count them within this block."""
        transaction = GroupCommit._transaction

        async def count(commits: GroupCommit, places: Any) -> Any:  # noqa: ANN401 - as the method has it
            self.number += 1
            return await transaction(commits, places)

        with patch.object(GroupCommit, "_transaction", count):
            yield


async def main() -> None:
    """As the command line says."""
    kind, participant, *rest = sys.argv[1:]
    commits = Commits()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(commits.counted())
        contender = await _opened(stack, kind, participant, rest)
        _say("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            order, *numbers = line.split()
            if order == "run":
                number, in_flight = map(int, numbers)
                took = await contender.run(number, in_flight)
                await contender.catch_up(number)
                _say(took)
            elif order == "finish":
                await contender.finish()
                _say([contender.exported, contender.lost] if isinstance(contender, TracedSagas) else [0, 0])
            else:
                _say(commits.number)


async def _opened(stack: contextlib.AsyncExitStack, kind: str, participant: str, rest: list[str]) -> Bare | Sagas:
    if kind == "bare":
        return Bare(await stack.enter_async_context(grpc.aio.insecure_channel(participant)))
    journal, *traced = rest
    collector = traced[0] if traced else ""
    replica = await stack.enter_async_context(opened_replica(journal, participant, collector=collector))
    if not traced:
        return Sagas("saga", replica)
    sagas = TracedSagas(replica, SpanTally(Path(traced[1])))
    await sagas.prepare()
    return sagas


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
