"""Entries as rows, and rows as entries: a file for each kind of entry, and the table that names them all."""

from __future__ import annotations

from orchestrator.journal.codec.row import Row
from orchestrator.journal.codec.table import decode, encode, name_of

__all__ = ["Row", "decode", "encode", "name_of"]
