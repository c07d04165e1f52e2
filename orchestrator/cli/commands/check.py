"""``orchestrator check``: contracts and sagas against their rules, before anything starts.

Contracts are compiled from the .proto files on disk, so a mistake is found before the stubs are generated again. Sagas
run on the stubs, so stubs that differ from the files are reported too (``stubs-are-fresh``). The other rules are those
of :mod:`orchestrator.contract.rules.services`, :mod:`orchestrator.contract.rules.messages`,
:mod:`orchestrator.contract.rules.access` and :mod:`orchestrator.analysis.rules`.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from orchestrator.analysis.plan.reader import read_plan
from orchestrator.analysis.plan.text import plan_text
from orchestrator.analysis.rules import check_plan
from orchestrator.api.application import services_beside
from orchestrator.cli.contracts import ContractSource, DescriptorSetOption, ReflectOption
from orchestrator.cli.importable import stub_module
from orchestrator.cli.modules import import_from_here, load_application
from orchestrator.cli.output.exit import errors_reported
from orchestrator.cli.output.form import print_json, wants_json
from orchestrator.cli.overlays import OverlayOption, lay_overlays
from orchestrator.contract.access import states_access
from orchestrator.contract.image import same_contract
from orchestrator.contract.rpc import commands_of
from orchestrator.contract.rules.access import check_access
from orchestrator.contract.rules.messages import check_messages
from orchestrator.contract.rules.overlays import check_overlays
from orchestrator.contract.rules.services import check_service
from orchestrator.contract.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor

    from orchestrator.definition.saga import SagaDefinition

    Definition = SagaDefinition[Any, Any, Any]

_DEFAULT_PROTOS = Path("protos")
_OUR_PACKAGE = "saga.v1"


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
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Show the plan of each saga.")] = False,
) -> None:
    """Check contracts and sagas; exit with 1 when one breaks a rule.

    Contracts that are named are checked without any saga, too.
    """
    from orchestrator.settings import read_settings  # noqa: PLC0415 - other commands do without

    named = ContractSource(protos, descriptor_set, reflect)
    source = ContractSource(_DEFAULT_PROTOS) if not named.is_named and _DEFAULT_PROTOS.is_dir() else named
    import_from_here()
    findings = Findings()
    with errors_reported():
        lay_overlays(overlay)
        modules = sagas or read_settings().sagas
        # A module with sagas may bring an overlay of its own, so it is imported before any contract is checked.
        loaded = load_application(modules, overlay) if modules or not named.is_named else None
        definitions, servicers = (loaded.definitions, loaded.servicers) if loaded else ((), ())
        files = source.files() if source.is_named else ()
        _check_overlays(definitions, files, findings)
        _check_files(files, findings)
        _check_api(files, services_beside(servicers), findings)
        for definition in definitions:
            _check_saga(definition, findings)
    if wants_json():
        print_json(findings.as_json(with_plans=plan))
    else:
        _show(findings, with_plans=plan)
    if findings.violations:
        raise typer.Exit(1)


@dataclass(slots=True)
class Findings:
    """The checked contracts and sagas, and what is wrong with them.

    Attributes:
        services: the full names of the services that were checked.
        commands: how many commands they have.
        plans: the plans of the sagas, as text.
        violations: in the order in which they were found.
    """

    services: set[str] = field(default_factory=set)
    commands: int = 0
    plans: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    def summary(self) -> str:
        """One line, such as ``10 contracts, 24 commands, 1 saga: no violations``."""
        checked = (
            _counted(len(self.services), "contract"),
            _counted(self.commands, "command"),
            _counted(len(self.plans), "saga"),
        )
        return f"{', '.join(checked)}: {_counted(len(self.violations), 'violation')}"

    def as_json(self, *, with_plans: bool) -> dict[str, Any]:
        """The same for programs, with each violation."""
        return {
            "services": sorted(self.services),
            "commands": self.commands,
            "sagas": len(self.plans),
            **({"plans": self.plans} if with_plans else {}),
            "violations": list(map(asdict, self.violations)),
        }


def _check_overlays(definitions: Iterable[Definition], files: Iterable[FileDescriptor], findings: Findings) -> None:
    """What is wrong with overlays: for the stubs of the sagas, as at every start; else for the files."""
    pools = [each.input.DESCRIPTOR.file.pool for each in definitions] or [file.pool for file in files]
    for pool in dict.fromkeys(pools):
        findings.violations += check_overlays(pool)


def _check_files(files: Iterable[FileDescriptor], findings: Findings) -> None:
    for file in files:
        for service in file.services_by_name.values():
            _check_contract(service, findings)
        findings.violations += check_messages(file)
    findings.violations += [_stale_stubs(file) for file in files if not _stubs_are_fresh(file)]


def _check_contract(service: ServiceDescriptor, findings: Findings) -> None:
    commands = commands_of(service)
    if not commands or service.full_name in findings.services:
        return
    findings.services.add(service.full_name)
    findings.commands += len(commands)
    findings.violations += check_service(service)


def _check_api(files: Iterable[FileDescriptor], beside: Iterable[ServiceDescriptor], findings: Findings) -> None:
    """Each rpc of an API says who may call it: of ours, of an application's, and of any that says so of some rpc."""
    on_disk = {each.full_name: each for file in files for each in file.services_by_name.values()}
    named = {each.full_name: each for each in beside}
    for name, service in {**named, **on_disk}.items():
        if name in named or service.file.package == _OUR_PACKAGE or states_access(service):
            findings.violations += check_access(service)


def _stubs_are_fresh(file: FileDescriptor) -> bool:
    """The stubs on the import path, if there are any, agree with the .proto file."""
    try:
        stubs = importlib.import_module(stub_module(file.name))
    except ModuleNotFoundError:
        return True
    return same_contract(file, stubs.DESCRIPTOR)


def _stale_stubs(file: FileDescriptor) -> Violation:
    message = (
        "the stubs on the import path say something else than the .proto file; "
        "run `make generate` (`orchestrator generate`)"
    )
    return Violation(file.name, 0, stub_module(file.name), "stubs-are-fresh", message)


def _check_saga(definition: Definition, findings: Findings) -> None:
    # A contract that was checked on disk is not checked again in its stubs.
    for service in definition.services.values():
        _check_contract(service, findings)
    plan = read_plan(definition)
    findings.plans.append(plan_text(plan))
    findings.violations += [replace(each, file=_from_here(each.file)) for each in check_plan(definition, plan)]


def _from_here(file: str) -> str:
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


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


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
