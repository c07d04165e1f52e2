"""``orchestrator`` and ``python -m orchestrator``."""

from __future__ import annotations

from orchestrator.cli.app import app


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
