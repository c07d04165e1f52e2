"""What durability costs: the checkout as a saga beside the bare chain of the same stub calls, in the same run.

Four sequential commands to a trivial participant in a process of its own, closed loop, in interleaved rounds:

  bare      the chain of stub calls, without durability or tracing; in the rollback, the same seven calls
  saga      its journal in SQLite, synchronous=FULL
  traced    the same, with every span exported over OTLP/gRPC to a receiver in a process of its own

Workloads:

  forward             it goes through
  rollback            the fourth command is rejected, and three are compensated
  tls                 forward over mutual TLS and without, beside the bare chain over each
  channels            forward over gRPC, HTTP and NATS, beside the bare chain over gRPC
  postgres            forward on PostgreSQL, by one process and by two that share the load, each beside its bare chain
  shop                whole orders through the API, by ten services with their databases, on SQLite and on PostgreSQL
  memory              what one saga in flight adds to the process
  recovery            unfinished sagas, recovered
  takeover            a replica on PostgreSQL is killed: how long after its lease another one has its sagas
  stored              finished sagas in the store: what they cost a new one, a claim, a count, a list, opening
  stored_on_postgres  the same on PostgreSQL
  pages               what the pages of operators ask of a journal that was in use for a month
  waiting             parked sagas: memory, opening, how late they are woken, all of them due at once
  console             sagas beside 50 open pages of the console; how long each page takes beside many sagas

PostgreSQL is a server of its own, or the one that TEST_POSTGRES_URL names; its CPU counts where it is its own.

Writes results.json, tables.txt and cost.svg. It ends with 0 whether the goals are reached or not.

What was learnt, on two cores of a virtual machine, Python 3.11, grpcio 1.85; per saga of four commands at 32 in flight
unless it says otherwise. Times of CPU are sums over the threads of a process.

The bare chain alone keeps both cores nine tenths busy: about 300 us of CPU here, 400 at the participant. So whatever a
saga adds, in any thread of either process, is paid in rate: rate to bare is about total CPU to total CPU. Engine and
journal take 130 us on a core to themselves and twice that beside gRPC, whose code and the kernel's evict theirs from
the caches; one at a time it is five times, and so is the bare chain. A prototype with the same commits and hardly any
engine reached 0.65 to 0.75 here, so the rest is not in the engine's layers. Two entries of metadata cost 4 to 6 %, a
traceparent 3 % more, a deadline nothing.

Kept:
  no reference cycles     each saga left 24 objects to the garbage collector: 6 % of the loop's thread
  no asyncio.shield, no asyncio.wait, no task for a timer, no event before a task waits: 30 us
  one executemany for what many sagas append, and one chunk a saga and append: 40 us less than a row an entry
  commits on the event loop while the disk is quick: handing over to a thread and back cost 100 us of switching and of
                          waiting for the interpreter lock; one at a time, a fifth of the latency
  waiting for siblings    flushes from 0.9 to 0.3 a saga; 0.62 to 0.72 of the bare chain
  a log of its full length from the start: a flush of a growing file takes 172 us, of this one 89
  checkpoints on a thread, ids in the order of time, one partial index instead of two: fewer pages a commit
  all compensations intended at once: a rollback waits for the disk twice, and not once more for each
  spans from serialized pieces: 3 us and not 4.5 each; the trace's id derived once a saga and not once an attempt
  looking for reference cycles after 50,000 new objects: at 256 in flight a look finds everything alive, at 12 % of the
                          CPU of this process and 16 to 20 % of the loop's thread; at 32 in flight 4 %

Tried and dropped:
  gRPC's core without the call object of grpc.aio: 17 of 410 us in the loop's thread, nothing in the sum of all; not
                          worth an interface that is not public
  gc.freeze: nothing, once there were no cycles
  pages of 16 KiB, memory-mapped reads, a switch interval: nothing
  commits at a fixed distance (idle at 32 in flight), or at one that follows how busy the loop is: siblings do better
  GRPC_EXPERIMENTS=-event_engine_client: 10 to 20 % faster, the bare chain as well; it is the operator's to choose

On PostgreSQL, on the same machine, a saga takes about 970 us of CPU here, 800 at the participant and 230 to 430 in
the server, all on the two cores that the bare chain alone keeps busy with 1100. A group of 13 appends, of which a saga
has a third, costs this process 230 us, so the journal is 80 of the 970. It costs the server 600 to 1100, a third of
that in the kernel, for network and disk; the rest is spread, and much of it is the setting up of the statements.

Tried on PostgreSQL and dropped:
  plans without the values of each call (force_generic_plan): the server chooses them by itself
  compilation switched off (jit): nothing
  1, 4, 6 or 10 ms between groups instead of 2: as many groups, because siblings decide, and the same rate
  numbers and texts as array literals, because asyncpg looks at each element of a list several times: 229 us a group and
                          211, which is 7 of 970 us a saga, for quoting that must be right
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from rich.console import Console

from orchestrator.bootstrap.reference_cycles import look_for_cycles_seldom
from orchestrator.cli.loading.protoc import generate
from orchestrator.errors import OrchestratorError
from tests.bench.databases import Databases
from tests.bench.options import ON_POSTGRES, parse
from tests.bench.plot import draw
from tests.bench.processes import BenchFailed, Watched, started
from tests.bench.receiver import SpanTally
from tests.bench.report import as_json, finding_table, load_table, share_table
from tests.bench.session import Session, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.options import Options
    from tests.bench.results import Results

_PROTOS = Path(__file__).parent / "checkout" / "protos"
_WIDTH = 170
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
        databases = stack.enter_context(Databases(watched))
        if not ON_POSTGRES.isdisjoint(options.only):
            databases.start()  # now, before there are channels of gRPC: the wheel forks
        yield Session(options, folder, stubs, participant, receiver, tally, databases, watched)


def main() -> int:
    """Measure, show, and write the results; the exit code."""
    options = parse(description=(__doc__ or "").partition("\nWhat was learnt")[0])
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        with opened_session(options) as session:
            look_for_cycles_seldom()  # as the process of an orchestrator does
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
    tables += [share_table(results.shares)] if results.shares else []
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
