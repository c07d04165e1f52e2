"""``orchestrator verify``: checks before a deploy that the new code can recover every unfinished saga."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from orchestrator.cli.journal_file import JournalOption, journal_beside, sagas_in
from orchestrator.cli.loading.modules import load_definitions
from orchestrator.cli.loading.overlays import OverlayOption  # noqa: TC001 - typer reads the annotations
from orchestrator.cli.output.exit import ExitCode, errors_reported, refuse
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.terminal import open_terminal
from orchestrator.cli.output.text import visible
from orchestrator.contract.wording import counted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.engine.replay_check import ReplayVerdict, Verifier
    from orchestrator.journal.export import ExportedJournal
    from orchestrator.settings import Settings


def verify(
    exported: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Exported journals, or folders of them, instead of the journal."),
    ] = None,
    journal: JournalOption = None,
    sagas: Annotated[
        list[str] | None, typer.Option(help="A module with sagas; may be repeated; default: ORCHESTRATOR_SAGAS.")
    ] = None,
    overlay: OverlayOption = None,
) -> None:
    """Replay all unfinished journals, and exported ones, against the code at hand; exit with 1 when one diverges.

    Nothing is sent, locked or written, so it may be run beside the orchestrator that is to be replaced.
    """
    from orchestrator.settings import read_settings  # noqa: PLC0415 - other commands do without

    with errors_reported():
        settings = read_settings(journal=journal, sagas=tuple(sagas) if sagas else None)
        definitions = load_definitions(settings.sagas, overlay)
        _refuse_violations(definitions)
        journals = [_read(file) for file in _files(exported or [])]
        reads_journal = journal is not None or not exported
        verdicts = asyncio.run(_verify(definitions, settings if reads_journal else None, journals))
    from orchestrator.engine.replay_check import Finding  # noqa: PLC0415 - as above

    if wants_json():
        print_json({"verdicts": list(map(_as_json, verdicts))})
    else:
        _show(verdicts)
    if any(verdict.finding is not Finding.IN_LINE for verdict in verdicts):
        raise typer.Exit(ExitCode.WRONG)


def _refuse_violations(definitions: Iterable[SagaDefinition[Any, Any, Any]]) -> None:
    """Refuse sagas that break a rule: the replay runs their code, which might have effects outside the saga."""
    from orchestrator.analysis.rules import check_definition  # noqa: PLC0415 - as above

    violations = [str(violation) for definition in definitions for violation in check_definition(definition)]
    if violations:
        refuse("\n".join(["not verified, because of:", *dict.fromkeys(violations)]), code=1)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.glob("*.json"))
        elif path.is_file():
            yield path
        else:
            refuse(f"{path}: there is no such file or folder")


async def _verify(
    definitions: Sequence[SagaDefinition[Any, Any, Any]],
    settings: Settings | None,
    journals: Sequence[ExportedJournal | ReplayVerdict],
) -> list[ReplayVerdict]:
    from orchestrator.analysis.plan.reader import read_plan  # noqa: PLC0415 - as above
    from orchestrator.engine.replay_check import ReplayVerdict, Verifier  # noqa: PLC0415 - as above

    verifier = Verifier((definition, read_plan(definition)) for definition in definitions)
    verdicts = [each if isinstance(each, ReplayVerdict) else await verifier.verify(*each) for each in journals]
    if settings is not None:
        verdicts += [verdict async for verdict in _verify_unfinished(verifier, settings)]
    return verdicts


def _read(file: Path) -> ExportedJournal | ReplayVerdict:
    from orchestrator.engine.replay_check import Finding, ReplayVerdict  # noqa: PLC0415 - as above
    from orchestrator.journal.export import read_journal  # noqa: PLC0415 - as above

    try:
        return read_journal(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return ReplayVerdict(str(file), "", None, Finding.UNREADABLE, str(error))


async def _verify_unfinished(verifier: Verifier, settings: Settings) -> AsyncIterator[ReplayVerdict]:
    from orchestrator.engine.replay_check import Finding, ReplayVerdict  # noqa: PLC0415 - as above
    from orchestrator.journal.state import UNFINISHED, Status  # noqa: PLC0415 - as above
    from orchestrator.ports.catalogue import SagaFilter  # noqa: PLC0415 - as above

    async with journal_beside(settings) as journal:
        async for record in sagas_in(journal, SagaFilter(statuses=UNFINISHED | {Status.SUSPENDED})):
            try:
                entries = await journal.read(record.saga_id)
            except ValueError as error:
                name = f"{record.definition} v{record.version}"
                yield ReplayVerdict(record.saga_id, name, record.status, Finding.UNREADABLE, str(error))
            else:
                yield await verifier.verify(record.saga_id, entries)


def _as_json(verdict: ReplayVerdict) -> dict[str, str]:
    return {
        "saga_id": verdict.saga_id,
        "definition": verdict.definition,
        "status": _status(verdict),
        "finding": verdict.finding.value,
        "message": verdict.message,
    }


def _status(verdict: ReplayVerdict) -> str:
    return "" if verdict.status is None else verdict.status.name.lower().replace("_", " ")


def _show(verdicts: Sequence[ReplayVerdict]) -> None:
    """Show the journals that diverge, and how many were replayed."""
    from orchestrator.engine.replay_check import Finding  # noqa: PLC0415 - as above

    console = open_terminal()
    amiss = [verdict for verdict in verdicts if verdict.finding is not Finding.IN_LINE]
    for verdict in amiss:
        about = ", ".join(filter(None, (verdict.definition, _status(verdict))))
        about = f" ({about}): " if about else ": "
        title = Text.assemble((visible(verdict.saga_id), "bold"), visible(about), (verdict.finding.value, "bold red"))
        console.print(title, soft_wrap=True)
        console.print(Text(f"  {visible(verdict.message)}"), soft_wrap=True)
    findings = Counter(verdict.finding.value for verdict in amiss)
    found = ", ".join(f"{number} {finding}" for finding, number in findings.items()) or "all in line"
    summary = f"{counted(len(verdicts), 'journal')} verified" + (f": {found}" if verdicts else "")
    console.print(Text(summary, style="bold red" if amiss else "green"), soft_wrap=True)
