"""The memory of a saga in flight, beside that of a bare chain that is as far."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.bench.processes import BenchFailed, last_words, running
from tests.bench.results import MEMORY_GOAL, Finding
from tests.bench.session import say
from tests.bench.spread import Spread

if TYPE_CHECKING:
    from tests.bench.session import Session

_KIB = 1024
_LONGEST_SECONDS = 300


async def memory(session: Session) -> None:
    """What one more in flight adds to the process, all of them waiting for the answer to the fourth command."""
    first, last = session.options.held[0], session.options.held[-1]
    each = {kind: await _kib_each(session, kind, first, last) for kind in ("bare", "saga")}
    say(f"memory: {each['saga']:.1f} KiB a saga in flight, {each['bare']:.1f} KiB a bare chain")
    note = f"RSS with {last} in flight less that with {first}, in processes of their own"
    own = each["saga"] - each["bare"]
    session.results.findings += [
        Finding("memory of a bare chain in flight", Spread.of([each["bare"]]), "KiB", None, note),
        Finding("memory of a saga in flight, its call included", Spread.of([each["saga"]]), "KiB", None, note),
        Finding("memory of a saga in flight, beyond the bare chain", Spread.of([own]), "KiB", MEMORY_GOAL, note),
    ]


async def _kib_each(session: Session, kind: str, first: int, last: int) -> float:
    rss = await _rss(session, kind, [first, last] if last > first else [1, last])
    (fewer, small), (more, large) = min(rss.items()), max(rss.items())
    return (large - small) / (more - fewer) / _KIB


async def _rss(session: Session, kind: str, steps: list[int]) -> dict[int, int]:
    """Bytes of memory by number in flight."""
    arguments = [kind, session.participant.address, str(session.folder / f"memory-{kind}.db"), *map(str, steps)]
    with running("tests.bench.holding", *arguments, path=session.stubs) as process:
        assert process.stdout is not None
        said = asyncio.to_thread(process.stdout.read)
        try:
            lines = (await asyncio.wait_for(said, _LONGEST_SECONDS)).decode().splitlines()
            if len(lines) != len(steps) or process.wait():
                raise BenchFailed(f"memory of {kind}: {last_words(process)}")
        except TimeoutError:
            raise BenchFailed(f"{steps[-1]} {kind} in flight took more than {_LONGEST_SECONDS} s") from None
        finally:
            process.kill()  # and so the thread has read all
    return {int(number): int(rss) for number, rss in map(str.split, lines)}
