"""A journal as a file: JSON that people can read, that keeps its form, and that says which form it has.

::

    {"format": "saga-journal", "format_version": 1, "saga_id": "…",
     "entries": [{"sequence": 1, "entry": "SagaStarted", "kind": 1, "at": 1700000000000000000,
                  "payload": "<base64>", "detail": {…}}, …]}

An entry has the fields of its row (:class:`~orchestrator.journal.codec.Row`), without those that are empty; ``entry``
and ``sequence`` are for readers. Payloads are what went over the wire: nothing is masked.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from orchestrator.journal.codec import Row, decode, encode, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.journal.entries import Entry

FORMAT: Final = "saga-journal"
FORMAT_VERSION: Final = 1


class ExportedJournal(NamedTuple):
    """The journal of one saga, outside any store."""

    saga_id: str
    entries: tuple[Entry, ...]


def write_journal(saga_id: str, entries: Sequence[Entry]) -> str:
    """The text of a journal; the same for the same journal."""
    rows = [_written(sequence, entry) for sequence, entry in enumerate(entries, start=1)]
    head = {"format": FORMAT, "format_version": FORMAT_VERSION, "saga_id": saga_id, "entries": rows}
    return json.dumps(head, indent=2, ensure_ascii=False) + "\n"


def read_journal(text: str) -> ExportedJournal:
    """The journal of a text.

    Raises:
        ValueError: it is no exported journal, or a newer version wrote it.
    """
    try:
        head = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is no JSON: {error}") from None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise ValueError(f"it is no exported journal: its format is not {FORMAT!r}")
    if head.get("format_version") != FORMAT_VERSION:
        raise ValueError(f"its format_version is {head.get('format_version')}; this version reads {FORMAT_VERSION}")
    try:
        return ExportedJournal(str(head["saga_id"]), tuple(decode(_row(each)) for each in head["entries"]))
    except (KeyError, TypeError, AssertionError, binascii.Error) as error:
        raise ValueError(f"an entry is not as it was written: {type(error).__name__}: {error}") from None


def _written(sequence: int, entry: Entry) -> dict[str, Any]:
    fields = {name: value for name, value in encode(entry)._asdict().items() if value is not None}
    if "payload" in fields:
        fields["payload"] = base64.b64encode(fields["payload"]).decode()
    if "detail" in fields:
        fields["detail"] = _readable(fields["detail"])
    return {"sequence": sequence, "entry": name_of(entry), **fields}


def _readable(detail: str) -> str | dict[str, Any]:
    """A detail as JSON, where it is the text of an object and can be made from it again."""
    try:
        value = json.loads(detail)
    except ValueError:
        return detail
    return value if isinstance(value, dict) and json.dumps(value) == detail else detail


def _row(fields: dict[str, Any]) -> Row:
    known = {name: fields[name] for name in Row._fields if name in fields}
    if "payload" in known:
        known["payload"] = base64.b64decode(known["payload"], validate=True)
    if isinstance(known.get("detail"), dict):
        known["detail"] = json.dumps(known["detail"])
    return Row(**known)
