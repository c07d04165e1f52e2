"""Finds what is wrong with a call of a stub: arguments that a plain channel takes and a saga's channel does not.

A saga's channel gives each command its metadata, key and deadline; a call may state its request and a ``timeout=``.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import math
import operator
from datetime import timedelta
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from orchestrator.analysis.plan.names import Function, Method
from orchestrator.analysis.plan.plan import CodeFault
from orchestrator.contract.command import LONGEST_ATTEMPT
from orchestrator.definition import context, waiting
from orchestrator.definition.publishing import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrator.analysis.plan.names import Names
    from orchestrator.contract.command import Command

CALL: Final = "call-is-supported"
AWAITED: Final = "call-is-awaited"

_UNKNOWN: Final = object()
_ARITHMETIC: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
_OWN: Final = (waiting.sleep, waiting.sleep_until, waiting.signal, waiting.approval, publish)


def call_faults(call: ast.Call, command: Command, names: Names) -> Iterator[str]:
    """The arguments that the call cannot have, as far as the code shows them."""
    requests = [*call.args[:1], *(each.value for each in call.keywords if each.arg == "request")]
    spread = any(isinstance(each, ast.Starred) for each in call.args) or any(each.arg is None for each in call.keywords)
    if spread:
        yield f"`{ast.unparse(call)}` is given what cannot be read; write the request, and `timeout=` if it needs one"
        return
    for each in call.args[1:]:
        yield f"`{ast.unparse(each)}` is given after the request; a call takes its request and `timeout=` in seconds"
    for keyword in call.keywords:
        if keyword.arg not in {"request", "timeout"}:
            yield (
                f"`{keyword.arg}=` cannot be set on a call in a saga, whose channel sets it itself; a call takes its "
                "request and `timeout=` in seconds, and what the participant must know goes into the request"
            )
    if len(requests) != 1:
        yield f"it is called with {len(requests) or 'no'} requests; give it one {command.request.DESCRIPTOR.name}"
    for request in requests:
        kind = _message_in(request, names)
        if kind is not None and kind.full_name != command.request.DESCRIPTOR.full_name:
            yield f"it is given a {kind.name}; give it a {command.request.DESCRIPTOR.name}"
    for keyword in call.keywords:
        if keyword.arg == "timeout":
            yield from _timeout_faults(keyword.value, names)


def _message_in(request: ast.expr, names: Names) -> Descriptor | None:
    """The type of the message that is written there, or that a name is known to hold."""
    made = names.object_of(request.func) if isinstance(request, ast.Call) else None
    if isinstance(made, type) and issubclass(made, Message):
        return cast("Descriptor", made.DESCRIPTOR)  # of either implementation
    known = names.type_of(request)
    return known if isinstance(known, Descriptor) else None


def _timeout_faults(written: ast.expr, names: Names) -> Iterator[str]:
    value = _value(written, names)
    if value is _UNKNOWN or value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield f"its timeout, `{ast.unparse(written)}`, is no number; state seconds, such as `timeout=2.5`"
    elif not 0 < value <= LONGEST_ATTEMPT.total_seconds():
        yield (
            f"its timeout, `{ast.unparse(written)}`, leaves no time or no end; state up to "
            f"{LONGEST_ATTEMPT.total_seconds():.0f} seconds, such as `timeout=2.5`, or none for what its contract says"
        )


def _value(written: ast.expr, names: Names) -> Any:  # noqa: ANN401, PLR0911 - any constant; one return for each kind
    """The value of a constant, one of the module's included; ``_UNKNOWN`` for everything else."""
    match written:
        case ast.Constant():
            return written.value
        case ast.UnaryOp(op=ast.USub(), operand=operand) if isinstance(_value(operand, names), int | float):
            return -_value(operand, names)
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _ARITHMETIC:
            return _computed(_ARITHMETIC[type(operation)], _value(left, names), _value(right, names))
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=text)]):
            try:
                return float(text)  # type: ignore[arg-type]  # what is no number raises
            except (TypeError, ValueError):
                return math.nan
        case ast.Call(func=func) if names.object_of(func) is timedelta:
            return timedelta()
        case ast.Name() | ast.Attribute():
            known = names.object_of(written)
            return known if isinstance(known, int | float | timedelta) else _UNKNOWN
        case _:
            return _UNKNOWN


def _computed(operation: Callable[[float, float], float], left: Any, right: Any) -> Any:  # noqa: ANN401 - as above
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return _UNKNOWN
    try:
        return operation(float(left), float(right))  # a power of whole numbers may be too large to be computed
    except ArithmeticError:
        return math.inf


def unawaited(expressions: Iterable[ast.expr | None], names: Names) -> Iterator[CodeFault]:
    """A fault for each expression that is a call whose answer is used, or dropped, before it is awaited."""
    for each in expressions:
        if isinstance(each, ast.Call) and _is_awaitable(each, names):
            value, written = names.value_of(each.func), ast.unparse(each.func)
            message = (
                f"`{written}(...)` is called and not awaited, so nothing comes of it; write `await {written}(...)`"
            )
            yield CodeFault(AWAITED, message, each.lineno, value.command if isinstance(value, Method) else None)


def dropped(expression: ast.expr | None) -> list[ast.expr | None]:
    """What is dropped with an expression that nothing uses: itself, and what a list written there is made of."""
    match expression:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items) | ast.Dict(values=items):
            return [expression, *items]
        case ast.ListComp(elt=item) | ast.SetComp(elt=item) | ast.GeneratorExp(elt=item) | ast.DictComp(value=item):
            return [expression, item]
        case _:
            return [expression]


def _is_awaitable(call: ast.Call, names: Names) -> bool:
    match names.value_of(call.func):
        case Method(command):
            return not command.streaming
        case Function(node=node):
            return isinstance(node, ast.AsyncFunctionDef)
    called = names.object_of(call.func)
    is_own = any(called is each for each in (context.child, context.best_effort, asyncio.gather, *_OWN))
    return is_own or (isinstance(called, FunctionType) and inspect.iscoroutinefunction(called))


def operands(node: ast.AST) -> list[ast.expr | None]:  # noqa: PLR0911 - a table
    """The expressions whose value is needed at once or never, so that they must not be awaitables."""
    match node:
        case ast.Expr(value=value):
            return dropped(value)
        case ast.Attribute(value=value) | ast.Subscript(value=value):
            return [value]
        case ast.FormattedValue(value=value) | ast.AugAssign(value=value) | ast.UnaryOp(operand=value):
            return [value]
        case ast.Compare(left=left, comparators=others):
            return [left, *others]
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.Assert(test=test):
            return [test]
        case ast.For(iter=several) | ast.AsyncFor(iter=several) | ast.comprehension(iter=several):
            return [several]
        case ast.Match(subject=subject):
            return [subject]
        case _:
            return []


def names_used(function: ast.AST) -> frozenset[str]:
    """The names that a function's code reads, or shares with the code around it."""
    used: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            used.add(node.id)
        elif isinstance(node, ast.Nonlocal | ast.Global):
            used.update(node.names)
    return frozenset(used)
