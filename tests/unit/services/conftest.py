"""What the tests of the services' stores share. A test's folder is named after its service."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from services.chassis.engines import open_engines
from services.chassis.migration import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection


@pytest.fixture
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """A transaction on a fresh, migrated SQLite database of the service under test."""
    service = import_module(f"services.{request.path.parent.name}.__main__").SERVICE
    engine = open_engines(f"sqlite:///{tmp_path}/{service.name}.db").writer
    with engine.begin() as connection:
        migrate(connection, service.migrations)
        yield connection
    engine.dispose()
