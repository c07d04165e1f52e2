"""Finds where a saga depends on the order of a set, which differs from process to process."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from google.protobuf.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.analysis.determinism.symbols import Symbols

_SETS: Final = frozenset({"builtins.set", "builtins.frozenset"})
_SET_METHODS: Final = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
_SET_ANNOTATIONS: Final = frozenset({"set", "frozenset", "Set", "AbstractSet", "MutableSet", "FrozenSet"})
_VIEWS: Final = frozenset({"keys", "items"})
_SHOW_ORDER: Final = frozenset(
    f"builtins.{name}" for name in ("list", "tuple", "enumerate", "iter", "zip", "map", "filter", "dict")
)
_METHODS_THAT_SHOW_ORDER: Final = frozenset({"join", "extend"})
_HIDE_ORDER: Final = frozenset(
    f"builtins.{name}" for name in ("sorted", "set", "frozenset", "min", "max", "any", "all", "len", "sum")
)

Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


class SetOrder:
    """Knows which expressions of a piece of code are sets."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols

    def is_set(self, node: ast.expr | None) -> bool:
        """Whether an expression certainly is a set."""
        match node:
            case ast.Name():
                answer = self._names_set(node)
            case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in _SET_METHODS:
                answer = self.is_set(owner)
            case ast.Call(func=function):
                answer = self._name(function) in _SETS
            case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.BitXor() | ast.Sub(), right=right):
                answer = any(self.is_set(side) or _is_view(side) for side in (left, right))
            case ast.IfExp(body=one, orelse=other):
                answer = self.is_set(one) or self.is_set(other)
            case ast.NamedExpr(value=value):
                answer = self.is_set(value)
            case _:
                answer = isinstance(node, ast.Set | ast.SetComp)
        return answer

    def note(self, target: ast.expr, value: ast.expr | None, annotation: ast.expr | None = None) -> None:
        """Remember a name that holds a set from here on."""
        if isinstance(target, ast.Name) and (self.is_set(value) or is_set_annotation(annotation)):
            self._symbols.scopes[-1].unordered.add(target.id)

    def shown_by(self, node: ast.AST) -> Iterator[ast.expr]:
        """The sets on whose order a statement or expression depends."""
        match node:
            case ast.For(iter=each) | ast.AsyncFor(iter=each):
                used = [each]
            case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
                used = [generator.iter for generator in node.generators]
            case ast.Starred(value=value) | ast.YieldFrom(value=value):
                used = [value]
            case ast.Call():
                used = list(self._shown_by_call(node))
            case _:
                used = []
        yield from (each for each in used if self.is_set(each))

    def hides_order(self, call: ast.Call) -> bool:
        """Whether a call ignores the order of its arguments, as ``sorted`` does."""
        return self._name(call.func) in _HIDE_ORDER

    def _shown_by_call(self, call: ast.Call) -> Iterator[ast.expr]:
        given = (*call.args, *(keyword.value for keyword in call.keywords))
        symbol = self._symbols.find(call.func)
        if symbol is not None:
            is_message = isinstance(symbol.value, type) and issubclass(symbol.value, Message)
            yield from given if is_message or symbol.name in _SHOW_ORDER else ()
        elif isinstance(call.func, ast.Attribute):
            if call.func.attr == "pop" and not given:
                yield call.func.value
            yield from given if call.func.attr in _METHODS_THAT_SHOW_ORDER else ()

    def _name(self, function: ast.expr) -> str:
        symbol = self._symbols.find(function)
        return symbol.name if symbol else ""

    def _names_set(self, node: ast.Name) -> bool:
        symbol = self._symbols.find(node)
        if symbol is not None:
            return isinstance(symbol.value, set | frozenset)
        return any(node.id in scope.unordered for scope in self._symbols.scopes)


def is_set_annotation(annotation: ast.expr | None) -> bool:
    """Whether an annotation such as ``set[str]`` says that a name holds a set."""
    bare = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    name = bare.attr if isinstance(bare, ast.Attribute) else getattr(bare, "id", "")
    return name in _SET_ANNOTATIONS


def _is_view(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr=method)):
            return method in _VIEWS
        case _:
            return False
