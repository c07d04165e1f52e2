"""``orchestrator`` and ``python -m orchestrator``."""

from __future__ import annotations

from orchestrator.cli.app import app
from orchestrator.cli.leaving import leave


def main() -> None:
    """Run the command line."""
    try:
        app()
    except SystemExit as end:
        leave(end)


if __name__ == "__main__":
    main()
