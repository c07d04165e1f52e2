"""Finds saga definitions by the names of the modules that hold them.

In a package, every module that declares a saga is found, whether its ``__init__`` imports the module or not. Otherwise
an old version that is not served would be noticed only when its sagas are not recovered.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from importlib.abc import InspectLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.api.application import servicers_in
from orchestrator.cli.loading.overlays import lay_overlays
from orchestrator.cli.output.exit import refuse
from orchestrator.console.application_pages import pages_in
from orchestrator.definition.saga import definitions_in
from orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from orchestrator.api.application import Servicers
    from orchestrator.console.application_pages import Pages
    from orchestrator.definition.saga import SagaDefinition

_SAGAS: Final = re.compile(r"^@(\w+\.)*saga\(", re.MULTILINE)
_APPLICATION: Final = re.compile(r"^@(\w+\.)*(saga\(|servicers\b|pages\()", re.MULTILINE)


class LoadedApplication(NamedTuple):
    """What some modules hold.

    Attributes:
        definitions: of sagas.
        servicers: what registers servicers beside them.
        pages: what makes pages of the console beside them.
    """

    definitions: tuple[SagaDefinition[Any, Any, Any], ...]
    servicers: tuple[Servicers, ...]
    pages: tuple[Pages, ...]


def load_definitions(
    modules: Iterable[str], overlays: Iterable[Path] | None = None
) -> tuple[SagaDefinition[Any, Any, Any], ...]:
    """The saga definitions of some modules, which are imported, also from the working directory.

    Args:
        modules: their names; none for the modules of ``ORCHESTRATOR_SAGAS``.
        overlays: what to say of contracts that are not ours to edit; none for the files of ``ORCHESTRATOR_OVERLAYS``.

    Raises:
        typer.Exit: with code 2, none is named, or one does not exist or holds no saga; with code 1, one cannot be
            imported.
        DefinitionError: a saga is declared in a way that cannot work.
        ContractError: an overlay cannot be read.
    """
    return definitions_in(_load_all(modules, overlays, _SAGAS))


def load_application(modules: Iterable[str], overlays: Iterable[Path] | None = None) -> LoadedApplication:
    """What some modules hold, and not their saga definitions alone; see :func:`load_definitions`."""
    loaded = _load_all(modules, overlays, _APPLICATION)
    return LoadedApplication(definitions_in(loaded), tuple(servicers_in(loaded)), tuple(pages_in(loaded)))


def _load_all(modules: Iterable[str], overlays: Iterable[Path] | None, declares: re.Pattern[str]) -> list[ModuleType]:
    import_from_here()
    lay_overlays(overlays)
    loaded = []
    for name in tuple(modules) or _configured():
        found = [_load(name), *map(_load, _declaring(name, declares))]
        if not definitions_in(found):
            refuse(f"module {name} holds no saga; name one whose functions are declared with @saga")
        loaded += found
    return loaded


def _configured() -> tuple[str, ...]:
    """The modules that the settings name."""
    from orchestrator.settings import read_settings  # noqa: PLC0415 - pydantic is imported only where no module is named

    if configured := read_settings().sagas:
        return configured
    return refuse("which sagas? Name the module that holds them: --sagas <module>, or ORCHESTRATOR_SAGAS=<module>")


def _declaring(name: str, declares: re.Pattern[str]) -> Iterator[str]:
    """The names of the modules in a package whose source declares something; no other module is imported."""
    for found in pkgutil.iter_modules(getattr(_load(name), "__path__", ()), f"{name}."):
        if found.ispkg:
            yield from _declaring(found.name, declares)
            continue
        spec = found.module_finder.find_spec(found.name, None)
        loader = spec.loader if spec else None
        source = loader.get_source(found.name) if isinstance(loader, InspectLoader) else None
        if source and declares.search(source):
            yield found.name


def import_from_here() -> None:
    """Find modules in the working directory first, as `python -m` does, however the command was started."""
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
    except Exception as error:  # noqa: BLE001 - any error of user code that is imported is reported in one line
        refuse(f"module {name} cannot be imported: {type(error).__name__}: {error}", code=1)
