"""Programs of others that the tests use where they are: on the PATH, or where `make` has had Go build them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def found(name: str) -> str:
    """The path of a program, such as ``jaeger``; empty where it is not there. ``TEST_JAEGER`` names another one."""
    if named := os.environ.get(f"TEST_{name.upper()}", ""):
        return named
    home = Path.home()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "saga-orchestrator" / "bin"
    go = Path(os.environ.get("GOBIN") or home / "go" / "bin")
    folders = os.pathsep.join(map(str, (*os.get_exec_path(), cache, go)))
    return shutil.which(name, path=folders) or ""
