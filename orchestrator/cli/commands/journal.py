"""``orchestrator journal`` and ``orchestrator migrate``: one saga's journal, a move of them all, and their tables."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.commands.inspect import journal
from orchestrator.cli.connecting.certificates import connecting
from orchestrator.cli.journal_file import JournalOption  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.output.exit import errors_reported, refuse
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.text import say
from orchestrator.cli.registration import CommandGroup, CommandLine
from orchestrator.contract.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.store.copying.sagas import CopyProgress

_TOLD_EACH = 1000
_CLUSTER = "temporal://"
_MOVED = "Start orchestrators with ORCHESTRATOR_JOURNAL naming the new journal, and none on the old one"


class _JournalCommands(CommandGroup):
    """``journal <saga>`` shows that saga; what is no command of the group is a saga's id."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own click
        """See click."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["show", *args]
        return super().parse_args(ctx, args)


journal_commands = CommandLine(cls=_JournalCommands, no_args_is_help=True)
journal_commands.command("show")(connecting(journal))


@journal_commands.callback()
def _journal() -> None:
    """Show all that happened to one saga, or move all sagas to another journal."""


@journal_commands.command()
def copy(
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="The journal to leave: sqlite:<path>; nobody else has it. "
            "Or, for its history, temporal://<host>:7233/<namespace>.",
        ),
    ],
    target: Annotated[str, typer.Option("--to", help="The journal to go to: postgresql://<host>/<database>.")],
) -> None:
    """Copy every saga to another journal, and compare every entry. Stop the orchestrator first.

    A copy that was interrupted is repeated: what is there already is compared, and not copied again. The old journal is
    left as it is; do not start an orchestrator on it again, because the new one carries the same sagas on.

    From a Temporal cluster, the sagas that have ended are copied, and the others go on there: nothing is stopped.
    """
    if source == target:
        refuse("--from and --to name the same journal")
    if target.startswith(_CLUSTER):
        refuse("no history can be brought to a Temporal cluster: let new sagas start there, and old ones end here")
    from_cluster = source.startswith(_CLUSTER)
    with errors_reported():
        done, left = asyncio.run(_copy_history(source, target) if from_cluster else _copy(source, target))
    if wants_json():
        print_json({"copied": done.copied, "found": done.found, "compared": done.compared, "left": dict(left)})
        return
    copied = counted(done.copied, "saga")
    same = f"{copied} copied, {done.found} had been there; every entry of {done.compared} is the same"
    say(f"{same}. {_left(left) if from_cluster else _MOVED}")


def _left(left: Mapping[str, int]) -> str:
    others = ", ".join(f"{number} {what}" for what, number in sorted(left.items()))
    return f"Left there, because they may go on: {others}" if others else "No other saga is there"


async def _copy(source: str, target: str) -> tuple[CopyProgress, Mapping[str, int]]:
    from orchestrator.store.copying.journals import copy_journal  # noqa: PLC0415 - other commands do without
    from orchestrator.store.opening import open_store, refuse_missing  # noqa: PLC0415 - as above

    refuse_missing(source)
    async with AsyncExitStack() as opened:
        old = await open_store(source)
        opened.push_async_callback(old.close)
        new = await open_store(target)
        opened.push_async_callback(new.close)
        return await copy_journal(old, new, _Telling()), {}


async def _copy_history(source: str, target: str) -> tuple[CopyProgress, Mapping[str, int]]:
    from orchestrator.bootstrap.temporal import connect_temporal, temporal_engine  # noqa: PLC0415 - other commands do without
    from orchestrator.settings import read_settings  # noqa: PLC0415 - as above
    from orchestrator.store.copying.history import copy_history  # noqa: PLC0415 - as above
    from orchestrator.store.opening import open_store  # noqa: PLC0415 - as above

    ended = temporal_engine("finding.ended")
    client = await connect_temporal(read_settings(engine=source))
    journal = await open_store(target)
    try:
        return await copy_history(ended.EndedOnCluster(client), journal, _Telling())
    finally:
        await journal.close()


class _Telling:
    """Says now and then how far a copy has come."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self, progress: CopyProgress) -> None:
        """Say it, if it is time."""
        done = progress.copied + progress.found + progress.compared
        if done < self._next:
            return
        self._next = done + _TOLD_EACH
        at_hand = progress.copied + progress.found
        say(f"{at_hand} of {progress.sagas} sagas are there, {progress.compared} compared")


def migrate(
    journal: JournalOption = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what is missing.")] = False,
) -> None:
    """Bring the tables of the journal up to date, or show what that would do.

    An orchestrator does so by itself when it starts; this is for those who let another role of the database do it.
    """
    from orchestrator.settings import read_settings  # noqa: PLC0415 - other commands do without
    from orchestrator.store.opening import schema_of  # noqa: PLC0415 - as above

    with errors_reported():
        schema = asyncio.run(schema_of(read_settings(journal=journal).journal, apply=not dry_run))
    version = schema.version if dry_run else max(schema.version, schema.known)
    if wants_json():
        found = {"missing" if dry_run else "applied": list(schema.missing)}
        print_json({"schema": version, "known": schema.known, **found})
        return
    for name in schema.missing:
        say(f"{'missing' if dry_run else 'applied'}: {name}")
    say(f"the journal has schema {version}; this program knows up to {schema.known}")
