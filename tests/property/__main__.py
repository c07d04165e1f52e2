"""Properties with examples that were never tried before: ``python -m tests.property --seed 7``.

`make test` tries the same examples each time. These are drawn anew, ten times as many; the same seed draws the same.
"""

from __future__ import annotations

import argparse
import random
import sys

import pytest
from rich.console import Console

_PLACES = ("tests/unit", "tests/property", "tests/integration/services/chassis")


def main() -> int:
    """Try them; what pytest ended with."""
    parser = argparse.ArgumentParser(prog="python -m tests.property", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000), help="default: any")
    parser.add_argument("tests", nargs="*", default=_PLACES, help=f"default: {' '.join(_PLACES)}")
    options = parser.parse_args()
    console = Console(soft_wrap=True)
    console.print(f"random properties, seed {options.seed}")
    code = pytest.main(
        ["-q", "-m", "hypothesis", "--hypothesis-profile=random", f"--hypothesis-seed={options.seed}", *options.tests]
    )
    if code:
        console.print(f"again with: python -m tests.property --seed {options.seed}", style="bold red")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
