"""Finds saga code that would act differently in a replay, when recovery runs the code again from its beginning.

============================  =======================================================================================
rule                          what it asks for
============================  =======================================================================================
``time-is-journalled``        no wall clock but ``orchestrator.now()``
``chance-is-journalled``      no chance but ``orchestrator.random()`` and ``orchestrator.uuid4()``
``io-is-a-command``           no files, sockets, processes, databases, environment: participants do that
``waits-are-durable``         no sleeping and no timers of this process
``branches-are-joined``       no threads, tasks or queues but those of ``asyncio.gather`` and ``asyncio.TaskGroup``
``awaits-are-commands``       nothing is awaited but commands, child sagas, and functions that are read here too
``order-is-fixed``            no set is gone through, or handed on, in the order that it happens to have
``values-outlive-processes``  no ``id()``, ``hash()`` or variables of the module
``code-is-visible``           no code from texts, and no modules imported by it
============================  =======================================================================================

The check reads the saga's function, and the functions and classes that it uses from its own module and from modules of
the same package. Other code is trusted, unless :mod:`~orchestrator.analysis.determinism.nondeterminism` names it. So
the check finds mistakes and proves nothing. A replay finds the others (``orchestrator verify``), or recovery suspends
the saga.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import deque
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.message import Message

from orchestrator.analysis.determinism.reader import DeterminismReader
from orchestrator.analysis.determinism.symbols import Symbols, is_beside
from orchestrator.analysis.plan.names import function_of
from orchestrator.analysis.plan.nodes import Issue, walk
from orchestrator.contract.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.definition.saga import SagaDefinition

_GENERATED = ("_pb2", "_pb2_grpc")


class _Code(NamedTuple):
    """A function or class whose source can be read."""

    file: str
    node: ast.AST
    symbols: Symbols


def check_determinism(definition: SagaDefinition[Any, Any, Any], plan: Plan) -> list[Violation]:
    """What may differ in a replay, by line."""
    issues = frozenset((node.line, node.command.method) for node in walk(plan.root) if isinstance(node, Issue))
    is_readable = not plan.unread()
    found: list[Violation] = []
    waiting: deque[object] = deque([definition.function])
    seen: set[object] = set()
    while waiting:
        value = waiting.popleft()
        if value in seen:
            continue
        seen.add(value)
        for code in _code_of(value):
            # Where a use of stubs cannot be read, another rule reports it; what would follow from it is not reported.
            commands = issues if code.file == plan.file else frozenset()
            reader = DeterminismReader(code.symbols, commands, judges_awaits=is_readable)
            reader.visit(code.node)
            found += [Violation(code.file, line, str(definition), *what) for line, what in reader.found]
            waiting += [each for each in reader.used if _is_read(each, definition)]
    return sorted(set(found))


def _is_read(value: object, definition: SagaDefinition[Any, Any, Any]) -> bool:
    """Whether the value is code of the saga's module, or of a module in the same package."""
    if not isinstance(value, FunctionType | type) or value is definition.stubs:
        return False
    if isinstance(value, type) and issubclass(value, Message):
        return False
    module = value.__module__
    return is_beside(module, definition.function.__module__) and not module.endswith(_GENERATED)


def _code_of(value: object) -> Iterator[_Code]:
    """The source of a function or class; nothing where there is none."""
    if isinstance(value, FunctionType):
        function = function_of(value)
        if function is not None:
            yield _Code(_file(value), function.node, Symbols(function.names.module))
    elif isinstance(value, type):
        try:
            lines, first = inspect.getsourcelines(value)
            tree = ast.parse(textwrap.dedent("".join(lines)))
        except (OSError, TypeError, SyntaxError):
            return
        ast.increment_lineno(tree, first - 1)
        module = inspect.getmodule(value)
        yield _Code(_file(value), tree.body[0], Symbols(vars(module) if module else {}))


def _file(value: FunctionType | type) -> str:
    return inspect.getsourcefile(value) or value.__module__
