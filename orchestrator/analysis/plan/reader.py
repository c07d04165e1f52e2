"""Reads the plan of a saga from its source, without running it.

The reader follows the stubs that the saga receives, under every name that they are given, through nested functions and
functions of the same module. Where it cannot follow a stub, it reports an
:class:`~orchestrator.analysis.plan.nodes.Unread`. It reads nothing but the source text of the functions.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from google.protobuf.descriptor import Descriptor

from orchestrator.analysis.plan.building import body_of, branch, loop, parallel
from orchestrator.analysis.plan.call_faults import dropped, names_used, operands
from orchestrator.analysis.plan.expressions import ExpressionReader
from orchestrator.analysis.plan.frame import Frame
from orchestrator.analysis.plan.names import OTHER, Function, Group, Method, Stub, Stubs, function_of
from orchestrator.analysis.plan.nodes import Arm, Leave, Node, Sequence, TimeLimit, Try, Way
from orchestrator.analysis.plan.plan import CodeFault, Plan
from orchestrator.analysis.plan.scope_names import SCOPE, scope_faults
from orchestrator.definition import context, waiting
from orchestrator.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.definition.saga import SagaDefinition


def read_plan(definition: SagaDefinition[Any, Any, Any]) -> Plan:
    """The plan of a saga.

    Raises:
        DefinitionError: its source cannot be read.
    """
    return _read(definition, ())


def _read(definition: SagaDefinition[Any, Any, Any], around: tuple[SagaDefinition[Any, Any, Any], ...]) -> Plan:
    function = function_of(definition.function)
    if function is None:
        raise DefinitionError(f"saga {definition}: its source cannot be read; write it as a function in a .py file")
    given, stubs = function.parameters()
    function.names.bind(given, OTHER)
    function.names.bind(stubs, Stubs(definition.participants))
    module = definition.function.__module__
    function.names.note_type(given, cast("Descriptor", definition.input.DESCRIPTOR))
    used = names_used(function.node)
    frame = Frame(function.names, module, calls=(function.place,), sagas=(*around, definition), used=used)
    body = function.node.body
    assert isinstance(body, list), "function_of answers with no lambda"
    root = body_of(StatementReader(frame).statements(body))
    return Plan(
        name=definition.name,
        version=definition.version,
        file=inspect.getsourcefile(definition.function) or module,
        root=root,
        faults=tuple(frame.faults),
        events=tuple(dict.fromkeys(frame.events)),
    )


class StatementReader(ExpressionReader):
    """Reads statements within one frame."""

    def statements(self, body: Iterable[ast.stmt]) -> list[Node]:
        """The nodes of a block of code."""
        return [node for statement in body for node in self._statement(statement)]

    def plan_of_child(self, definition: SagaDefinition[Any, Any, Any]) -> Plan:
        """The plan of a child saga."""
        return _read(definition, self.frame.sagas)

    def _statement(self, statement: ast.stmt) -> list[Node]:
        self.refuse_unawaited(operands(statement))
        match statement:
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                nodes = self._assignment(statement)
            case ast.Return() | ast.Raise() | ast.Break() | ast.Continue():
                nodes = self._leave(statement)
            case ast.If():
                nodes = self._if(statement)
            case ast.Match():
                nodes = self._match(statement)
            case ast.For() | ast.AsyncFor() | ast.While():
                nodes = self._loop(statement)
            case ast.With() | ast.AsyncWith():
                nodes = self.block(statement.items, statement)
            case ast.Try() | ast.TryStar():
                nodes = self._try(statement)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                nodes = self._function(statement)
            case ast.ClassDef():
                nodes = self.expressions(each for each in ast.walk(statement) if isinstance(each, ast.Name))
            case _:
                nodes = self.expression(statement)
        return nodes

    def _sequence(self, body: Iterable[ast.stmt]) -> Sequence:
        return Sequence(tuple(self.statements(body)))

    def _assignment(self, statement: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[Node]:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        pairs: list[tuple[ast.expr, ast.expr | None]] = [(target, statement.value) for target in targets]
        match targets, statement.value:
            case [ast.Tuple(elts=names)], ast.Tuple(elts=values) if len(names) == len(values):
                pairs = list(zip(names, values, strict=True))
        nodes: list[Node] = []
        for position, (target, value) in enumerate(pairs):
            known = self.frame.names.value_of(value)
            if isinstance(target, ast.Name) and isinstance(known, Stubs | Stub | Method | Function):
                self.frame.names.bind(target.id, known)
                continue
            if isinstance(target, ast.Name):
                kind = self.frame.names.type_of(value)
                self.frame.names.note_type(target.id, kind if isinstance(kind, Descriptor) else None)
                if target.id not in self.frame.used:
                    self.refuse_unawaited(dropped(value))
            if position == 0 or value is not pairs[0][1]:  # `a = b = call()` calls once
                nodes += self.expression(value)
            nodes += self.rebind(target)
        return nodes

    def _leave(self, statement: ast.Return | ast.Raise | ast.Break | ast.Continue) -> list[Node]:
        way = Way[type(statement).__name__.upper()]
        nodes = [node for child in ast.iter_child_nodes(statement) for node in self.expression(child)]
        if isinstance(statement, ast.Return) and len(self.frame.calls) == 1:  # what a saga returns is its result
            self.refuse_unawaited([statement.value])
        return [*nodes, Leave(way, statement.lineno)]

    def _if(self, statement: ast.If) -> list[Node]:
        tests = self.expression(statement.test)
        arms = [self._arm_of(f"if {ast.unparse(statement.test)}", statement.body, statement)]
        rest = statement.orelse
        while len(rest) == 1 and isinstance(rest[0], ast.If) and not self.expression(rest[0].test):
            arms.append(self._arm_of(f"elif {ast.unparse(rest[0].test)}", rest[0].body, rest[0]))
            rest = rest[0].orelse
        arms.append(self._arm_of("else", rest, rest[0] if rest else statement))
        return [*tests, *branch(arms)]

    def _match(self, statement: ast.Match) -> list[Node]:
        arms, guards = [], []
        exhaustive = False
        for case in statement.cases:
            self.rebind(case.pattern)
            guards += self.expression(case.guard)
            exhaustive = exhaustive or (case.guard is None and _matches_all(case.pattern))
            arms.append(self._arm_of(f"case {ast.unparse(case.pattern)}", case.body, case.body[0]))
        if not exhaustive:
            arms.append(self._arm_of("else", (), statement))
        return [*self.expression(statement.subject), *guards, *branch(arms)]

    def _arm_of(self, label: str, body: Iterable[ast.stmt], place: ast.stmt | ast.excepthandler) -> Arm:
        return Arm(label, self._sequence(body), place.lineno)

    def _loop(self, statement: ast.For | ast.AsyncFor | ast.While) -> list[Node]:
        if isinstance(statement, ast.While):
            body = [*self.expression(statement.test), *self.statements(statement.body)]
            nodes = loop(f"while {ast.unparse(statement.test)}", body, statement.lineno)
        else:
            label = f"for {ast.unparse(statement.target)} in {ast.unparse(statement.iter)}"
            nodes = [*self.expression(statement.iter), *self.rebind(statement.target)]
            self.note_item(statement.target, statement.iter)
            nodes += loop(label, self.statements(statement.body), statement.lineno)
        return [*nodes, *self.statements(statement.orelse)]

    def _try(self, statement: ast.Try | ast.TryStar) -> list[Node]:
        body = self._sequence(statement.body)
        handlers = []
        for handler in statement.handlers:
            if handler.name:
                self.frame.names.bind(handler.name, OTHER)
            label = f"except {ast.unparse(handler.type)}" if handler.type else "except"
            handlers.append(self._arm_of(label, handler.body, handler))
        otherwise, finally_ = self._sequence(statement.orelse), self._sequence(statement.finalbody)
        arms = tuple(handlers)
        if not any(part.nodes for part in (body, otherwise, finally_, *(arm.body for arm in arms))):
            return []
        return [Try(body, arms, otherwise, finally_, statement.lineno)]

    def block(self, items: list[ast.withitem], statement: ast.With | ast.AsyncWith) -> list[Node]:
        """The nodes of a ``with`` block: its first item, then the rest within that item."""
        if not items:
            return self.statements(statement.body)
        first, rest = items[0], items[1:]
        entered = first.context_expr
        if not isinstance(entered, ast.Call):
            return [*self._enter(first), *self.block(rest, statement)]
        called = self.frame.names.object_of(entered.func)
        if called is context.scope and entered.args:
            faults = scope_faults(entered.args[0], self.frame.names)
            self.frame.faults.extend(CodeFault(SCOPE, message, entered.lineno) for message in faults)
            scope = "/".join(filter(None, (self.frame.scope, _scope_name(entered.args[0]))))
            return self.within(replace(self.frame, scope=scope)).block(rest, statement)
        if called is asyncio.TaskGroup and isinstance(first.optional_vars, ast.Name):
            group = Group()
            self.frame.names.bind(first.optional_vars.id, group)
            return parallel(self._tasks(group, statement.body), statement.lineno)
        if called is waiting.timeout or called is contextlib.suppress:
            return self._guarded(entered, rest, statement, limited=called is waiting.timeout)
        return [*self._enter(first), *self.block(rest, statement)]

    def _guarded(
        self, entered: ast.Call, rest: list[ast.withitem], statement: ast.With | ast.AsyncWith, *, limited: bool
    ) -> list[Node]:
        """A block that may be cut off, or whose errors are suppressed."""
        frame = replace(self.frame, limited=self.frame.limited or limited)
        body = Sequence(tuple(self.within(frame).block(rest, statement)))
        if limited:
            return [*self.expressions(entered.args), TimeLimit(ast.unparse(entered), body, statement.lineno)]
        errors = ", ".join(map(ast.unparse, entered.args))
        handler = Arm(f"except {errors}", Sequence(), statement.lineno)
        return [Try(body, (handler,), Sequence(), Sequence(), statement.lineno)] if body.nodes else []

    def _enter(self, item: ast.withitem) -> list[Node]:
        nodes = self.expression(item.context_expr)
        return [*nodes, *self.rebind(item.optional_vars)] if item.optional_vars else nodes

    def _tasks(self, group: Group, body: Iterable[ast.stmt]) -> list[list[Node]]:
        """The nodes of a task group: the block itself, then each of its statements that starts tasks."""
        block: list[Node] = []
        tasks: list[list[Node]] = []
        for statement in body:
            before = group.spawned
            nodes = self._statement(statement)
            if group.spawned > before:
                tasks.append(nodes)
            else:
                block += nodes
        return [block, *tasks]

    def _function(self, statement: ast.FunctionDef | ast.AsyncFunctionDef) -> list[Node]:
        written = statement.args
        defaults = (each for each in (*written.defaults, *written.kw_defaults) if each)
        nodes = [node for each in (*statement.decorator_list, *defaults) for node in self.expression(each)]
        self.frame.names.bind(statement.name, Function(statement, self.frame.names))
        return nodes


def _matches_all(pattern: ast.pattern) -> bool:
    return isinstance(pattern, ast.MatchAs) and pattern.pattern is None


def _scope_name(expression: ast.expr) -> str:
    """A scope's name as it is written: ``item-{line.sku}`` for ``f"item-{line.sku}"``."""
    match expression:
        case ast.Constant(value=str(name)):
            return name
        case ast.JoinedStr(values=parts):
            return "".join(_scope_name(part) for part in parts)
        case ast.FormattedValue(value=value):
            return f"{{{ast.unparse(value)}}}"
        case _:
            return f"{{{ast.unparse(expression)}}}"
