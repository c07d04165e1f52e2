"""The shop's processes: their names, and the command that starts each, as the repository's ``.procfile`` lists them.

The demo is not in the wheel: the services that it starts are in the repository alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
ORCHESTRATOR: Final = "orchestrator"
COMMANDS: Final = dict(line.split(": ", 1) for line in (ROOT / ".procfile").read_text().splitlines() if line)
"""What a shell runs in :data:`ROOT`, by the name of the process. Each replaces its shell by the process (``exec``)."""
SERVICES: Final = tuple(name for name in COMMANDS if name != ORCHESTRATOR)
