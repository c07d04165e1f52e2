"""Where a saga is found in the web console, where one is known."""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import quote

# Read here and not by the settings, because commands that only look do not import pydantic.
_LISTEN: Final = "ORCHESTRATOR_CONSOLE_LISTEN"
_TLS: Final = "ORCHESTRATOR_TLS_CERTIFICATE"


def link_to(saga_id: str) -> str:
    """The address of a saga's page; empty where the environment does not say where the console is."""
    listens = os.environ.get(_LISTEN, "").strip()
    if not listens or listens.endswith(":0"):
        return ""
    scheme = "https" if os.environ.get(_TLS) else "http"
    return f"{scheme}://{listens.replace('0.0.0.0', '127.0.0.1', 1)}/sagas/{quote(saga_id, safe='')}"  # noqa: S104 - nothing is bound
