"""Styles, scripts and pictures, under addresses that change with what they hold: browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from orchestrator.console.headers import FOR_EVER

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.responses import Response
    from starlette.types import Scope


class KeptFiles(StaticFiles):
    """The files of one folder, open to everybody: they are the same for everybody."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """See Starlette."""
        response = await super().get_response(path, scope)
        # A request for another version gets this one too, where replicas of two versions run for a while.
        response.headers["cache-control"] = FOR_EVER if scope.get("query_string") else "no-cache"
        return response


class StaticFolder:
    """One folder, and the addresses of its files.

    Args:
        prefix: how these begin, such as ``/static``.
        folder: where the files are.
    """

    def __init__(self, prefix: str, folder: Path) -> None:
        self.prefix = prefix
        self._folder = folder
        self._versions: dict[str, str] = {}

    def route(self) -> Mount:
        """What Starlette serves."""
        return Mount(self.prefix, KeptFiles(directory=self._folder))

    def address(self, name: str) -> str:
        """Where a file is, such as ``/static/console.css?v=3f2a9c01``.

        Raises:
            OSError: there is no such file.
        """
        if name not in self._versions:
            self._versions[name] = hashlib.sha256((self._folder / name).read_bytes()).hexdigest()[:12]
        return f"{self.prefix}/{name}?v={self._versions[name]}"
