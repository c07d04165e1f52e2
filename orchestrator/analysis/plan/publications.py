"""Reads which events a saga's code publishes: as far as the class of an event's message is written where it is."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from orchestrator.analysis.plan.plan import CodeFault, PlannedEvent
from orchestrator.definition.publishing import why_not_public

if TYPE_CHECKING:
    from orchestrator.analysis.plan.frame import Frame
    from orchestrator.analysis.plan.names import Names

PUBLIC: Final = "event-is-public"


def note_event(call: ast.Call, frame: Frame) -> None:
    """Note the event that a call of ``publish`` tells, and what is wrong with it."""
    given = next((keyword.value for keyword in call.keywords if keyword.arg == "event"), None)
    written = call.args[0] if call.args else given
    kind = None if written is None else _type_of(written, frame.names)
    if kind is None:
        return
    at_once = any(keyword.arg == "at_once" and not _is_false(keyword.value) for keyword in call.keywords)
    frame.events.append(PlannedEvent(kind.full_name, call.lineno, at_once))
    if why := why_not_public(kind):
        frame.faults.append(CodeFault(PUBLIC, f"`{ast.unparse(call)}`: {why}", call.lineno))


def _type_of(written: ast.expr, names: Names) -> Descriptor | None:
    if isinstance(written, ast.Call):
        made = names.object_of(written.func)
        if isinstance(made, type) and issubclass(made, Message):
            return cast("Descriptor", made.DESCRIPTOR)
    known = names.type_of(written)
    return known if isinstance(known, Descriptor) else None


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and not value.value
