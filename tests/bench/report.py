"""The results as tables for people and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import grpc
from rich.table import Table

if TYPE_CHECKING:
    from tests.bench.options import Options
    from tests.bench.results import Finding, Load, Results, Share
    from tests.bench.spread import Spread

PROCESSES = ("orchestrator", "participant", "receiver", "database")
_NOT_TO_BARE = {"bare", "SQLite", "PostgreSQL"}
"""Contenders that there is no bare chain for, and itself."""
_THOUSAND = 1000


def as_json(results: Results, options: Options) -> str:
    """Everything that was found, where and how. Rates are sagas a second, latencies milliseconds, CPU microseconds."""
    written: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "options": asdict(options) | {"out": str(options.out)},
        "loads": [_plain(asdict(load)) for load in results.loads],
        "shares": [asdict(share) for share in results.shares],
        "findings": [_plain(asdict(finding)) | {"reached": finding.reached} for finding in results.findings],
    }
    return json.dumps(written, indent=2) + "\n"


def machine() -> dict[str, object]:
    """Where it was measured."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "grpc": grpc.__version__,
        "sqlite": sqlite3.sqlite_version,
    }


def load_table(loads: list[Load]) -> Table:
    """A row for each contender under each load."""
    table = Table(title="The checkout under load: medians of the rounds", title_justify="left")
    for name in ("workload", "in flight", "of"):
        table.add_column(name, no_wrap=True, justify="right" if name == "in flight" else "left")
    for name in ("a second", "rate to bare", "p50 ms", "p99 ms", *(f"CPU µs\n{name}" for name in PROCESSES)):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("flushes", justify="right")
    table.add_column("KiB written", justify="right")
    for number, load in enumerate(loads):
        measured = load.measured
        table.add_row(
            load.workload,
            str(load.in_flight),
            measured.contender,
            f"{measured.rate.median:.0f}",
            "" if measured.contender in _NOT_TO_BARE else told(measured.ratio),
            f"{measured.p50.median:.2f}",
            f"{measured.p99.median:.2f}",
            *(f"{measured.cpu[name]:.0f}" if name in measured.cpu else "" for name in PROCESSES),
            "" if load.flushes is None else f"{load.flushes:.2f}",
            "" if load.written is None else f"{load.written:.1f}",
            end_section=number + 1 == len(loads) or _loaded(loads[number + 1]) != _loaded(load),
        )
    return table


def _loaded(load: Load) -> tuple[str, int]:
    return load.workload, load.in_flight


def share_table(shares: list[Share]) -> Table:
    """A row for each process, by the store of the orchestrator's journal."""
    stores = list(dict.fromkeys(share.store for share in shares))
    title = f"An order of the shop by process, {shares[0].in_flight} in flight"
    table = Table(title=title, title_justify="left")
    table.add_column("process", no_wrap=True)
    for store in stores:
        table.add_column(f"CPU µs\n{store}", no_wrap=True, justify="right")
        table.add_column(f"flushes\n{store}", no_wrap=True, justify="right")
    for process in dict.fromkeys(share.process for share in shares):
        found = {share.store: share for share in shares if share.process == process}
        row = [process]
        for store in stores:
            share = found.get(store)
            flushes = None if share is None else share.flushes
            row += ["" if share is None else f"{share.cpu:.0f}", "" if flushes is None else f"{flushes:.2f}"]
        table.add_row(*row)
    return table


def finding_table(findings: list[Finding]) -> Table:
    """A row for each result, beside its goal."""
    table = Table(title="Results: median (lowest to highest), and what they should be", title_justify="left")
    table.add_column("result")
    table.add_column("value", no_wrap=True, justify="right")
    table.add_column("goal", no_wrap=True, justify="right")
    table.add_column("", no_wrap=True)
    for before, finding in zip([None, *findings], findings, strict=False):
        reached = {None: "", True: "[green]reached[/]", False: "[red]missed[/]"}[finding.reached]
        told_before = before is not None and before.note == finding.note
        name = finding.name if told_before or not finding.note else f"{finding.name}\n[dim]{finding.note}[/]"
        value = f"{told(finding.value)} {finding.unit}".rstrip()
        table.add_row(name, value, str(finding.goal or ""), reached)
    return table


def told(value: Spread) -> str:
    """Such as ``0.94 (0.92-0.95)``; a value without a spread alone."""
    if value.lowest == value.highest:
        return _number(value.median)
    return f"{_number(value.median)} ({_number(value.lowest)}-{_number(value.highest)})"


def _number(value: float) -> str:
    if abs(value) >= _THOUSAND:
        return f"{value:.0f}"
    return f"{value:.2f}"


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Spreads by the names of their parts."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return value._asdict()
    return value
