"""A process of its own: holds sagas, or bare chains of calls, in flight and says how much memory it has.

``python -m tests.bench.holding bare|saga <participant> <journal> <number>...`` brings that many in flight, one number
after another, each until its last call waits for the participant; then it says ``<number> <RSS in bytes>``. No task
waits for the sagas, as after StartOrder has answered; a bare chain is a task, or it would not be there.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio
import uvloop
from bench.v1.bench_pb2 import CountHeldRequest, HoldRequest, LetGoRequest
from bench.v1.bench_pb2_grpc import ControlServiceStub

from orchestrator.bootstrap.reference_cycles import look_for_cycles_seldom
from tests.bench.contenders import Bare, Sagas
from tests.bench.processes import end_with_parent, resident_bytes
from tests.bench.replicas import in_file, opened_replica
from tests.bench.rounds import closed_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orchestrator.bootstrap import OpenedReplica

_WARM_UP = 300
_IN_FLIGHT = 64
_AT_ONCE = 200
"""A gRPC server turns calls away, CANCELLED, where more than a thousand have arrived that it has not yet looked at."""
_PAUSE_SECONDS = 0.01
_PATIENCE_SECONDS = 30.0
_NO_LIMIT = 1_000_000


async def main() -> None:
    """As the command line says."""
    kind, participant, journal, *numbers = sys.argv[1:]
    look_for_cycles_seldom()  # as the process of an orchestrator does
    steps = [int(number) for number in numbers]
    async with grpc.aio.insecure_channel(participant) as channel:
        control: ControlServiceStub = ControlServiceStub(channel)
        if kind == "bare":
            await _hold_bare(Bare(channel), control, steps)
        else:
            async with opened_replica(in_file(Path(journal)), participant, most_in_flight=_NO_LIMIT) as replica:
                await _hold_sagas(replica, control, steps)


async def _hold_bare(bare: Bare, control: ControlServiceStub, steps: list[int]) -> None:
    chains: set[asyncio.Task[None]] = set()

    async def begin(number: int) -> None:
        chains.add(asyncio.ensure_future(bare.one(number)))

    await closed_loop(bare.one, _WARM_UP, _IN_FLIGHT)
    await _hold(begin, control, steps)
    await asyncio.gather(*chains)


async def _hold_sagas(replica: OpenedReplica, control: ControlServiceStub, steps: list[int]) -> None:
    sagas = Sagas("saga", replica)
    await closed_loop(sagas.one, _WARM_UP, _IN_FLIGHT)
    await _hold(sagas.begin, control, steps)
    while replica.sagas.worker.live:  # noqa: ASYNC110 - nobody tells of the last one
        await asyncio.sleep(_PAUSE_SECONDS)


async def _hold(begin: Callable[[int], Awaitable[None]], control: ControlServiceStub, steps: list[int]) -> None:
    await control.Hold(HoldRequest())
    try:
        begun = 0
        for step in steps:
            while begun < step:
                number = min(_AT_ONCE, step - begun)
                await closed_loop(begin, number, number)
                begun += number
                await _held(control, begun)
            gc.collect()
            sys.stdout.write(f"{step} {resident_bytes()}\n")
            sys.stdout.flush()
    finally:
        await control.LetGo(LetGoRequest())


async def _held(control: ControlServiceStub, number: int) -> None:
    """Wait until the participant holds so many calls."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    while (held := (await control.CountHeld(CountHeldRequest())).held) < number:
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"the participant holds {held} calls, not {number}")
        await asyncio.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    end_with_parent()
    uvloop.run(main())
