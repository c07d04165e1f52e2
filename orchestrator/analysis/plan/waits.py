"""Reads what a saga's code waits for: the names and the types of its signals, and its timers.

A signal is known by the name that is written in the code, so that its sender can be told whether it is awaited.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final, cast

from google.protobuf.message import Message

from orchestrator.analysis.plan.nodes import Wait
from orchestrator.analysis.plan.plan import CodeFault
from orchestrator.definition import waiting
from saga.v1.saga_pb2 import Decision

if TYPE_CHECKING:
    from orchestrator.analysis.plan.frame import Frame
    from orchestrator.analysis.plan.names import Names

SIGNAL: Final = "signal-is-readable"

_TIMERS: Final = (waiting.sleep, waiting.sleep_until)


def read_wait(call: ast.Call, called: object, frame: Frame) -> Wait | None:
    """The wait that a call is; ``None`` where it is none.

    Args:
        call: in the code.
        called: the object that is called.
        frame: where the call is; what is wrong with it is noted there.
    """
    if any(called is timer for timer in _TIMERS):
        return Wait(ast.unparse(call), call.lineno)
    if called is waiting.approval:
        given = _argument(call, 0, "name")
        name = waiting.APPROVAL if given is None else _text(given, frame.names)
        return _signal(call, name, Decision, frame)
    if called is waiting.signal:
        given, kind = _argument(call, 0, "name"), _argument(call, 1, "message")
        message = None if kind is None else frame.names.object_of(kind)
        is_message = isinstance(message, type) and issubclass(message, Message)
        return _signal(
            call,
            None if given is None else _text(given, frame.names),
            cast("type[Message]", message) if is_message else None,
            frame,
        )
    return None


def _signal(call: ast.Call, name: str | None, message: type[Message] | None, frame: Frame) -> Wait:
    written = ast.unparse(call)
    if name is None or not waiting.SIGNAL_NAME.fullmatch(name):
        text = f"`{written}`: write the signal's name out, in up to 64 lower-case letters, digits and underscores"
        frame.faults.append(CodeFault(SIGNAL, text, call.lineno))
        return Wait(written, call.lineno)
    if message is None:
        text = f"`{written}`: name the generated class of the signal's message, as the module imports it"
        frame.faults.append(CodeFault(SIGNAL, text, call.lineno))
        return Wait(written, call.lineno)
    known = frame.signals.setdefault(name, message)
    if known is not message:
        text = f"`{written}`: the code also asks for {name!r} as a {known.DESCRIPTOR.full_name}; give each its own name"
        frame.faults.append(CodeFault(SIGNAL, text, call.lineno))
    return Wait(written, call.lineno, name, message)


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    named = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    return call.args[position] if position < len(call.args) else named


def _text(written: ast.expr, names: Names) -> str | None:
    """A text that is written out, here or as a constant of the module."""
    if isinstance(written, ast.Constant):
        return written.value if isinstance(written.value, str) else None
    known = names.object_of(written)
    return known if isinstance(known, str) else None
