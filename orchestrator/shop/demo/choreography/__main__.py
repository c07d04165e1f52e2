"""``make demo-choreography``: the same orders orchestrated and danced, with real processes and a real NATS server.

With ``ENGINE=temporal``, the sagas are carried on by a real Temporal server.

It shows both side by side, adds a subscriber while orders flow, kills one and lets one refuse. Then it draws the
traces, and exits with 0 only if all of it is as promised.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.rule import Rule
from rich.text import Text

from orchestrator.cli.output.rendering import open_console
from orchestrator.shop.demo.choreography.comparison import comparison
from orchestrator.shop.demo.choreography.effects import Done
from orchestrator.shop.demo.choreography.orders import Front
from orchestrator.shop.demo.choreography.scenes import Scenes, Told
from orchestrator.shop.demo.choreography.stage import Stage
from orchestrator.shop.demo.otlp import orphans, roots, tree
from orchestrator.shop.demo.processes import ProcessEnded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from orchestrator.shop.demo.otlp import Trace

_START_SECONDS: Final = 60
_LOG_LINES: Final = 40
_INTERRUPTED: Final = 130
_BAD_SETTING: Final = 2


def main() -> int:
    """Run the demo; the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    console = open_console()
    state = Path(tempfile.mkdtemp(prefix="saga-choreography-"))
    try:
        broken = _play(console, state)
    except KeyboardInterrupt:
        console.print("interrupted; everything is stopped")
        shutil.rmtree(state, ignore_errors=True)
        return _INTERRUPTED
    except ValueError as error:
        console.print(Text(f"error: {error}", style="bold red"))
        shutil.rmtree(state)
        return _BAD_SETTING
    except (ProcessEnded, TimeoutError) as error:
        broken = [str(error) or "it takes too long"]
        for line in (state / "processes.log").read_text(errors="replace").splitlines()[-_LOG_LINES:]:
            console.print(Text(line), soft_wrap=True)
    for promise in broken:
        console.print(Text(f"not as promised: {promise}", style="bold red"), soft_wrap=True)
    if broken:
        console.print(f"state and logs are kept in {state}", soft_wrap=True)
    else:
        shutil.rmtree(state)
    return 1 if broken else 0


def _play(console: Console, state: Path) -> list[str]:
    """Everything, from the first process to the verdict; which promises were broken."""
    began = time.monotonic()
    console.print("starting a NATS server, 10 services and the orchestrator as processes of their own")
    with Stage(state, os.environ.get("ENGINE", "")) as stage:
        if stage.engine:
            console.print(f"Temporal carries the orchestrator's sagas on: {stage.engine}", soft_wrap=True)
        told = asyncio.run(_run(console, stage))
    # Stopped processes have handed over their last spans: now the traces are whole.
    told.broken += _drawn(console, told, stage.collector.traces)
    console.print(Rule("What was easier, and what nobody can see any more", align="left"))
    console.print(comparison())
    if not told.broken:
        console.print(
            Text.assemble(
                ("all as promised", "bold green"),
                f" in {time.monotonic() - began:.0f} s: each effect once, and each order one trace with one root",
            )
        )
    return told.broken


async def _run(console: Console, stage: Stage) -> Told:
    async with asyncio.timeout(_START_SECONDS):
        await stage.open()
    async with AsyncExitStack() as stack:
        front = Front(stage.addresses.orchestrator, stage.token)
        stack.push_async_callback(front.close)
        done = Done(stage.state, stage.addresses.services["rewards"], stage.loyalty)
        stack.push_async_callback(done.close)
        scenes = Scenes(console, stage, front, done)
        await scenes.play()
        return scenes.told


def _drawn(console: Console, told: Told, traces: Mapping[str, Trace]) -> list[str]:
    """Draw the traces; what is wrong with them."""
    broken = []
    for title, trace_id in told.traces:
        trace = traces.get(trace_id, ())
        console.print(Rule(f"the trace of {title}", align="left", style="dim"))
        console.print(tree(trace))
        if len(roots(trace)) != 1 or orphans(trace):
            broken.append(f"the trace of {title} has {len(roots(trace))} roots and {len(orphans(trace))} orphans")
    return broken


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
