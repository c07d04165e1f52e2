"""How the bench is called."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

WORKLOADS = (
    "forward",
    "rollback",
    "tls",
    "channels",
    "postgres",
    "shop",
    "memory",
    "recovery",
    "takeover",
    "stored",
    "stored_on_postgres",
    "waiting",
    "console",
    "pages",
)
ON_POSTGRES = {"postgres", "shop", "takeover", "stored_on_postgres", "waiting", "pages"}
_ROLLBACK_IN_FLIGHT = (1, 32, 256)
_POSTGRES_IN_FLIGHT = (32, 256)
_SHOP_IN_FLIGHT = (1, 32)


@dataclass(frozen=True)
class Options:
    """How much is measured, and of what.

    Attributes:
        full: as ``make bench-full`` does.
        rounds: measured, besides one that warms up.
        sagas: in each round, and never less than four times those in flight.
        orders: of the shop, in each round.
        in_flight: the loads.
        unfinished: sagas that are recovered.
        stored: finished sagas in the store.
        parked: sagas that sleep.
        held: sagas in flight at the first and at the second look at the memory.
        only: the workloads.
        out: the folder of the results.
    """

    full: bool
    rounds: int
    sagas: int
    orders: int
    in_flight: tuple[int, ...]
    unfinished: int
    stored: int
    parked: int
    held: tuple[int, ...]
    only: tuple[str, ...]
    out: Path

    @property
    def rollback_in_flight(self) -> tuple[int, ...]:
        """The loads of the rollback: no more than three of those asked for, because it takes longest."""
        return tuple(each for each in self.in_flight if each in _ROLLBACK_IN_FLIGHT) or self.in_flight[:1]

    @property
    def in_flight_on_postgres(self) -> tuple[int, ...]:
        """The loads on PostgreSQL: no more than two of those asked for, because there are six contenders."""
        return tuple(each for each in self.in_flight if each in _POSTGRES_IN_FLIGHT) or self.in_flight[:1]

    @property
    def shop_in_flight(self) -> tuple[int, ...]:
        """The loads of the shop: no more than two of those asked for, because an order takes ten services."""
        return tuple(each for each in self.in_flight if each in _SHOP_IN_FLIGHT) or self.in_flight[:1]

    def sagas_at(self, in_flight: int, calls: int = 4) -> int:
        """How many in each round; fewer of those that make more than four calls, and fewer one at a time."""
        number = self.sagas * 4 // calls
        return max(4 * in_flight, number if in_flight > 1 else number // 5, 1)


def parse(arguments: list[str] | None = None, *, description: str | None = None) -> Options:
    """The options of a command line; those not given are as ``--full`` or its absence has them."""
    given = _parser(description).parse_args(arguments)
    full = given.full
    return Options(
        full=full,
        rounds=given.rounds or (15 if full else 5),
        sagas=given.sagas or (3000 if full else 1500),
        orders=given.orders or (500 if full else 200),
        in_flight=tuple(given.in_flight or ([1, 4, 16, 32, 64, 128, 256, 512] if full else [1, 32, 256])),
        unfinished=given.unfinished or 10_000,
        stored=given.stored or (1_000_000 if full else 100_000),
        parked=given.parked or 100_000,
        held=tuple(sorted(given.held or ([2000, 10_000] if full else [1000, 4000]))),
        only=tuple(each for each in WORKLOADS if not given.only or each in given.only),
        out=given.out,
    )


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="more rounds, more loads, a million finished sagas")
    parser.add_argument("--rounds", type=_positive, metavar="N", help="measured rounds; default 5, with --full 15")
    parser.add_argument("--sagas", type=_positive, metavar="N", help="in each round; default 1500, with --full 3000")
    parser.add_argument("--orders", type=_positive, metavar="N", help="of the shop, in each round; default 200, or 500")
    parser.add_argument("--in-flight", type=_positive, nargs="+", metavar="N", help="the loads; default 1 32 256")
    parser.add_argument("--unfinished", type=_positive, metavar="N", help="sagas to recover; default 10000")
    parser.add_argument("--stored", type=_positive, metavar="N", help="finished sagas in the store; default 100000")
    parser.add_argument("--parked", type=_positive, metavar="N", help="sagas that sleep; default 100000")
    parser.add_argument(
        "--held", type=_positive, nargs=2, metavar="N", help="sagas in flight while memory is measured, from and to"
    )
    parser.add_argument("--only", choices=WORKLOADS, nargs="+", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}")
    parser.add_argument(
        "--out", type=Path, default=Path(".bench"), metavar="DIR", help="for the results; default .bench"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number
