"""A run stands on any event loop: it asks the ports for time and random numbers, and asyncio only for futures."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

RUN = Path(__file__).parents[3] / "orchestrator" / "engine" / "run"
# It is an event loop, within that of the process.
OWN_LOOP = "replay_loop.py"
MODULES = sorted(path for path in RUN.glob("*.py") if path.name != OWN_LOOP)
NOT_PORTABLE = {
    "wait",
    "wait_for",
    "timeout",
    "timeout_at",
    "as_completed",
    "sleep",
    "to_thread",
    "call_later",
    "call_at",
    "call_soon_threadsafe",
    "run_in_executor",
    "Event",
    "Lock",
    "Queue",
}
OF_THE_MACHINE = {"time", "random", "secrets", "uuid", "os", "socket", "threading", "subprocess", "concurrent"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_of_the_run_asks_the_ports_and_not_the_machine(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in {"asyncio", "asyncio.get_running_loop()", "loop"}
    }

    assert not imported & OF_THE_MACHINE
    assert not used & NOT_PORTABLE


def walked_sets(tree: ast.Module) -> list[str]:
    """The attributes that are sets by their annotation, and are walked without being sorted."""
    sets = {
        ast.unparse(node.target)
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).startswith(("set[", "frozenset["))
    }
    walked = [
        ast.unparse(node.iter)
        for node in ast.walk(tree)
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)
    ]
    return [each for each in walked if each in sets]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_module_of_the_run_walks_a_set(path: Path) -> None:
    assert not walked_sets(ast.parse(path.read_text(encoding="utf-8")))


def test_a_walked_set_is_noticed() -> None:
    assert walked_sets(ast.parse("class A:\n  def f(self):\n    self.x: set[int] = set()\n    for y in self.x: y"))
