"""The style sheet of the pictures: pages link to it, and pictures in files carry it along."""

from __future__ import annotations

from importlib.resources import files


def style_sheet() -> str:
    """The text of ``static/drawing.css``."""
    return files("orchestrator.console").joinpath("static/drawing.css").read_text(encoding="utf-8")
