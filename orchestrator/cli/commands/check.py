"""``orchestrator check``: contracts and sagas against their rules, before anything starts.

Contracts are compiled from the .proto files on disk, so a mistake is found before the stubs are generated again. Sagas
run on the stubs, so stubs that differ from the files are reported too (``stubs-are-fresh``). The other rules are those
of :mod:`orchestrator.contract.rules.services`, :mod:`orchestrator.contract.rules.messages`,
:mod:`orchestrator.contract.rules.access` and :mod:`orchestrator.analysis.rules`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from orchestrator.api.application import services_beside
from orchestrator.cli.loading.contracts import ContractSource, DescriptorSetOption, ReflectOption
from orchestrator.cli.loading.modules import import_from_here, load_application
from orchestrator.cli.loading.overlays import OverlayOption, lay_overlays
from orchestrator.cli.output.exit import ExitCode, errors_reported
from orchestrator.cli.output.form import print_json, wants_json

if TYPE_CHECKING:
    from orchestrator.cli.checking import Findings
    from orchestrator.contract.violation import Violation

_DEFAULT_PROTOS = Path("protos")


def check(
    protos: Annotated[
        Path | None, typer.Option(help="A folder of .proto files. Default: protos, where there is one.")
    ] = None,
    descriptor_set: DescriptorSetOption = None,
    reflect: ReflectOption = None,
    sagas: Annotated[
        list[str] | None,
        typer.Option(help="A module or package with sagas; may be repeated.  \\[env: ORCHESTRATOR_SAGAS]"),
    ] = None,
    overlay: OverlayOption = None,
    participant: Annotated[
        list[str] | None,
        typer.Option(
            help="full.service.Name=http://host:port of a participant over HTTP; may be repeated.  "
            "\\[env: ORCHESTRATOR_PARTICIPANTS]"
        ),
    ] = None,
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Show the plan of each saga.")] = False,
) -> None:
    """Check contracts and sagas; exit with 1 when one breaks a rule.

    Contracts that are named are checked without any saga, too. Where a participant is reached over HTTP, each command
    that a saga may send it needs an HTTP rule; say where it is, and this is checked.
    """
    from orchestrator.cli.checking import findings_in  # noqa: PLC0415 - other commands do without
    from orchestrator.settings import read_settings  # noqa: PLC0415 - as above

    named = ContractSource(protos, descriptor_set, reflect)
    source = ContractSource(_DEFAULT_PROTOS) if not named.is_named and _DEFAULT_PROTOS.is_dir() else named
    import_from_here()
    with errors_reported():
        lay_overlays(overlay)
        settings = read_settings(participants=",".join(participant) if participant else None)
        modules = sagas or settings.sagas
        # A module with sagas may bring an overlay of its own, so it is imported before any contract is checked.
        loaded = load_application(modules, overlay) if modules or not named.is_named else None
        definitions, servicers = (loaded.definitions, loaded.servicers) if loaded else ((), ())
        files = source.files() if source.is_named else ()
        findings = findings_in(definitions, files, services_beside(servicers), settings.participants)
    if wants_json():
        print_json(findings.as_json(with_plans=plan))
    else:
        _show(findings, with_plans=plan)
    if findings.violations:
        raise typer.Exit(ExitCode.WRONG)


def _show(findings: Findings, *, with_plans: bool) -> None:
    console = Console(soft_wrap=True)
    if with_plans:
        for plan in findings.plans:
            console.print(Text(plan), end="\n\n")
    for violation in findings.violations:
        console.print(_line(violation))
    console.print(Text(findings.summary(), style="bold red" if findings.violations else "green"))


def _line(violation: Violation) -> Text:
    line = Text(str(violation))
    line.highlight_words([f"[{violation.rule}]"], "yellow")
    line.highlight_words([f"{violation.rpc}:"], "bold")
    return line
