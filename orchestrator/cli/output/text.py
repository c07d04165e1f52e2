r"""Makes text from outside harmless: a participant's text must not move a cursor, set a title or forge a line.

All output passes here: answers of the API as they arrive (:func:`made_visible`), messages on standard error
(:func:`say`), and, in case of an oversight, everything that a :class:`~orchestrator.cli.output.terminal.Terminal`
prints.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final, TypeVar

import typer
from google.protobuf.descriptor import FieldDescriptor

from orchestrator.cli.output.form import print_json_line, wants_json

if TYPE_CHECKING:
    from google.protobuf.message import Message

    M = TypeVar("M", bound=Message)

# Unicode's categories: control; line separator; paragraph separator; format, with the marks that reverse a text;
# surrogate, which no encoding has.
_ESCAPED: Final = frozenset({"Cc", "Zl", "Zp", "Cf", "Cs"})


def visible(text: str) -> str:
    r"""The text with every control character written as Python does: a line break as ``\n``."""
    if text.isprintable():
        return text
    return "".join(repr(each)[1:-1] if unicodedata.category(each) in _ESCAPED else each for each in text)


def visible_lines(text: str) -> str:
    """The same for our own text of several lines, whose line breaks stay."""
    return "\n".join(map(visible, text.split("\n")))


def say(text: str) -> None:
    """Print a message on standard error; where the command answers in JSON, as a note."""
    if wants_json():
        print_json_line({"note": text}, err=True)
    else:
        typer.echo(visible_lines(text), err=True)


def made_visible(message: M) -> M:
    """A message of the API with all of its texts made harmless, except those packed in an Any."""
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
    """Make the values of a map harmless; only maps from text to text are shown."""
    assert field.message_type is not None
    if any(each.type != FieldDescriptor.TYPE_STRING for each in field.message_type.fields):
        return
    mended = {visible(key): visible(value) for key, value in entries.items()}  # type: ignore[attr-defined]  # it is a map
    entries.clear()  # type: ignore[attr-defined]  # as above
    entries.update(mended)  # type: ignore[attr-defined]  # as above


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)
