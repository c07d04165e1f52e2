"""Finds saga definitions by the names of the modules that hold them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli.refusal import refuse
from orchestrator.definition.saga import definitions_in
from orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from orchestrator.definition.saga import SagaDefinition

DEFAULT_MODULE = "orchestrator.sagas"


def load_definitions(modules: Iterable[str]) -> tuple[SagaDefinition[Any, Any, Any], ...]:
    """The saga definitions of some modules, which are imported, also from the working directory.

    Raises:
        typer.Exit: with code 2, a module does not exist or holds no saga; with code 1, it cannot be imported.
        DefinitionError: a saga is declared in a way that cannot work.
    """
    import_from_here()
    loaded = [_load(name) for name in modules]
    for module in loaded:
        if not definitions_in([module]):
            refuse(f"module {module.__name__} holds no saga; name one whose functions are declared with @saga")
    return definitions_in(loaded)


def import_from_here() -> None:
    """Find modules in the working directory first, as with `python -m`: however the command was started."""
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)


def _load(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except OrchestratorError:
        raise
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            refuse(f"there is no module {name!r}")
        refuse(f"module {name} cannot be imported: {error}", code=1)
    except Exception as error:  # noqa: BLE001 - whatever user code raises while it is imported, it is told in one line
        refuse(f"module {name} cannot be imported: {type(error).__name__}: {error}", code=1)
