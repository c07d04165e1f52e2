"""``orchestrator retention``: what the rules of retention would do now. It changes nothing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.journal_file import JournalOption, journal_beside
from orchestrator.cli.output.exit import errors_reported
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.text import say
from orchestrator.contract.wording import counted

if TYPE_CHECKING:
    from orchestrator.journal.retention import Rule
    from orchestrator.settings import Settings

_PAGE = 500


def retention(journal: JournalOption = None) -> None:
    """Show how many sagas the rules of ORCHESTRATOR_RETENTION would archive or delete now, and change nothing.

    The orchestrator itself does that, a few at a time, once it is started with the rules. Children go with their
    parent, and are not counted; a saga of which a child has not ended stays.
    """
    from orchestrator.settings import read_settings  # noqa: PLC0415 - other commands do without

    with errors_reported():
        settings = read_settings(journal=journal)
        old, kept = asyncio.run(_counted(settings))
    if wants_json():
        rules = [{"rule": str(rule), "sagas": old[rule]} for rule in settings.retention_rules]
        print_json({"rules": rules, "kept": kept})
        return
    if not settings.retention:
        say("there are no rules: sagas that have ended are kept for ever. Set ORCHESTRATOR_RETENTION to change that")
    for rule in settings.retention_rules:
        typer.echo(f"{rule}: {counted(old[rule], 'saga')}")
    typer.echo(f"kept: {counted(kept, 'saga')}")


async def _counted(settings: Settings) -> tuple[Counter[Rule], int]:
    """How many sagas are old enough for each rule, and how many that have ended for none."""
    rules, now, position = settings.retention_rules, time.time_ns(), 0
    old: Counter[Rule] = Counter()
    kept = 0
    async with journal_beside(settings) as journal:
        while True:
            page = await journal.ended(position, _PAGE)
            for saga in page.sagas:
                rule = rules.due(saga.definition, saga.status, saga.ended_at, now)
                if rule is None:
                    kept += 1
                else:
                    old[rule] += 1
            if page.position is None:
                return old, kept
            position = page.position
