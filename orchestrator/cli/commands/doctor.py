"""``orchestrator doctor``: is the journal in order, and are the certificates and the participants?"""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from orchestrator.cli.journal_file import JournalOption  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.loading.overlays import OverlayOption  # noqa: TC001 - typer reads the annotations
from orchestrator.cli.output.exit import errors_reported
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.output.terminal import open_terminal
from orchestrator.cli.output.text import visible
from orchestrator.errors import JournalUnavailable, SettingsError
from orchestrator.ports.findings import unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.ports.findings import Finding
    from orchestrator.settings import Settings

_COLOURS: Final = {"fine": "green", "warning": "yellow", "error": "red"}


def doctor(
    journal: JournalOption = None,
    sagas: Annotated[
        list[str] | None,
        typer.Option(
            help="A module with sagas, whose participants are looked at; may be repeated.  \\[env: ORCHESTRATOR_SAGAS]"
        ),
    ] = None,
    overlay: OverlayOption = None,
    participant: Annotated[
        list[str] | None,
        typer.Option(help="full.service.Name=host:port; may be repeated.  \\[env: ORCHESTRATOR_PARTICIPANTS]"),
    ] = None,
) -> None:
    """Look at journal, certificates, participants and settings: what is fine, what is not, and what to do.

    It changes nothing, and can run beside an orchestrator.

    Exit codes:
    - 0: nothing is wrong, whatever it warns of.
    - 1: something is wrong, or cannot be looked at.
    """
    from orchestrator.cli.loading.modules import load_definitions  # noqa: PLC0415 - other commands do without
    from orchestrator.settings import read_settings  # noqa: PLC0415 - as above

    with errors_reported():
        settings = read_settings(journal=journal, participants=",".join(participant) if participant else None)
        modules, overlays = sagas or settings.sagas, overlay or settings.overlays
        definitions = load_definitions(modules, overlays) if modules else ()
        findings = asyncio.run(_examine(settings, definitions))
    if wants_json():
        print_json([_as_json(finding) for finding in findings])
    else:
        _show(findings)
    if any(finding.severity.value == "error" for finding in findings):
        raise typer.Exit(1)


async def _examine(settings: Settings, definitions: Sequence[SagaDefinition[Any, Any, Any]]) -> list[Finding]:
    from orchestrator.cli.environment import examine_environment  # noqa: PLC0415 - other commands do without
    from orchestrator.store.opening import examine_store  # noqa: PLC0415 - as above

    if settings.engine:
        found = await _examine_engine(settings, definitions)
    else:
        found = [*await examine_store(settings.journal), *await _examine_sagas(settings, definitions)]
    found.append(examine_environment(os.environ))
    found += _examine_certificates(settings)
    if definitions:
        from orchestrator.cli.participants import examine_participants  # noqa: PLC0415 - as above

        found += await examine_participants(settings, definitions)
    return found


async def _examine_engine(settings: Settings, definitions: Sequence[SagaDefinition[Any, Any, Any]]) -> list[Finding]:
    """The Temporal cluster that has the sagas, where it is not a journal of ours."""
    from orchestrator.bootstrap.temporal import cluster_files, temporal_engine  # noqa: PLC0415 - other commands do without

    served = [(definition.name, definition.version) for definition in definitions]
    found: list[Finding] = await temporal_engine("cluster.examining").examine_cluster(
        settings.engine, served, cluster_files(settings), insecure=settings.insecure
    )
    return found


async def _examine_sagas(settings: Settings, definitions: Sequence[SagaDefinition[Any, Any, Any]]) -> list[Finding]:
    """The journals of the sagas that have not ended, and the sinks of events.

    Nothing where the store cannot be read, which it says itself.
    """
    from orchestrator.analysis.plan.reader import read_plan  # noqa: PLC0415 - other commands do without
    from orchestrator.events.examining import examine_sinks  # noqa: PLC0415 - as above
    from orchestrator.store.examining.journals import examine_journals  # noqa: PLC0415 - as above
    from orchestrator.store.opening import open_reader  # noqa: PLC0415 - as above

    try:
        reader = await open_reader(settings.journal)
    except (JournalUnavailable, SettingsError):
        return []
    try:
        found = await examine_journals(reader)
        publishing = {each.name for each in map(read_plan, definitions) if each.events}
        return [*found, *examine_sinks(await reader.sinks(), settings.events_sinks, publishing, time.time_ns())]
    except JournalUnavailable as away:
        return [unavailable("journals", away)]
    finally:
        await reader.close()


def _examine_certificates(settings: Settings) -> list[Finding]:
    from orchestrator.connections.examining import examine_certificates  # noqa: PLC0415 - as above

    files = {
        "ORCHESTRATOR_TLS_CERTIFICATE": settings.tls_certificate,
        "ORCHESTRATOR_TLS_CA": settings.tls_ca,
        "ORCHESTRATOR_PARTICIPANT_TLS_CERTIFICATE": settings.participant_tls_certificate,
        "ORCHESTRATOR_PARTICIPANT_TLS_CA": settings.participant_tls_ca,
        "ORCHESTRATOR_EVENTS_TLS_CA": settings.events_tls_ca,
    }
    return examine_certificates({name: path for name, path in files.items() if path}, datetime.now(UTC))


def _as_json(finding: Finding) -> dict[str, str]:
    return {**finding._asdict(), "severity": finding.severity.value}


def _show(findings: Sequence[Finding]) -> None:
    terminal = open_terminal()
    for finding in findings:
        severity = finding.severity.value
        line = Text(f"{severity:<7}", style=_COLOURS[severity])
        line.append(f"  {visible(finding.about)}: {visible(finding.what)}", "not bold default")
        terminal.print(line, soft_wrap=True)
        if finding.advice:
            terminal.print(Text(f"{'':<7}  do: {visible(finding.advice)}"), soft_wrap=True)
