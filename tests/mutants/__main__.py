"""What the tests do not notice: ``python -m tests.mutants --seed 8 --number 150``.

The code is changed on purpose, in one place at a time, and the tests that reach the place are run. A mutant that they
do not notice is a sentence that the tests do not say. See ``mutations`` for the kinds of change, ``left_out`` for what
is not changed, ``equivalent.toml`` for changes that no test could notice. The working tree is never touched.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.mutants.equivalents import StaleEquivalent
from tests.mutants.project import REPOSITORY, Project
from tests.mutants.reach import NotGreen
from tests.mutants.report import as_text, write
from tests.mutants.session import Drawn, Session

if TYPE_CHECKING:
    from collections.abc import Sequence

_EQUIVALENTS: Final = Path(__file__).with_name("equivalent.toml")
_REPORTS: Final = REPOSITORY.root / ".mutants"
_SEED: Final = 8
_NUMBER: Final = 150
_UNDER_THE_GOAL: Final = 1
_CANNOT_RUN: Final = 2
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Try mutants; 1 where too many survive, 2 where they can not be tried, 130 where it was interrupted."""
    options = _parse(arguments)
    try:
        with REPOSITORY.frozen() as project:
            return _try(project, options)
    except (StaleEquivalent, NotGreen) as error:
        print(f"error: {error}", file=sys.stderr)
        return _CANNOT_RUN


def _try(project: Project, options: argparse.Namespace) -> int:
    session = Session(project, _EQUIVALENTS, _REPORTS, say=lambda line: print(line, flush=True))
    signal.signal(signal.SIGINT, lambda *_: session.stop.set())
    drawn = session.draw(options.number, options.seed, options.only)
    print(f"seed {options.seed}: {len(drawn.changes)} of {drawn.total} mutants", flush=True)
    if options.list:
        _list(drawn)
        return 0
    if not drawn.changes:
        print(f"there is nothing to mutate in {' '.join(options.only)}: name one of {', '.join(project.sources)}")
        return _CANNOT_RUN
    report = session.run(drawn, options.seed, options.workers)
    write(report, _REPORTS)
    print(f"\n{as_text(report)}\nsee {_REPORTS.name}/report.txt and {_REPORTS.name}/report.json")
    if len(report.trials) < report.drawn:
        return _INTERRUPTED
    return 0 if report.is_good else _UNDER_THE_GOAL


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=_SEED, help="draws the mutants (default: %(default)s)")
    parser.add_argument("--number", type=int, default=_NUMBER, help="how many to try (default: %(default)s)")
    parser.add_argument(
        "--only", metavar="PLACE", nargs="+", default=(), help="folders or files, as in orchestrator/engine"
    )
    parser.add_argument("--workers", type=int, choices=(1, 2), default=1, help="how many at once (default: 1)")
    parser.add_argument("--list", action="store_true", help="show the mutants, and try none")
    return parser.parse_args(arguments)


def _list(drawn: Drawn) -> None:
    for mutant, change in drawn.changes.items():
        equivalent = f"\n  = {drawn.equivalents[mutant]}" if mutant in drawn.equivalents else ""
        print(f"{mutant.name}\n  - {change.line}\n  + {change.becomes}{equivalent}")


if __name__ == "__main__":
    sys.exit(main())
