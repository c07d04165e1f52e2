"""The schema of every service is the sum of its migrations, on every store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from services.chassis.engines import open_engines
from services.chassis.migration import migrate
from services.chassis.records import guard_table

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

    from services.chassis import Service


def test_the_migrations_add_up_to_the_tables_that_the_code_declares(service: Service[Any], database_url: str) -> None:
    declared = with_guard(service.tables)
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


def with_guard(tables: MetaData) -> MetaData:
    whole = type(tables)()
    for table in tables.sorted_tables:
        table.to_metadata(whole)
    guard_table(whole)
    return whole


def checks(connection: Connection, declared: MetaData) -> dict[str, Any]:
    """The CHECK constraints in the database, which Alembic does not compare."""
    inspector = inspect(connection)
    return {
        table: sorted((check["name"], check["sqltext"]) for check in inspector.get_check_constraints(table))
        for table in declared.tables
    }
