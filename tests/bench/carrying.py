"""A process of its own: one contender, and the loads that it is told to carry.

It runs the bare chain where it is given no journal, and traced sagas where it is given a collector. It says ``ready``.
Then each line that it reads is an order, and each has one line of JSON as its answer:

=============================  =====================================================================================
``run <number> <in flight>``   runs so many, waits for what may not be left for later, and says the seconds of each
``begin <number>``             starts so many, and waits for none
``finish``                     waits for all the rest, and says how many spans were sent, and lost
``commits``                    says how many commits its journal on PostgreSQL has made so far
=============================  =====================================================================================

It ends with its input.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import grpc.aio
import uvloop

from orchestrator.bootstrap.reference_cycles import look_for_cycles_seldom
from orchestrator.store.postgres.group_commit import GroupCommit
from tests.bench.contenders import Bare, Sagas, TracedSagas
from tests.bench.receiver import SpanTally
from tests.bench.replicas import opened_replica
from tests.bench.rounds import closed_loop

if TYPE_CHECKING:
    from collections.abc import Iterator


_AT_ONCE = 200
"""Starts; see :mod:`tests.bench.holding`."""


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
    options = _parsed()
    look_for_cycles_seldom()  # as the process of an orchestrator does
    commits = Commits()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(commits.counted())
        contender = await _opened(stack, options)
        _say("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            order, *numbers = line.split()
            if order == "run":
                number, in_flight = map(int, numbers)
                took = await contender.run(number, in_flight)
                await contender.catch_up(number)
                _say(took)
            elif order == "begin":
                assert isinstance(contender, Sagas)
                await closed_loop(contender.begin, int(numbers[0]), _AT_ONCE)
                _say(numbers[0])
            elif order == "finish":
                await contender.finish()
                _say([contender.exported, contender.lost] if isinstance(contender, TracedSagas) else [0, 0])
            else:
                _say(commits.number)


async def _opened(stack: contextlib.AsyncExitStack, options: argparse.Namespace) -> Bare | Sagas:
    if not options.journal:
        return Bare(await stack.enter_async_context(grpc.aio.insecure_channel(options.participant)))
    opening = opened_replica(
        options.journal, options.participant, collector=options.collector, lease_seconds=options.lease_seconds
    )
    replica = await stack.enter_async_context(opening)
    if not options.collector:
        return Sagas("saga", replica)
    sagas = TracedSagas(replica, SpanTally(options.tally))
    await sagas.prepare()
    return sagas


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.carrying")
    parser.add_argument("participant", metavar="host:port")
    parser.add_argument("--journal", default="", metavar="URL")
    parser.add_argument("--lease-seconds", type=float, default=15.0)
    parser.add_argument("--collector", default="", metavar="host:port", help="gets every span")
    parser.add_argument("--tally", type=Path, metavar="FILE", help="in which the collector counts them")
    return parser.parse_args()


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
