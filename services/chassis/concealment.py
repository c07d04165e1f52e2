"""Takes the values out of a database's errors: errors are logged, and values may be card tokens and addresses.

SQLAlchemy quotes the parameters of a statement, PostgreSQL the row that it refused ("Key (email)=(...) already
exists"). What names a place or a state is kept: the class, the SQLSTATE, the constraint, and the message itself where
the database writes it from its own words alone.
"""

import sqlite3
from typing import Final

from sqlalchemy.exc import StatementError

# By the first two characters of the SQLSTATE: connection, transaction, access, statement, resources, operation. Two
# classes are missing: 22 (unusable data), whose messages quote the data, and the errors that functions raise.
_WORDED_WITHOUT_VALUES: Final = frozenset({"08", "23", "25", "28", "3D", "3F", "40", "42", "53", "55", "57", "58"})


def conceal_values(error: BaseException) -> None:
    """Rewrite ``error`` in place, and each database error in its chain of causes and contexts."""
    left: list[BaseException | None] = [error]
    seen: set[int] = set()
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        left += (each.__cause__, each.__context__)
        if isinstance(each, StatementError):
            _conceal(each)


def _conceal(error: StatementError) -> None:
    error.hide_parameters = True
    if error.orig is None:
        return
    said = _without_values(error.orig)
    error.orig.args = (said,)
    error.args = (said,)


def _without_values(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, sqlite3.Error):
        # SQLite's own words are about tables and files; the driver's may quote what it could not convert.
        return f"{name}: {error}" if hasattr(error, "sqlite_errorcode") else name
    sqlstate = getattr(error, "sqlstate", None)
    if sqlstate is None:
        # The server did not answer: the error is about the connection, or about a value that was never sent.
        return f"{name}: {error}" if name in {"OperationalError", "InterfaceError"} else name
    diagnosis = getattr(error, "diag", None)
    message = getattr(diagnosis, "message_primary", None) if sqlstate[:2] in _WORDED_WITHOUT_VALUES else None
    place = getattr(diagnosis, "constraint_name", None) or getattr(diagnosis, "table_name", None)
    return ": ".join(filter(None, (f"{name} {sqlstate}", place, message)))
