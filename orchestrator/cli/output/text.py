r"""Text from outside, made harmless: what a participant says must not move a cursor, set a title or forge a line.

All of it passes here once: answers of the API as they arrive (:func:`made_visible`), what a command says on standard
error (:func:`say`), and, whatever was forgotten, everything that a
:class:`~orchestrator.cli.output.terminal.Terminal` prints.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final, TypeVar

import typer
from google.protobuf.descriptor import FieldDescriptor

if TYPE_CHECKING:
    from google.protobuf.message import Message

    M = TypeVar("M", bound=Message)

# Other, control; separator, line; separator, paragraph; other, format, among which are those that reverse the reading;
# other, surrogate, which no encoding has.
_ESCAPED: Final = frozenset({"Cc", "Zl", "Zp", "Cf", "Cs"})


def visible(text: str) -> str:
    r"""The text with every control character written as Python does: a line break as ``\n``."""
    if text.isprintable():
        return text
    return "".join(repr(each)[1:-1] if unicodedata.category(each) in _ESCAPED else each for each in text)


def visible_lines(text: str) -> str:
    """The same for text of our own that has several lines."""
    return "\n".join(map(visible, text.split("\n")))


def say(text: str) -> None:
    """Tell something on standard error."""
    typer.echo(visible_lines(text), err=True)


def made_visible(message: M) -> M:
    """A message of the API, all of its texts made harmless. What lies packed in an Any is not looked into."""
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_STRING:
            _mend_texts(message, field, value)
        elif field.type == FieldDescriptor.TYPE_MESSAGE and _is_map(field):
            _mend_map(field, value)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for each in value if field.is_repeated else (value,):
                made_visible(each)
    return message


def _mend_texts(message: Message, field: FieldDescriptor, value: object) -> None:
    if not field.is_repeated:
        assert isinstance(value, str)
        if not value.isprintable():
            setattr(message, field.name, visible(value))
        return
    texts = getattr(message, field.name)
    texts[:] = map(visible, texts)


def _mend_map(field: FieldDescriptor, entries: object) -> None:
    """Only maps from text to text are shown."""
    assert field.message_type is not None
    if any(each.type != FieldDescriptor.TYPE_STRING for each in field.message_type.fields):
        return
    mended = {visible(key): visible(value) for key, value in entries.items()}  # type: ignore[attr-defined]  # it is a map
    entries.clear()  # type: ignore[attr-defined]  # as above
    entries.update(mended)  # type: ignore[attr-defined]  # as above


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)
