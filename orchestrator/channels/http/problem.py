"""Reads why a service has refused: from a problem detail (RFC 9457), or from what else it has written.

Services that were never written for a saga say it in words of their own: a JSON object with ``message`` or ``error``, a
line of text, a page of HTML. So that a rule of the contract can tell one refusal from another by its message, all of
these are read, and none of them has to be there. Whatever is read is a text that a journal can keep.

It is read on the event loop, where every other saga waits for it, so there is a limit to how much is.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from orchestrator.participant.texts import well_formed

_NO_TYPE: Final = "about:blank"
# Without "<" within a tag, no part of a text is looked at twice.
_TAG: Final = re.compile(r"<[^<>]*>")
_MOST_BYTES: Final = 1024 * 1024
_MOST_BYTES_OF_TEXT: Final = 64 * 1024
"""Of a document, which is whole or none; and of any other text, of which only the beginning is kept."""
_TELLING: Final = ("detail", "message", "error", "error_description", "title")


class Problem(NamedTuple):
    """What a service says of its refusal.

    Attributes:
        message: in words; empty where it says none.
        code: the gRPC status code that it names; empty for none.
        reason: its ``reason``; else the problem's ``type``, if that is a URI of its own; else empty.
        violations: the fields of the request that are wrong.
    """

    message: str = ""
    code: str = ""
    reason: str = ""
    violations: tuple[str, ...] = ()


def read_problem(body: bytes) -> Problem:
    """What the body of a refusal says."""
    text = body[:_MOST_BYTES_OF_TEXT].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        return Problem(" ".join(_TAG.sub(" ", text).split()))
    if len(body) > _MOST_BYTES:
        return Problem(text)
    text = body.decode("utf-8", "replace").strip()
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return Problem(text)
    if isinstance(document, str):
        return Problem(well_formed(document))
    if not isinstance(document, dict):
        return Problem(text)
    return Problem(_message(document, text), _text(document, "code"), _reason(document), _violations(document))


def _message(document: dict[str, Any], text: str) -> str:
    for name in _TELLING:
        told = document.get(name)
        if isinstance(told, str) and told:
            return well_formed(told)
        if isinstance(told, dict) and isinstance(told.get("message"), str):
            return well_formed(told["message"])
    return text


def _reason(document: dict[str, Any]) -> str:
    kind = _text(document, "type")
    return _text(document, "reason") or ("" if kind == _NO_TYPE else kind)


def _violations(document: dict[str, Any]) -> tuple[str, ...]:
    listed = document.get("violations")
    found = [each.get("field") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return tuple(well_formed(field) for field in found if isinstance(field, str))


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    return well_formed(value) if isinstance(value, str) else ""
