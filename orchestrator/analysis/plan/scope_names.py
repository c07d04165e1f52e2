"""Checks the names of scopes, as far as the code and the contracts show them.

A scope's name becomes a part of keys, so it holds letters, digits, ``.``, ``_`` and ``-`` alone. A field of the saga's
input or of a reply may hold more, unless its constraints say otherwise: values that the constraints accept are tried.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor

from orchestrator.contract.constraints import flaw, violations
from orchestrator.contract.options import is_sensitive
from orchestrator.contract.probes import values_of, with_value
from orchestrator.definition.context import SCOPE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.analysis.plan.names import Names

SCOPE: Final = "scope-name-is-legal"

_LEGAL: Final = "a scope is named with 1 to 64 letters, digits, '.', '_' and '-'"
_MEND: Final = (
    'constrain the field, such as with `(buf.validate.field).string.pattern = "^[A-Za-z0-9._-]{1,32}$"`, or name the '
    "scope after a number: for index, item in enumerate(...)"
)


def scope_faults(name: ast.expr, names: Names) -> Iterator[str]:
    """Why a scope can never, or not always, have this name."""
    parts = list(_parts(name, names))
    known = "".join(part if isinstance(part, str) else "0" for part in parts)
    if not SCOPE_NAME.fullmatch(known):
        yield f"`{ast.unparse(name)}` cannot name a scope; {_LEGAL}"
        return
    for position, part in enumerate(parts):
        if not isinstance(part, FieldDescriptor):
            continue
        if is_sensitive(part):
            yield f"`{part.name}` must not be shown, and the names of scopes are, in keys; name it after something else"
        elif (value := _illegal(part, parts, position)) is not None:
            yield (
                f"`{ast.unparse(name)}` cannot always name a scope, because `{part.name}` may be {value!r}; {_LEGAL}: "
                f"{_MEND}"
            )


def _parts(name: ast.expr, names: Names) -> Iterator[str | FieldDescriptor | None]:
    """The parts of a name: texts, fields and, as None, unknown parts."""
    match name:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Constant():
            yield ""  # no text, which no scope takes
        case ast.JoinedStr(values=several):
            for each in several:
                yield from _parts(each, names)
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            yield from _parts(value, names)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from _parts(left, names)
            yield from _parts(right, names)
        case ast.Call(func=ast.Name(id="str"), args=[value]):
            yield from _parts(value, names)
        case ast.Name() | ast.Attribute():
            known, field = names.object_of(name), names.type_of(name)
            yield known if isinstance(known, str) else field if isinstance(field, FieldDescriptor) else None
        case _:
            yield None


def _illegal(field: FieldDescriptor, parts: list[str | FieldDescriptor | None], position: int) -> str | None:
    """A value that the field's constraints accept and that cannot be in the name of a scope, if there is one."""
    if field.type != FieldDescriptor.TYPE_STRING or field.is_repeated:
        return None
    before, after = (
        "".join(part if isinstance(part, str) else "0" for part in several)
        for several in (parts[:position], parts[position + 1 :])
    )
    for value in values_of(field):
        if not SCOPE_NAME.fullmatch(f"{before}{value}{after}") and _accepts(field, value):
            return str(value) if len(value) <= len(before) + 64 else f"{value[:8]}…"
    return None


def _accepts(field: FieldDescriptor, value: str) -> bool:
    assert field.containing_type is not None
    message = with_value(message_factory.GetMessageClass(field.containing_type)(), field, value)
    return flaw(message) is None and all(path.split(".")[0] != field.name for path, _ in violations(message))
