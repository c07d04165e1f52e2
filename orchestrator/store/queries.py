"""The named statements of a store, from the file ``queries.sql`` of its package."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def queries_of(package: str) -> dict[str, str]:
    """Each statement by its name.

    Args:
        package: the store's, such as ``orchestrator.store.sqlite``.
    """
    text = resources.files(package).joinpath("queries.sql").read_text()
    _, *parts = _NAME.split(text)
    return {name: sql.strip() for name, sql in zip(parts[::2], parts[1::2], strict=True)}
