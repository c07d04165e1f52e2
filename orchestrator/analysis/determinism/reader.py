"""Reads one function or class for :mod:`orchestrator.analysis.determinism.check`."""

from __future__ import annotations

import ast
import asyncio
from types import FunctionType
from typing import TYPE_CHECKING, Final

from orchestrator.analysis.determinism.nondeterminism import VALUES, forbidden
from orchestrator.analysis.determinism.set_order import SetOrder, is_set_annotation
from orchestrator.analysis.determinism.symbols import Scope, is_beside
from orchestrator.definition import context, waiting
from orchestrator.definition.publishing import publish

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.analysis.determinism.symbols import Symbol, Symbols

AWAITS: Final = "awaits-are-commands"
ORDER: Final = "order-is-fixed"

_FOREIGN: Final = (
    "is awaited and is no command; await commands, child(...), sleep(...), signal(...), asyncio.gather and functions "
    "of this module, and let a participant do the rest"
)
_IN_ANY_ORDER: Final = "is a set, whose order differs from process to process; go through sorted(...) of it"
_NOT_JOURNALLED: Final = "is a variable of the module, which is not in the journal; keep it in the saga's function"

# The functions that take awaitables and join them, or are awaited themselves.
_JOINS: Final = (asyncio.gather, context.best_effort)
_LANGUAGE: Final = (
    context.child,
    waiting.sleep,
    waiting.sleep_until,
    waiting.signal,
    waiting.approval,
    waiting.timeout,
    publish,
)
_CREATE_TASK: Final = "create_task"

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class DeterminismReader(ast.NodeVisitor):
    """Reads one piece of code.

    Args:
        symbols: what the code sees.
        commands: the commands that the plan knows, by line and method.
        judges_awaits: the plan knows all commands, so anything else that is awaited is foreign.

    Attributes:
        found: what is wrong: line, rule and message.
        used: the functions and classes that the code uses.
    """

    def __init__(self, symbols: Symbols, commands: frozenset[tuple[int, str]], *, judges_awaits: bool) -> None:
        self.found: list[tuple[int, tuple[str, str]]] = []
        self.used: list[object] = []
        self._symbols = symbols
        self._commands = commands
        self._judges_awaits = judges_awaits
        self._unordered = SetOrder(symbols)
        self._order_hidden: set[ast.AST] = set()

    def visit(self, node: ast.AST) -> None:
        """Read a node and what is beneath it."""
        if node not in self._order_hidden:
            for each in self._unordered.shown_by(node):
                self._tell(each, ORDER, _IN_ANY_ORDER)
        super().visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """A name, which may be that of a forbidden symbol."""
        self._look(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """A dotted name, which is judged as a whole."""
        if not self._look(node):
            self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        """The module's own variables."""
        self.found.append((node.lineno, (VALUES, f"`{', '.join(node.names)}` {_NOT_JOURNALLED}")))

    def visit_Await(self, node: ast.Await) -> None:
        """Only what the journal can answer may be awaited."""
        self._judge(node.value)
        self.generic_visit(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        """Read it like an await of each item."""
        self._judge(node.iter)
        self.generic_visit(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        """Read it like an await of each item."""
        for item in node.items:
            self._judge(item.context_expr)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        """Read it like an await of each item, where it is asynchronous."""
        if node.is_async:
            self._judge(node.iter)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """A call may join awaitables, and may ignore the order of its arguments."""
        symbol = self._symbols.find(node.func)
        starts_task = isinstance(node.func, ast.Attribute) and node.func.attr == _CREATE_TASK
        if starts_task or (symbol is not None and _is_one_of(symbol, *_JOINS)):
            for each in node.args:
                self._judge(each)
        if self._unordered.hides_order(node):
            self._order_hidden.update(each for each in node.args if isinstance(each, ast.GeneratorExp | ast.ListComp))
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """A name may hold a set from here on."""
        for target in node.targets:
            self._note(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Read it like an assignment; annotations are not code that runs."""
        self._note(node.target, node.value, node.annotation)
        for each in filter(None, (node.target, node.value)):
            self.visit(each)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """Read it like an assignment."""
        self._note(node.target, node.value)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """A nested function."""
        self._read_function(node, node.body, node.decorator_list)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """A nested function."""
        self._read_function(node, node.body, node.decorator_list)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """A nested function."""
        self._read_function(node, [node.body], ())

    def _read_function(self, node: _Function, body: Iterable[ast.AST], decorators: Iterable[ast.expr]) -> None:
        arguments = node.args
        is_outermost = not self._symbols.scopes
        # The decorators of the saga itself run when its module is imported.
        for each in (*(() if is_outermost else decorators), *arguments.defaults, *filter(None, arguments.kw_defaults)):
            self.visit(each)
        self._symbols.scopes.append(_scope_of(node))
        for statement in body:
            self.visit(statement)
        self._symbols.scopes.pop()

    def _note(self, target: ast.expr, value: ast.expr | None, annotation: ast.expr | None = None) -> None:
        if self._symbols.scopes:
            self._unordered.note(target, value, annotation)

    def _look(self, node: ast.Name | ast.Attribute) -> bool:
        """Judge the symbol of a name, and return whether the symbol is known."""
        symbol = self._symbols.find(node)
        if symbol is None:
            return False
        if (why := _forbidden(symbol)) is not None:
            self._tell(node, *why)
        else:
            self.used.append(symbol.value)
        return True

    def _judge(self, awaited: ast.expr) -> None:
        if self._judges_awaits:
            for each in self._foreign(awaited):
                self._tell(each, AWAITS, _FOREIGN)

    def _foreign(self, awaited: ast.expr) -> Iterator[ast.expr]:
        """The parts of an awaited expression that are certainly neither commands nor code that is read here."""
        match awaited:
            case ast.IfExp(body=one, orelse=other):
                parts = [one, other]
            case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
                pass
            case ast.Starred(value=part) | ast.NamedExpr(value=part):
                parts = [part]
            case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part):
                parts = [part]
            case ast.Call():
                parts = []
                if not self._is_own(awaited):
                    yield awaited
            case _:
                parts = []
        for part in parts:
            yield from self._foreign(part)

    def _is_own(self, call: ast.Call) -> bool:
        """Whether a call is a command, part of the language, or code that is read here too, as far as is known."""
        symbol = self._symbols.find(call.func)
        if symbol is not None:
            if _forbidden(symbol) is not None:  # another rule reports it
                return True
            return _is_one_of(symbol, *_JOINS, *_LANGUAGE, asyncio.TaskGroup) or self._may_be_read(symbol.value)
        match call.func:
            case ast.Name():
                return True  # a nested function, or a parameter
            case ast.Attribute(attr=method):
                return method == _CREATE_TASK or (call.lineno, method) in self._commands
            case _:
                return False

    def _may_be_read(self, value: object) -> bool:
        """Whether the value is a function of the code around, and not of a library."""
        home = str(self._symbols.module.get("__name__", ""))
        return isinstance(value, FunctionType) and is_beside(value.__module__, home)

    def _tell(self, node: ast.expr, rule: str, message: str) -> None:
        self.found.append((node.lineno, (rule, f"`{ast.unparse(node)}` {message}")))


def _is_one_of(symbol: Symbol, *values: object) -> bool:
    return any(symbol.value is value for value in values)  # identity, because libraries may define equality otherwise


def _forbidden(symbol: Symbol) -> tuple[str, str] | None:
    if isinstance(symbol.value, type) and issubclass(symbol.value, BaseException):
        return None
    why = forbidden(symbol.name)
    return (why.rule, why.message) if why else None


def _scope_of(function: _Function) -> Scope:
    """The names that a function binds, without the names of nested functions."""
    scope = Scope()
    written = function.args
    several = (each for each in (written.vararg, written.kwarg) if each)
    for parameter in (*written.posonlyargs, *written.args, *written.kwonlyargs, *several):
        scope.bound.add(parameter.arg)
        if is_set_annotation(parameter.annotation):
            scope.unordered.add(parameter.arg)
    body = function.body if isinstance(function.body, list) else [function.body]
    for node in (each for statement in body for each in _own(statement)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.ExceptHandler(name=str(name)):
                scope.bound.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                scope.bound.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                scope.bound.add(name)
            case ast.Import(names=aliases):
                # `import a.b` binds `a`; `import a.b as c` binds `a.b`.
                scope.imported |= {each.asname or each.name.partition(".")[0]: _imported(each) for each in aliases}
            case ast.ImportFrom(module=str(module), names=aliases):
                scope.imported |= {each.asname or each.name: f"{module}.{each.name}" for each in aliases}
    return scope


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all beneath it, without the contents of nested functions and classes."""
    yield node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        for child in ast.iter_child_nodes(node):
            yield from _own(child)


def _imported(alias: ast.alias) -> str:
    return alias.name if alias.asname else alias.name.partition(".")[0]
