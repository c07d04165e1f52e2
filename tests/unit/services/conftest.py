"""What the tests of the services' stores share. A test's folder is named after its service."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, create_engine, inspect

from services.chassis.engines import open_engines
from services.chassis.migration import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from services.chassis import Service

_OF_THE_CHASSIS = {"alembic_version", "guard"}


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Service[Any]:
    """The declaration of the service under test."""
    declared: Service[Any] = import_module(f"services.{request.path.parent.name}.__main__").SERVICE
    return declared


@pytest.fixture
def connection(service: Service[Any], tmp_path: Path) -> Iterator[Connection]:
    """A transaction on a fresh, migrated SQLite database of the service."""
    engine = open_engines(f"sqlite:///{tmp_path}/{service.name}.db").writer
    with engine.begin() as connection:
        migrate(connection, service.migrations)
        yield connection
    engine.dispose()


@pytest.fixture
def migrated_schema(connection: Connection) -> dict[str, Any]:
    """What the migrations make, by table."""
    return _schema(connection)


@pytest.fixture
def declared_schema(service: Service[Any]) -> Iterator[dict[str, Any]]:
    """What the store declares, by table."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        service.tables.create_all(connection)
        yield _schema(connection)
    engine.dispose()


def _schema(connection: Connection) -> dict[str, Any]:
    inspector = inspect(connection)
    aspects: list[Callable[[str], Any]] = [
        inspector.get_pk_constraint,
        inspector.get_foreign_keys,
        inspector.get_unique_constraints,
        inspector.get_check_constraints,
        inspector.get_indexes,
    ]
    return {
        table: [_columns(inspector.get_columns(table)), *(_sorted(aspect(table)) for aspect in aspects)]
        for table in inspector.get_table_names()
        if table not in _OF_THE_CHASSIS
    }


def _columns(columns: list[Any]) -> list[tuple[str, str, bool, Any]]:
    return [(column["name"], str(column["type"]), column["nullable"], column["default"]) for column in columns]


def _sorted(constraints: object) -> object:
    return sorted(constraints, key=str) if isinstance(constraints, list) else constraints
