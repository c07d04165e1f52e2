"""The values of the names of a saga's code, as far as its plan depends on them.

Only stubs and the functions that may use them matter; every other value is :data:`OTHER`. A name that may hold one stub
or another is :data:`AMBIGUOUS`, so that a plan reports what it cannot know.
"""

from __future__ import annotations

import ast
import enum
import inspect
import textwrap
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.contract.command import Command
    from orchestrator.definition.participants import Participant

Place = tuple[int, int]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Stubs:
    """The dataclass of stubs."""

    participants: tuple[Participant, ...]


@dataclass(frozen=True, slots=True)
class Stub:
    """One stub."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a stub."""

    command: Command


@dataclass(frozen=True, slots=True)
class Missing:
    """An attribute that a stub or the dataclass of stubs does not have."""

    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function whose source can be read, and the names that it sees."""

    node: FunctionNode
    names: Names

    @property
    def name(self) -> str:
        """Its name, or ``lambda``."""
        return "lambda" if isinstance(self.node, ast.Lambda) else self.node.name

    @property
    def place(self) -> Place:
        """Its place in the source, which no other function of its module has."""
        return self.node.lineno, self.node.col_offset

    def parameters(self) -> list[str]:
        """The names of all its parameters."""
        written = self.node.args
        several = (each for each in (written.vararg, written.kwarg) if each)
        return [each.arg for each in (*written.posonlyargs, *written.args, *written.kwonlyargs, *several)]

    def arguments(self, call: ast.Call) -> tuple[dict[str, ast.expr], list[ast.expr]]:
        """The arguments of a call: those of known parameters, by name, and the others."""
        written = self.node.args
        positional = [each.arg for each in (*written.posonlyargs, *written.args)]
        named = {each.arg for each in (*written.args, *written.kwonlyargs)}
        spread = next((at for at, each in enumerate(call.args) if isinstance(each, ast.Starred)), len(call.args))
        told = min(spread, len(positional))
        bound = dict(zip(positional, call.args[:told], strict=False))
        others = list(call.args[told:])
        for keyword in call.keywords:
            if keyword.arg in named:
                bound[str(keyword.arg)] = keyword.value
            else:
                others.append(keyword.value)
        return bound, others


@dataclass(slots=True, eq=False)
class Group:
    """An asyncio.TaskGroup; ``spawned`` counts the tasks that were read so far."""

    spawned: int = 0


class Unspecific(enum.Enum):
    """A value that is no single stub or function."""

    OTHER = enum.auto()
    AMBIGUOUS = enum.auto()


OTHER = Unspecific.OTHER
AMBIGUOUS = Unspecific.AMBIGUOUS

Value = Stubs | Stub | Method | Missing | Function | Group | Unspecific


@dataclass(slots=True, eq=False)
class Names:
    """The names that a function's code sees: its own, those around it, those of its module.

    Attributes:
        module: the objects of its module and of the functions that enclosed it when it was made.
        outer: the names of the function around it, where that is read too.
    """

    module: Mapping[str, object]
    outer: Names | None = None
    _values: dict[str, Value] = field(default_factory=dict)
    _types: dict[str, Descriptor | None] = field(default_factory=dict)

    def note_type(self, name: str, kind: Descriptor | None) -> None:
        """Note that ``name`` holds a message of this kind; where it already holds another kind, the kind is unknown."""
        self._types[name] = kind if self._types.get(name, kind) is kind else None

    def type_of(self, expression: ast.AST | None) -> Descriptor | FieldDescriptor | None:
        """The type of the message in an expression, or the field whose value it is; None where neither is known."""
        match expression:
            case ast.Name(id=name) if name in self._types:
                return self._types[name]
            case ast.Name(id=name) if self.outer is not None and name not in self._values:
                return self.outer.type_of(expression)
            case ast.Attribute(value=owner, attr=attribute):
                message = self.type_of(owner)
                found = message.fields_by_name.get(attribute) if isinstance(message, Descriptor) else None
                plain = found is not None and found.message_type is not None and not found.is_repeated
                return found.message_type if found is not None and plain else found
            case ast.Await(value=ast.Call(func=called)):
                method = self.value_of(called)
                return message_of(method.command) if isinstance(method, Method) else None
            case _:
                return None

    def item_of(self, expression: ast.expr) -> Descriptor | None:
        """The kind of the messages that a repeated field holds."""
        several = self.type_of(expression)
        kind = several.message_type if isinstance(several, FieldDescriptor) and several.is_repeated else None
        return None if kind is None or kind.GetOptions().map_entry else kind

    def bind(self, name: str, value: Value) -> None:
        """Note that ``name`` holds ``value`` from here on; where it already held a stub, it is ambiguous."""
        known = self._values.get(name, OTHER)
        unambiguous = known is OTHER or known == value or isinstance(known, Group)
        self._values[name] = value if unambiguous else AMBIGUOUS

    def find(self, name: str) -> Value | None:
        """The value of a name; None where the name is the module's or unknown."""
        value = self._values.get(name)
        if value is None and self.outer is not None:
            return self.outer.find(name)
        return value

    def value_of(self, expression: ast.AST | None) -> Value | None:
        """The stub, method or function that is an expression's value, found without a call."""
        match expression:
            case ast.Name(id=name):
                return self.find(name)
            case ast.Attribute(value=owner, attr=attribute):
                return _attribute(self.value_of(owner), attribute)
            case ast.Lambda():
                return Function(expression, self)
            case _:
                return None

    def object_of(self, expression: ast.expr) -> object:
        """The object of the module, such as ``asyncio.gather``, that a dotted name refers to; None for other names."""
        match expression:
            case ast.Name(id=name) if self.find(name) is None:
                return self.module.get(name)
            case ast.Attribute(value=owner, attr=attribute):
                module = self.object_of(owner)
                return getattr(module, attribute, None) if isinstance(module, ModuleType) else None
            case _:
                return None


def message_of(command: Command) -> Descriptor:
    """The kind of message that a command answers with."""
    return cast("Descriptor", command.response.DESCRIPTOR)


def _attribute(owner: Value | None, attribute: str) -> Value | None:
    match owner:
        case Stubs(participants):
            found = next((each for each in participants if each.field == attribute), None)
            return Stub(found) if found else Missing(f"`{attribute}` is no stub among the saga's")
        case Stub(participant):
            command = participant.commands.get(attribute)
            return Method(command) if command else Missing(f"{participant.service.name} has no rpc `{attribute}`")
        case Unspecific.AMBIGUOUS:
            return AMBIGUOUS
        case _:
            return None


def function_of(function: Callable[..., Any]) -> Function | None:
    """A Python function as its source says; None where there is no source."""
    if not isinstance(function, FunctionType):
        return None
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return None
    ast.increment_lineno(tree, first - 1)
    node = tree.body[0] if tree.body else None
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    return Function(node, Names(function.__globals__ | _closure(function)))


def _closure(function: FunctionType) -> dict[str, object]:
    """The variables that the function uses of functions around it; empty cells are left out."""
    closed = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            closed[name] = cell.cell_contents
        except ValueError:
            continue
    return closed
