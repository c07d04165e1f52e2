"""Reads one function or class for :mod:`orchestrator.analysis.determinism.check`."""

from __future__ import annotations

import ast
import asyncio
from types import FunctionType
from typing import TYPE_CHECKING, Final

from orchestrator.analysis.determinism.nondeterminism import VALUES, forbidden
from orchestrator.analysis.determinism.set_order import Unordered, is_set_annotation
from orchestrator.analysis.determinism.symbols import Scope, is_beside
from orchestrator.definition import context

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.analysis.determinism.symbols import Thing, Things

AWAITS: Final = "awaits-are-commands"
ORDER: Final = "order-is-fixed"

_FOREIGN: Final = (
    "is awaited and is no command; await commands, child(...), asyncio.gather and functions of this module, "
    "and let a participant do the rest"
)
_IN_ANY_ORDER: Final = "is a set, whose order differs from process to process; go through sorted(...) of it"
_NOT_JOURNALLED: Final = "is a variable of the module, which is not in the journal; keep it in the saga's function"

# What takes awaitables and is itself awaited, or joins them.
_JOINS: Final = (asyncio.gather, context.best_effort)
_CREATE_TASK: Final = "create_task"

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class DeterminismReader(ast.NodeVisitor):
    """Reads one piece of code.

    Args:
        things: what the code sees.
        commands: where the plan knows commands: by line and method.
        judges_awaits: the plan knows all of them, so what is awaited besides is foreign.

    Attributes:
        found: what is wrong: line, rule and message.
        used: the functions and classes that the code uses.
    """

    def __init__(self, things: Things, commands: frozenset[tuple[int, str]], *, judges_awaits: bool) -> None:
        self.found: list[tuple[int, tuple[str, str]]] = []
        self.used: list[object] = []
        self._things = things
        self._commands = commands
        self._judges_awaits = judges_awaits
        self._unordered = Unordered(things)
        self._order_hidden: set[ast.AST] = set()

    def visit(self, node: ast.AST) -> None:
        """Read a node and what is beneath it."""
        if node not in self._order_hidden:
            for each in self._unordered.shown_by(node):
                self._tell(each, ORDER, _IN_ANY_ORDER)
        super().visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """A name, which may stand for something forbidden."""
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
        """As an await of each."""
        self._judge(node.iter)
        self.generic_visit(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        """As an await of each."""
        for item in node.items:
            self._judge(item.context_expr)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        """As an await of each, where it is asynchronous."""
        if node.is_async:
            self._judge(node.iter)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """A call may join awaitables, and may make nothing of the order of what it is given."""
        thing = self._things.find(node.func)
        starts_task = isinstance(node.func, ast.Attribute) and node.func.attr == _CREATE_TASK
        if starts_task or (thing is not None and _is_one_of(thing, *_JOINS)):
            for each in node.args:
                self._judge(each)
        if self._unordered.hides_order(node):
            self._order_hidden.update(each for each in node.args if isinstance(each, ast.GeneratorExp | ast.ListComp))
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """A name may stand for a set from here on."""
        for target in node.targets:
            self._note(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """As an assignment; annotations are not code that runs."""
        self._note(node.target, node.value, node.annotation)
        for each in filter(None, (node.target, node.value)):
            self.visit(each)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """As an assignment."""
        self._note(node.target, node.value)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """A function within."""
        self._read_function(node, node.body, node.decorator_list)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """A function within."""
        self._read_function(node, node.body, node.decorator_list)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """A function within."""
        self._read_function(node, [node.body], ())

    def _read_function(self, node: _Function, body: Iterable[ast.AST], decorators: Iterable[ast.expr]) -> None:
        arguments = node.args
        is_outermost = not self._things.scopes
        # The decorators of the saga itself run when its module is imported.
        for each in (*(() if is_outermost else decorators), *arguments.defaults, *filter(None, arguments.kw_defaults)):
            self.visit(each)
        self._things.scopes.append(_scope_of(node))
        for statement in body:
            self.visit(statement)
        self._things.scopes.pop()

    def _note(self, target: ast.expr, value: ast.expr | None, annotation: ast.expr | None = None) -> None:
        if self._things.scopes:
            self._unordered.note(target, value, annotation)

    def _look(self, node: ast.Name | ast.Attribute) -> bool:
        """Whether it is known what a name stands for; then it has been judged."""
        thing = self._things.find(node)
        if thing is None:
            return False
        if (why := _forbidden(thing)) is not None:
            self._tell(node, *why)
        else:
            self.used.append(thing.value)
        return True

    def _judge(self, awaited: ast.expr) -> None:
        if self._judges_awaits:
            for each in self._foreign(awaited):
                self._tell(each, AWAITS, _FOREIGN)

    def _foreign(self, awaited: ast.expr) -> Iterator[ast.expr]:
        """The parts of what is awaited that are certainly neither commands nor read here."""
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
        """Whether a call is a command, the language, or code that is read here too, as far as that can be told."""
        thing = self._things.find(call.func)
        if thing is not None:
            if _forbidden(thing) is not None:  # which is told already
                return True
            return _is_one_of(thing, *_JOINS, context.child, asyncio.TaskGroup) or self._may_be_read(thing.value)
        match call.func:
            case ast.Name():
                return True  # the function's own: a function within, or one that was handed over
            case ast.Attribute(attr=method):
                return method == _CREATE_TASK or (call.lineno, method) in self._commands
            case _:
                return False

    def _may_be_read(self, value: object) -> bool:
        """Whether it is a function that belongs to the code around, and not to a library."""
        home = str(self._things.module.get("__name__", ""))
        return isinstance(value, FunctionType) and is_beside(value.__module__, home)

    def _tell(self, node: ast.expr, rule: str, message: str) -> None:
        self.found.append((node.lineno, (rule, f"`{ast.unparse(node)}` {message}")))


def _is_one_of(thing: Thing, *values: object) -> bool:
    return any(thing.value is value for value in values)  # what others define as equal does not matter


def _forbidden(thing: Thing) -> tuple[str, str] | None:
    if isinstance(thing.value, type) and issubclass(thing.value, BaseException):
        return None
    why = forbidden(thing.name)
    return (why.rule, why.message) if why else None


def _scope_of(function: _Function) -> Scope:
    """The names that a function binds; those of functions within are theirs."""
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
    """A node and all beneath it, but for what is within functions and classes."""
    yield node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        for child in ast.iter_child_nodes(node):
            yield from _own(child)


def _imported(alias: ast.alias) -> str:
    return alias.name if alias.asname else alias.name.partition(".")[0]
