"""Brings a database to the schema of its service, when the service starts.

Alembic applies the migrations. It is imported only where a migration is missing, because the import costs a quarter of
an ordinary start. Whether one is missing is found out without Alembic, by comparing two sets:

    the newest revisions      a migration's file names its own ``revision`` and, as ``down_revision``, the one before it
    the applied revisions     the rows of Alembic's own table

Where the two differ, for any reason, Alembic decides.
"""

import ast
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

_ENVIRONMENT: Final = Path(__file__).parent / "migrations"
_APPLIED: Final = "alembic_version"
# An arbitrary number, the same in every process: replicas of a service that start together migrate one by one.
_ADVISORY_LOCK: Final = 50_801


def migrate(connection: Connection, migrations: Path) -> None:
    """Apply the migrations not yet applied: the chassis' own and those in the folder ``migrations``.

    The caller's transaction covers all of them, so a failed migration leaves nothing behind.
    """
    folders = (_ENVIRONMENT / "versions", migrations)
    if _applied_revisions(connection) != _newest_revisions(folders):
        _upgrade(connection, folders)


def _applied_revisions(connection: Connection) -> set[object]:
    if not inspect(connection).has_table(_APPLIED):
        return set()
    return set(connection.execute(text(f"SELECT version_num FROM {_APPLIED}")).scalars())  # noqa: S608 - a constant


def _newest_revisions(folders: Iterable[Path]) -> set[object]:
    """The revisions that no other follows."""
    migrations = [_constants(file) for folder in folders for file in folder.glob("[0-9]*.py")]
    return {each.get("revision") for each in migrations} - {each.get("down_revision") for each in migrations}


def _constants(file: Path) -> dict[str, object]:
    """The constants of a migration's file, read without running it, because running it takes Alembic."""
    assignments = (each for each in ast.parse(file.read_bytes()).body if isinstance(each, ast.Assign))
    return {
        target.id: each.value.value
        for each in assignments
        for target in each.targets
        if isinstance(target, ast.Name) and isinstance(each.value, ast.Constant)
    }


def _upgrade(connection: Connection, folders: Iterable[Path]) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # Alembic logs as soon as it is imported
    from alembic import command  # noqa: PLC0415 - see the top
    from alembic.config import Config  # noqa: PLC0415 - see the top

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    config = Config()
    config.set_main_option("script_location", str(_ENVIRONMENT))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(map(str, folders)))
    config.attributes["connection"] = connection
    command.upgrade(config, "heads")
