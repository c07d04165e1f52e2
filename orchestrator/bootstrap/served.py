"""What a process serves: sagas that break no rule, and the services that they use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.analysis.rules import check_definition
from orchestrator.errors import DefinitionError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import ServiceDescriptor

    from orchestrator.definition.saga import SagaDefinition

    Definition = SagaDefinition[Any, Any, Any]


def refuse_violations(definitions: Iterable[Definition]) -> None:
    """Serve no saga that breaks a rule, or whose contracts do.

    Raises:
        DefinitionError: one does; the message names every violation.
    """
    refuse_listed(violation for definition in definitions for violation in check_definition(definition))


def refuse_listed(violations: Iterable[object]) -> None:
    """Serve nothing while there are violations.

    Raises:
        DefinitionError: there are; the message names each of them once.
    """
    if told := dict.fromkeys(map(str, violations)):
        raise DefinitionError("\n".join(["not served, because of:", *told]))


def services_of(definitions: Iterable[Definition]) -> dict[str, ServiceDescriptor]:
    """The services that the sagas call, or that compensate for them, by their full names."""
    return {name: service for definition in definitions for name, service in definition.services.items()}


def refuse_unused(variable: str, set_here: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a setting for a name that nothing here has: it was mistyped, or is set for another process.

    Args:
        variable: of the setting, without ``ORCHESTRATOR_``.
        set_here: the names that something is set for.
        known: the names of what is served, or is used by it.

    Raises:
        SettingsError: there is such a name.
    """
    if unused := sorted(set(set_here) - set(known)):
        there_are = ", ".join(sorted(known))
        told = f"no saga that is served is or uses {', '.join(unused)}; there are: {there_are}"
        raise SettingsError(f"ORCHESTRATOR_{variable}: {told}")
