"""The engine decides by status codes, and never by their names."""

from __future__ import annotations

import ast
from pathlib import Path

from orchestrator import engine
from orchestrator.contract.status_code import StatusCode

ENGINE = Path(engine.__path__[0])


def test_the_engine_compares_no_text_with_a_status_code() -> None:
    compared = [
        f"{file.name}:{node.lineno}"
        for file in ENGINE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and node.value in set(StatusCode)
    ]

    assert compared == []
