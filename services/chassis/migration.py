"""Brings a database to the schema of its service: Alembic, run programmatically when the service starts."""

import logging
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

_ENVIRONMENT: Final = Path(__file__).parent / "migrations"
# An arbitrary number, the same for all: replicas of a service that start together migrate one by one.
_ADVISORY_LOCK: Final = 50_801


def migrate(connection: Connection, migrations: Path) -> None:
    """Applies the migrations not yet applied: the chassis' own and those in the folder `migrations`.

    The caller's transaction covers all of them, so a failed migration leaves nothing behind.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    config = Config()
    config.set_main_option("script_location", str(_ENVIRONMENT))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{_ENVIRONMENT / 'versions'}\n{migrations}")
    config.attributes["connection"] = connection
    command.upgrade(config, "heads")
