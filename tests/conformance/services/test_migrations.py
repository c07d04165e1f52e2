"""The schema of every service is the sum of its migrations, on every store."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from orchestrator.participant.engines import guard_table
from services.chassis.engines import open_engines
from services.chassis.events.tables import METADATA as EVENT_TABLES
from services.chassis.migration import migrate
from services.inventory.__main__ import SERVICE as INVENTORY

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from sqlalchemy import Connection, MetaData

    from services.chassis import Service

LATER = """
import sqlalchemy as sa
from alembic import op

revision = "inventory_0002"
down_revision = "inventory_0001"


def upgrade():
    op.create_table("later", sa.Column("name", sa.Text, primary_key=True))
"""


def test_the_migrations_add_up_to_the_tables_that_the_code_declares(service: Service[Any], database_url: str) -> None:
    declared = with_the_chassis(service.tables)
    engine = open_engines(database_url).writer
    with engine.begin() as connection:
        migrate(connection, service.migrations)
        assert compare_metadata(MigrationContext.configure(connection), declared) == []
        migrated = checks(connection, declared)
    with engine.begin() as connection:
        for table in reversed(declared.sorted_tables):
            table.drop(connection)
        declared.create_all(connection)
        assert checks(connection, declared) == migrated
    engine.dispose()


def test_migrating_twice_changes_nothing(service: Service[Any], database_url: str) -> None:
    engine = open_engines(database_url).writer
    for _ in range(2):
        with engine.begin() as connection:
            migrate(connection, service.migrations)
    engine.dispose()


def test_alembic_is_not_imported_where_no_migration_is_left(
    service: Service[Any], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engines(database_url).writer
    with engine.begin() as connection:
        migrate(connection, service.migrations)
    monkeypatch.setitem(sys.modules, "alembic", None)  # it cannot be imported
    with engine.begin() as connection:
        migrate(connection, service.migrations)
    engine.dispose()


def test_a_new_migration_is_applied_to_a_database_that_has_the_others(database_url: str, tmp_path: Path) -> None:
    engine = open_engines(database_url).writer
    with engine.begin() as connection:
        migrate(connection, INVENTORY.migrations)
    later = shutil.copytree(INVENTORY.migrations, tmp_path / "migrations")
    (later / "0002_later.py").write_text(LATER)
    with engine.begin() as connection:
        migrate(connection, later)
        assert inspect(connection).has_table("later")
    engine.dispose()


def with_the_chassis(tables: MetaData) -> MetaData:
    whole = type(tables)()
    for table in tables.sorted_tables:
        table.to_metadata(whole)
    guard_table(whole)
    for table in EVENT_TABLES.sorted_tables:
        table.to_metadata(whole)
    return whole


def checks(connection: Connection, declared: MetaData) -> dict[str, Any]:
    """The CHECK constraints in the database, which Alembic does not compare."""
    inspector = inspect(connection)
    return {
        table: sorted((check["name"], check["sqltext"]) for check in inspector.get_check_constraints(table))
        for table in declared.tables
    }
