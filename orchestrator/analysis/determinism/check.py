"""Finds in saga code what would come out differently when the code runs again from the top, as recovery does.

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

What is read: the saga's function, and what it uses of its own module and of the modules beside it in the same package.
Other code is trusted, unless :mod:`~orchestrator.analysis.determinism.nondeterminism` names it. So this finds mistakes
and proves nothing; what it misses, the replay finds (``orchestrator verify``), and recovery suspends the saga.
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
from orchestrator.analysis.determinism.symbols import Things, is_beside
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
    things: Things


def check_determinism(definition: SagaDefinition[Any, Any, Any], plan: Plan) -> list[Violation]:
    """What may come out differently in a replay, by line."""
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
            # Where stubs are used in a way that cannot be read, that is told, and not what may follow from it.
            commands = issues if code.file == plan.file else frozenset()
            reader = DeterminismReader(code.things, commands, judges_awaits=is_readable)
            reader.visit(code.node)
            found += [Violation(code.file, line, str(definition), *what) for line, what in reader.found]
            waiting += [each for each in reader.used if _is_read(each, definition)]
    return sorted(set(found))


def _is_read(value: object, definition: SagaDefinition[Any, Any, Any]) -> bool:
    """Whether it is code of the saga's module or of one beside it in the same package."""
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
            yield _Code(_file(value), function.node, Things(function.names.module))
    elif isinstance(value, type):
        try:
            lines, first = inspect.getsourcelines(value)
            tree = ast.parse(textwrap.dedent("".join(lines)))
        except (OSError, TypeError, SyntaxError):
            return
        ast.increment_lineno(tree, first - 1)
        module = inspect.getmodule(value)
        yield _Code(_file(value), tree.body[0], Things(vars(module) if module else {}))


def _file(value: FunctionType | type) -> str:
    return inspect.getsourcefile(value) or value.__module__
