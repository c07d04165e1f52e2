"""What is not mutated, because no behaviour is in it.

- annotations, aliases of types, what is imported for the type checker alone, protocols and abstract methods
- docstrings, texts for people (a literal or an f-string with a space in it) and what is logged
- ``assert`` and ``zip(strict=...)``: they state invariants, and nothing depends on them at run time
- ``len`` and ``isinstance``, as mutmut does: what they become raises at once, and says nothing about the tests
- ``__slots__``, ``__all__``, and decorators: they say what may not be done, and a program that is right never does it
"""

from __future__ import annotations

from typing import Final

import libcst as cst
from libcst import matchers as m

_TYPES: Final = m.Name("cast") | m.Name("TypeVar") | m.Name("NewType") | m.Name("ParamSpec")
_RAISING: Final = m.Name("len") | m.Name("isinstance")
_LOG: Final = m.Name("_log") | m.Name("_LOGGER") | m.Name("logger") | m.Attribute(value=m.Name("logging"))
_NODES: Final = (
    m.Annotation()
    | m.Assert()
    | m.Decorator()
    | m.Arg(keyword=m.Name("strict"))
    | m.Import()
    | m.ImportFrom()
    | m.TypeAlias()
    | m.If(test=m.Name("TYPE_CHECKING"))
    | m.Call(func=_TYPES | _RAISING | _LOG | m.Attribute(value=_LOG))  # type: ignore[arg-type]  # its own types
    | m.Assign(targets=[m.AssignTarget(m.Name("__slots__") | m.Name("__all__"))])
    | m.Assign(value=m.Call(func=_TYPES | m.Attribute(value=m.Name("logging"))))
    | m.AnnAssign(annotation=m.Annotation(m.Name("TypeAlias")))
    | m.ClassDef(bases=[m.ZeroOrMore(), m.Arg(m.Name("Protocol") | m.Subscript(m.Name("Protocol"))), m.ZeroOrMore()])
    | m.FunctionDef(decorators=[m.ZeroOrMore(), m.Decorator(m.Name("overload") | m.Name("abstractmethod"))])
    | m.SimpleStatementLine(body=[m.Expr(m.SimpleString() | m.ConcatenatedString())])
)


def is_left_out(node: cst.CSTNode) -> bool:
    """There is no behaviour in it, nor in what it holds."""
    return m.matches(node, _NODES) or is_text(node)


def is_text(node: cst.CSTNode) -> bool:
    """It is a text for people."""
    match node:
        case cst.SimpleString():
            return " " in node.raw_value
        case cst.FormattedString():
            return any(isinstance(part, cst.FormattedStringText) and " " in part.value for part in node.parts)
        case cst.ConcatenatedString():
            return is_text(node.left) or is_text(node.right)
        case _:
            return False


def takes_away_only_words(before: cst.CSTNode, after: cst.CSTNode) -> bool:
    """The call that it becomes lacks a text for people, or the ``strict`` of a zip, and nothing else."""
    if not (isinstance(before, cst.Call) and isinstance(after, cst.Call)):
        return False
    kept = {id(argument) for argument in after.args}
    gone = [argument for argument in before.args if id(argument) not in kept]
    return bool(gone) and all(is_text(argument.value) or _is_strict(argument) for argument in gone)


def _is_strict(argument: cst.Arg) -> bool:
    return argument.keyword is not None and argument.keyword.value == "strict"
