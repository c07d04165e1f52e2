"""Says of an error of the database what is wrong with the journal, and what to do about it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from asyncpg import PostgresError

from orchestrator.errors import JournalUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRETS: Final = ("password", "sslpassword")

_AWAY: Final = "see that the database is up and can be reached from here"
_RIGHTS: Final = "let its role log in there, and read and write the journal's tables"
_STANDBY: Final = "it is a standby: name the primary, or both with ?target_session_attrs=read-write"
_ROOM: Final = "free space at the database, then go on"
_BUSY: Final = "the database is overloaded, or somebody keeps its tables locked: see pg_stat_activity"
_UNKNOWN: Final = "nothing of it was written; this is a fault of the program: report it with the log"

_BY_CODE: Final[Mapping[str, str]] = {
    "25006": _STANDBY,
    "3D000": "create this database, or name another one",
    "42501": _RIGHTS,
    "42P07": "its tables are not those of a journal: name another database",
    "42P01": "its tables are gone: bring them back from a backup, or run orchestrator migrate",
    "53100": _ROOM,
    "53300": "too many connections: raise max_connections, or put a pooler in front of it",
}
_BY_CLASS: Final[Mapping[str, str]] = {
    "08": _AWAY,
    "28": _RIGHTS,
    "40": _BUSY,
    "53": _BUSY,
    "55": _BUSY,
    "57": _AWAY,
    "58": _ROOM,
}


def shown(url: str) -> str:
    """A URL without its secrets, for messages."""
    parts = urlsplit(url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    user, colon, _ = credentials.partition(":")
    query = [(name, "***" if name in _SECRETS else value) for name, value in parse_qsl(parts.query)]
    netloc = f"{user}{':***' if colon else ''}{at}{hosts}"
    return urlunsplit(parts._replace(netloc=netloc, query=urlencode(query, safe="*/,")))


def unavailable(url: str, what: str, error: BaseException) -> JournalUnavailable:
    """The error to raise for another one.

    Args:
        url: the database.
        what: what is impossible, such as ``cannot be opened``.
        error: why, as the database, the system or the driver says it.
    """
    why = " ".join(str(error).split()) or type(error).__name__
    return JournalUnavailable(f"the journal {shown(url)} {what}: {why}; {_advice(error)}")


def _advice(error: BaseException) -> str:
    code = getattr(error, "sqlstate", None) or ""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code[:2] in _BY_CLASS:
        return _BY_CLASS[code[:2]]
    if isinstance(error, ssl.SSLError):
        return "see that sslmode, sslrootcert and the certificates fit one another"
    return _UNKNOWN if isinstance(error, (PostgresError, ValueError, TypeError)) else _AWAY
