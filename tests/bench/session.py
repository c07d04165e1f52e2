"""What the workloads of one run share: options, processes, a folder, and where results go."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.bench.results import Results

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.databases import Databases
    from tests.bench.options import Options
    from tests.bench.processes import Child, Watched
    from tests.bench.receiver import SpanTally


@dataclass(frozen=True)
class Session:
    """One run of the bench.

    Attributes:
        folder: for journals; gone after the run.
        stubs: the folder of the generated stubs.
        tally: of the spans that the receiver got.
        databases: on PostgreSQL.
        watched: the CPU of all processes.
    """

    options: Options
    folder: Path
    stubs: Path
    participant: Child
    receiver: Child
    tally: SpanTally
    databases: Databases
    watched: Watched
    results: Results = field(default_factory=Results)


def say(text: str) -> None:
    """Tell the user who waits how far the bench is."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
