"""What durability costs: the checkout as a saga beside the bare chain of the same stub calls, in the same run.

Four sequential commands to a trivial participant in a process of its own, closed loop, in interleaved rounds:

  bare      the chain of stub calls, without durability or tracing; in the rollback, the same seven calls
  saga      its journal in SQLite, synchronous=FULL
  traced    the same, with every span exported over OTLP/gRPC to a receiver in a process of its own

Workloads:

  forward   it goes through
  rollback  the fourth command is rejected, and three are compensated
  memory    what one saga in flight adds to the process
  recovery  unfinished sagas, recovered
  stored    finished sagas in the store: what they cost a new one; opening, getting, listing

Writes results.json, tables.txt and cost.svg. It ends with 0 whether the goals are reached or not.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from rich.console import Console

from orchestrator.cli.protoc import generate
from orchestrator.errors import OrchestratorError
from tests.bench.options import parse
from tests.bench.plot import draw
from tests.bench.processes import BenchFailed, Watched, started
from tests.bench.receiver import SpanTally
from tests.bench.report import as_json, finding_table, load_table
from tests.bench.session import Session, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.options import Options
    from tests.bench.results import Results

_PROTOS = Path(__file__).parent / "checkout" / "protos"
_WIDTH = 150
_INTERRUPTED = 130


@contextlib.contextmanager
def opened_session(options: Options) -> Iterator[Session]:
    """Processes, stubs and a folder for one run.

    Raises:
        ContractError: the stubs cannot be made.
        BenchFailed: a process does not start.
    """
    with contextlib.ExitStack() as stack:
        # Beside the results and not in /tmp, which may lie in memory, where nothing is ever flushed.
        place = tempfile.TemporaryDirectory(prefix="run-", dir=options.out.resolve())
        folder = Path(stack.enter_context(place))
        stubs, spans = folder / "stubs", folder / "spans"
        generate(_PROTOS, stubs)
        sys.path.insert(0, str(stubs))
        stack.callback(sys.path.remove, str(stubs))
        tally = SpanTally(spans)
        participant = stack.enter_context(started("participant", "tests.bench.checkout.participant", path=stubs))
        receiver = stack.enter_context(started("receiver", "tests.bench.receiver", str(spans), path=stubs))
        watched = Watched({child.name: child.pid for child in (participant, receiver)})
        yield Session(options, folder, stubs, participant, receiver, tally, watched)


def main() -> int:
    """Measure, show, and write the results; the exit code."""
    options = parse(description=__doc__)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        with opened_session(options) as session:
            from tests.bench.workloads import run  # noqa: PLC0415 - imports the stubs that were made a moment ago

            try:
                uvloop.run(run(session))
            finally:
                show(session.results, options)
    except KeyboardInterrupt:
        say("interrupted")
        return _INTERRUPTED
    except (BenchFailed, OrchestratorError, OSError) as error:
        say(f"error: {error}")
        return 1
    return 0


def show(results: Results, options: Options) -> None:
    """Print and write what was found so far."""
    tables = [load_table(results.loads)] if results.loads else []
    tables += [finding_table(results.findings)] if results.findings else []
    if not tables:
        return
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(*tables)
    with (options.out / "tables.txt").open("w", encoding="utf-8") as file:
        Console(file=file, width=_WIDTH).print(*tables)
    (options.out / "results.json").write_text(as_json(results, options), encoding="utf-8")
    if results.loads:
        draw(results.loads, options.out / "cost.svg")
    say(f"written to {options.out}")


if __name__ == "__main__":
    sys.exit(main())
