"""Fuzzes the API of a real orchestrator for a while: ``python -m tests.fuzz --seconds 300 --seed 7``.

It asks as nobody and as a viewer, who may change nothing. At the end there must be no INTERNAL, no traceback, no
growth, and nothing journalled; else the exit code is 1. The same seed draws the same calls.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests.fuzz.run import run


def main() -> int:
    """Fuzz; 0 where all is well."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120, help="for how long (default: 120)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000), help="default: any")
    options = parser.parse_args()
    console = Console()
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        result = run(Path(folder), options.seed, lambda _: time.monotonic() < end)
    console.print(f"{result.calls} calls, seed {options.seed}")
    for (caller, status), number in sorted(result.answers.items()):
        console.print(f"  {caller:<8}{status:<20}{number}")
    for problem in result.problems:
        console.print(problem, style="bold red", markup=False)
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
