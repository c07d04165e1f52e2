"""What ``orchestrator check`` finds in contracts and sagas.

Apart from the command, because what it imports takes a while, and other commands do without.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.analysis.plan.reader import read_plan
from orchestrator.analysis.plan.sending import sent_by
from orchestrator.analysis.plan.text import plan_text
from orchestrator.analysis.rules import check_plan
from orchestrator.cli.loading.importable import stub_module
from orchestrator.contract.access import states_access
from orchestrator.contract.image import same_contract
from orchestrator.contract.rpc import commands_of
from orchestrator.contract.rules.access import check_access
from orchestrator.contract.rules.http import check_mapped
from orchestrator.contract.rules.messages import check_messages
from orchestrator.contract.rules.overlays import check_overlays
from orchestrator.contract.rules.services import check_service
from orchestrator.contract.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor

    from orchestrator.definition.saga import SagaDefinition

    Definition = SagaDefinition[Any, Any, Any]

_OUR_PACKAGE = "saga.v1"


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


def findings_in(
    definitions: Sequence[Definition],
    files: Sequence[FileDescriptor],
    beside: Iterable[ServiceDescriptor],
    participants: Mapping[str, str],
) -> Findings:
    """Everything that is wrong.

    Args:
        definitions: the sagas.
        files: of contracts, compiled from the disk.
        beside: the services that an application serves.
        participants: where services are, by their full names; those that are not named are not asked for HTTP rules.
    """
    findings = Findings()
    _check_overlays(definitions, files, findings)
    _check_files(files, findings)
    _check_api(files, beside, findings)
    for definition in definitions:
        _check_saga(definition, findings)
    services = {name: service for definition in definitions for name, service in definition.services.items()}
    findings.violations += check_mapped(services.values(), participants, sent_by(definitions))
    return findings


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


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
