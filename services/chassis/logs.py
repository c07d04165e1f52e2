"""The log of a service: one line per record on standard error, for people or as JSON, whatever the record contains.

Otherwise a value from outside could end the line and forge the next one, or move a terminal's cursor.
"""

import logging
import unicodedata
from typing import Final

from orchestrator.participant.json_lines import JsonLines
from services.chassis.calls import about

_FORMAT: Final = "%(asctime)s %(levelname)-7s %(message)s"
# Unicode's categories: control; line separator; paragraph separator; format, with the marks that reverse a text.
_ESCAPED: Final = frozenset({"Cc", "Zl", "Zp", "Cf"})


def one_line(text: str) -> str:
    r"""``text`` with every control character written as Python does: a line break as ``\n``."""
    if text.isprintable():
        return text
    return "".join(repr(each)[1:-1] if unicodedata.category(each) in _ESCAPED else each for each in text)


class OneLineFormatter(logging.Formatter):
    """Writes each record as one line, its traceback included."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        return one_line(super().format(record))


def configure_logs(level: str, form: str = "text") -> None:
    """Send the records of every logger, from this level on, to standard error, as ``text`` or as ``json``."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLineFormatter() if form == "text" else JsonLines(about))
    logging.basicConfig(level=level, handlers=[handler])
