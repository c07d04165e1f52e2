"""Resolves the names of saga code to full dotted names: ``dt.now`` to ``datetime.datetime.now``.

Names are resolved through the imports and aliases of the module and of the function; nothing is called.
"""

from __future__ import annotations

import ast
import builtins
import sys
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN: Final = object()
"""The value of a thing that was not there to be looked at."""

_NAMED: Final = (type, FunctionType, BuiltinFunctionType, MethodType)
# The public names of modules that are known under another name.
_KNOWN_AS: Final = {"posix": "os", "nt": "os", "posixpath": "os.path", "ntpath": "os.path", "genericpath": "os.path"}


class Symbol(NamedTuple):
    """What a name stands for.

    Attributes:
        name: its full dotted name; that of its class, for an object that is neither class, function nor module.
        value: the object itself, or ``UNKNOWN``.
    """

    name: str
    value: object = UNKNOWN


@dataclass(slots=True)
class Scope:
    """The names that one function binds itself.

    Attributes:
        bound: its parameters and the names that it assigns: nothing is known of their values.
        imported: the names that it imports itself, with their full dotted names.
        unordered: those of its names that hold sets.
    """

    bound: set[str] = field(default_factory=set)
    imported: dict[str, str] = field(default_factory=dict)
    unordered: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Symbols:
    """What a piece of code sees.

    Attributes:
        module: the objects of its module, and of the functions around it.
        scopes: the functions being read, the innermost last.
    """

    module: Mapping[str, object]
    scopes: list[Scope] = field(default_factory=list)

    def find(self, expression: ast.expr) -> Symbol | None:
        """The symbol of an expression, found without a call; None for a name that the function binds itself."""
        match expression:
            case ast.Name(id=name):
                return self._named(name)
            case ast.Attribute(value=owner, attr=attribute):
                known = self.find(owner)
                return _attribute(known, attribute) if known else None
            case _:
                return None

    def _named(self, name: str) -> Symbol | None:
        for scope in reversed(self.scopes):
            if name in scope.imported:
                return _imported(scope.imported[name])
            if name in scope.bound:
                return None
        value = self.module.get(name, getattr(builtins, name, UNKNOWN))
        return None if value is UNKNOWN else Symbol(name_of(value), value)


def is_beside(module: str, home: str) -> bool:
    """Whether two modules are the same, or in the same package; both by their full names."""
    package = home.rpartition(".")[0]
    return module == home or (bool(package) and module.rpartition(".")[0] == package)


def name_of(value: object) -> str:
    """The full dotted name of a module, class or function; of other objects, that of their class."""
    if isinstance(value, ModuleType):
        return _known_as(value.__name__)
    if isinstance(value, BuiltinFunctionType | MethodType) and value.__self__ is not None:
        return f"{name_of(value.__self__)}.{value.__name__}"
    named = value if isinstance(value, _NAMED) else type(value)
    return _public(named, named.__module__ or "builtins", named.__qualname__)


def _public(value: object, module: str, name: str) -> str:
    """The shortest name under which a thing of a package is found: ``asyncio.sleep``, not ``asyncio.tasks.sleep``."""
    parts = module.split(".")
    for length in range(1, len(parts)):
        package = sys.modules.get(".".join(parts[:length]))
        if package is not None and vars(package).get(name, UNKNOWN) is value:
            return f"{_known_as(package.__name__)}.{name}"
    return f"{_known_as(module)}.{name}"


def _known_as(module: str) -> str:
    return _KNOWN_AS.get(module, module.lstrip("_"))


def _imported(name: str) -> Symbol:
    """The full names that an import within a function binds; nothing is imported."""
    if (module := sys.modules.get(name)) is not None:
        return Symbol(name_of(module), module)
    owner, _, attribute = name.rpartition(".")
    return _attribute(_imported(owner), attribute) if owner else Symbol(name)


def _attribute(owner: Symbol, attribute: str) -> Symbol:
    name = f"{owner.name}.{attribute}"
    if not isinstance(owner.value, ModuleType | type):
        return Symbol(name)
    # The names of the language are found when they are first used.
    is_ours = owner.name == "orchestrator" and isinstance(owner.value, ModuleType)
    value = getattr(owner.value, attribute, UNKNOWN) if is_ours else vars(owner.value).get(attribute, UNKNOWN)
    # What a module merely imports is known by the name that it has at home.
    elsewhere = isinstance(owner.value, ModuleType) and isinstance(value, (*_NAMED, ModuleType))
    return Symbol(name_of(value) if elsewhere else name, value)
