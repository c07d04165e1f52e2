"""Reads the commands that the expressions of a saga's code issue, in the order in which they are evaluated.

A call is read where it is called, also when it is awaited later. Every use of a stub is either understood
or reported as :class:`~orchestrator.analysis.plan.nodes.Unread`, so that no command is overlooked in silence.
"""

from __future__ import annotations

import ast
import asyncio
from abc import ABC, abstractmethod
from dataclasses import replace
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from orchestrator.analysis.plan.building import branch, call_of, loop, optional, parallel
from orchestrator.analysis.plan.call_faults import CALL, call_faults, names_used, operands, unawaited
from orchestrator.analysis.plan.child_command import child_command
from orchestrator.analysis.plan.names import (
    OTHER,
    Function,
    Group,
    Method,
    Missing,
    Names,
    Stub,
    Stubs,
    Unspecific,
    function_of,
)
from orchestrator.analysis.plan.nodes import Arm, ChildSaga, Issue, Node, Sequence, Unread, walk
from orchestrator.analysis.plan.plan import CodeFault, Plan
from orchestrator.analysis.plan.publications import note_event
from orchestrator.analysis.plan.waits import read_wait
from orchestrator.definition import context
from orchestrator.definition.publishing import publish
from orchestrator.definition.saga import SagaDefinition
from orchestrator.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orchestrator.analysis.plan.frame import Frame
    from orchestrator.analysis.plan.names import Value

_NOTHING_KNOWN: Mapping[str, Value] = MappingProxyType({})

Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


_STUBS = (Stubs, Stub, Method)

# A command given to one of these has begun: ``TaskGroup.create_task``, ``asyncio.ensure_future``.
_SPAWNING = frozenset({"create_task", "ensure_future"})


class ExpressionReader(ABC):
    """Reads expressions within one frame."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    @abstractmethod
    def statements(self, body: Iterable[ast.stmt]) -> list[Node]:
        """The nodes of a block of code."""

    @abstractmethod
    def plan_of_child(self, definition: SagaDefinition[Any, Any, Any]) -> Plan:
        """The plan of a child saga.

        Raises:
            DefinitionError: its source cannot be read.
        """

    def within(self, frame: Frame) -> Self:
        """A reader for code in another frame."""
        return type(self)(frame)

    def expression(self, node: ast.AST | None) -> list[Node]:
        """The nodes of an expression."""
        self.refuse_unawaited(operands(node) if node else ())
        match node:
            case ast.Call():
                nodes = self._call(node)
            case ast.Name() | ast.Attribute():
                nodes = self._use(node)
            case ast.IfExp() | ast.BoolOp():
                nodes = self._choice(node)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                nodes = self._comprehension(node)
            case ast.Lambda():
                nodes = self._passed_on(Function(node, self.frame.names), node)
            case ast.NamedExpr():
                nodes = [*self.expression(node.value), *self.rebind(node.target)]
            case ast.AST():
                nodes = [found for child in ast.iter_child_nodes(node) for found in self.expression(child)]
            case _:
                nodes = []
        return nodes

    def rebind(self, target: ast.AST) -> list[Node]:
        """Note that the names in an assignment's target have new values."""
        for each in ast.walk(target):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                self.frame.names.bind(each.id, OTHER)
        return []

    def note_item(self, target: ast.expr, several: ast.expr) -> None:
        """Note that a loop's variable holds one of several messages."""
        if isinstance(target, ast.Name):
            self.frame.names.note_type(target.id, self.frame.names.item_of(several))

    def refuse_unawaited(self, expressions: Iterable[ast.expr | None]) -> None:
        """Note each call whose answer is used, or dropped, before it is awaited."""
        self.frame.faults.extend(unawaited(expressions, self.frame.names))

    def _choice(self, node: ast.IfExp | ast.BoolOp) -> list[Node]:
        if isinstance(node, ast.BoolOp):
            first, *rest = node.values
            return [*self.expression(first), *optional(ast.unparse(first), self.expressions(rest), first.lineno)]
        ways = (f"if {ast.unparse(node.test)}", node.body), ("else", node.orelse)
        arms = [Arm(label, Sequence(tuple(self.expression(value))), value.lineno) for label, value in ways]
        return [*self.expression(node.test), *branch(arms)]

    def _use(self, node: ast.Name | ast.Attribute) -> list[Node]:
        value = self.frame.names.value_of(node)
        match value:
            case Missing(reason):
                return [Unread(reason, node.lineno)]
            case Function():
                return self._passed_on(value, node)
            case Stubs() | Stub() | Method():
                reason = f"`{ast.unparse(node)}` is used in a way that cannot be read; call its methods where it is"
                return [Unread(reason, node.lineno)]
            case Unspecific.AMBIGUOUS:
                reason = f"`{ast.unparse(node)}` may stand for several things; give each a name of its own"
                return [Unread(reason, node.lineno)]
            case None if self.frame.names.object_of(node) is context.child:
                return [Unread(f"`{ast.unparse(node)}` is passed on; call it where the child is run", node.lineno)]
            case _:
                return self.expression(node.value) if isinstance(node, ast.Attribute) else []

    def _passed_on(self, function: Function, node: ast.expr) -> list[Node]:
        """A function that is handed to code unknown matters only if it issues commands."""
        if not self._follow(function, node.lineno):
            return []
        reason = f"`{function.name}` issues commands and is passed on; call it where it is, or in a comprehension"
        return [Unread(reason, node.lineno)]

    def _call(self, call: ast.Call) -> list[Node]:
        called = self.frame.names.object_of(call.func)
        arguments = (*call.args, *(keyword.value for keyword in call.keywords))
        match self.frame.names.value_of(call.func):
            case Method(command):
                frame = self.frame
                issue = Issue(command, call.lineno, frame.best_effort, frame.scope, limited=frame.limited)
                faults = call_faults(call, command, self.frame.names)
                self.frame.faults.extend(CodeFault(CALL, message, call.lineno, command) for message in faults)
                return [*self.expressions(arguments), issue]
            case Function() as function:
                return self._inline(function, call)
        if called is asyncio.gather:
            nodes = self._gather(call)
        elif called is context.best_effort:
            nodes = self._best_effort(call, arguments)
        elif called is context.child:
            nodes = self._child(call)
        elif (wait := read_wait(call, called, self.frame)) is not None:
            nodes = [*self.expressions(arguments), wait]
        elif called is publish:
            note_event(call, self.frame)
            nodes = self.expressions(arguments)
        elif isinstance(called, FunctionType):
            nodes = self._call_of_module_function(called, call)
        else:
            self._count_task(call)
            nodes = [*self.expression(call.func), *self.expressions(arguments)]
        return nodes

    def expressions(self, expressions: Iterable[ast.expr]) -> list[Node]:
        """The nodes of expressions that are evaluated one after the other."""
        return [node for expression in expressions for node in self.expression(expression)]

    def _hands_over(self, arguments: Iterable[ast.expr], *kinds: type) -> bool:
        return any(isinstance(self.frame.names.value_of(argument), kinds) for argument in arguments)

    def _count_task(self, call: ast.Call) -> None:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "create_task":
            group = self.frame.names.value_of(call.func.value)
            if isinstance(group, Group):
                group.spawned += 1

    def _best_effort(self, call: ast.Call, arguments: Iterable[ast.expr]) -> list[Node]:
        """Only a call is best effort: tasks, gathers and earlier calls have a context of their own already."""
        nodes = self.within(replace(self.frame, best_effort=True)).expressions(arguments)
        for argument in arguments:
            if self._has_begun(argument):
                reason = (
                    f"`{ast.unparse(call)}` makes nothing best effort that began before; "
                    "make each call so: asyncio.gather(best_effort(...), best_effort(...))"
                )
                nodes.append(Unread(reason, call.lineno))
        return nodes

    def _has_begun(self, awaited: ast.expr) -> bool:
        if not isinstance(awaited, ast.Call):
            return True
        spawns = isinstance(awaited.func, ast.Attribute) and awaited.func.attr in _SPAWNING
        return spawns or self.frame.names.object_of(awaited.func) is asyncio.gather

    def _gather(self, call: ast.Call) -> list[Node]:
        branches = []
        for argument in call.args:
            value = argument.value if isinstance(argument, ast.Starred) else argument
            each = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
            branches += [self.expression(expression) for expression in each]
        return parallel(branches, call.lineno)

    def _comprehension(self, node: Comprehension) -> list[Node]:
        first, *rest = node.generators
        names = Names(self.frame.names.module, self.frame.names)
        reader = self.within(replace(self.frame, names=names))
        outermost = self.expression(first.iter)
        for generator in node.generators:
            self.refuse_unawaited(() if generator.is_async else operands(generator))
            reader.rebind(generator.target)
            reader.note_item(generator.target, generator.iter)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        body = reader.expressions(parts)
        conditions = [condition for generator in node.generators for condition in generator.ifs]
        if conditions:
            label = " and ".join(map(ast.unparse, conditions))
            body = [*reader.expressions(conditions), *optional(label, body, node.lineno)]
        body = [*reader.expressions(generator.iter for generator in rest), *body]
        label = f"for {ast.unparse(first.target)} in {ast.unparse(first.iter)}"
        return [*outermost, *loop(label, body, node.lineno)]

    def _call_of_module_function(self, called: FunctionType, call: ast.Call) -> list[Node]:
        """A function of this module may issue commands or run children; one of another module must not get stubs."""
        arguments = (*call.args, *(keyword.value for keyword in call.keywords))
        function = function_of(called) if called.__module__ == self.frame.module else None
        if function and self._hands_over(arguments, *_STUBS, Function):
            return self._inline(function, call)
        if function and function.place not in self.frame.calls:  # a function without stubs may call itself
            return self._inline(function, call)
        if self._hands_over(arguments, *_STUBS):
            reason = f"`{ast.unparse(call.func)}` receives stubs and is not in this module, where it could be read"
            return [Unread(reason, call.lineno)]
        return self.expressions(arguments)

    def _child(self, call: ast.Call) -> list[Node]:
        """A child saga is a command, whose effect depends on its own plan."""
        named, orders = call.args[:1], call.args[1:]
        for keyword in call.keywords:
            (named if keyword.arg == "definition" else orders).append(keyword.value)
        definition = self.frame.names.object_of(named[0]) if named else None
        if not isinstance(definition, SagaDefinition):
            reason = f"`{ast.unparse(call)}`: which saga is it? Name a definition that the module holds or imports"
            return [*self.expressions(orders), Unread(reason, call.lineno)]
        try:
            return [*self.expressions(orders), self._issue_of_child(definition, call.lineno)]
        except DefinitionError as error:
            return [Unread(f"`{ast.unparse(call)}`: {error}", call.lineno)]

    def _issue_of_child(self, definition: SagaDefinition[Any, Any, Any], line: int) -> Issue:
        around = self.frame.sagas
        if definition in around:
            plan = Plan(definition.name, definition.version, "", Sequence())
            circle = tuple(map(str, (*around[around.index(definition) :], definition)))
        else:
            plan = self.plan_of_child(definition)
            circles = (node.circle for node in walk(plan.root) if isinstance(node, Issue) and node.circle)
            circle = next(circles, ())
        child = ChildSaga(plan.name, plan.version, plan.root)
        command = child_command(definition, plan)
        return Issue(command, line, self.frame.best_effort, self.frame.scope, child, circle, self.frame.limited)

    def _inline(self, function: Function, call: ast.Call) -> list[Node]:
        """The arguments, then the function's body with its parameters bound to the stubs among them."""
        bound, others = function.arguments(call)
        values = {name: self.frame.names.value_of(argument) for name, argument in bound.items()}
        others += [argument for name, argument in bound.items() if values[name] is None]
        known = {name: value for name, value in values.items() if value is not None}
        return [*self.expressions(others), *self._follow(function, call.lineno, known)]

    def _follow(self, function: Function, line: int, known: Mapping[str, Value] = _NOTHING_KNOWN) -> list[Node]:
        if function.place in self.frame.calls:
            return [Unread(f"`{function.name}` calls itself; write a loop", line)]
        names = Names(function.names.module, function.names)
        for parameter in function.parameters():
            names.bind(parameter, known.get(parameter, OTHER))
        calls, used = (*self.frame.calls, function.place), names_used(function.node)
        reader = self.within(replace(self.frame, names=names, calls=calls, used=used))
        body = function.node.body
        nodes = reader.expression(body) if isinstance(body, ast.expr) else reader.statements(body)
        return call_of(function.name, nodes, line)
