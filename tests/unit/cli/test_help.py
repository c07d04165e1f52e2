"""The help of every command: whole at any width, in plain text where there is no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from orchestrator.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.cli.conftest import Answer

    Orchestrator = Callable[..., Answer]


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401 - typer's click
    """Every command and every group, by the words with which it is called."""
    yield path, group
    for name, each in getattr(group, "commands", {}).items():
        yield from commands(each, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))
PATHS = pytest.mark.parametrize("path", ALL, ids=" ".join)


@PATHS
@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_help_of_each_command_is_whole_at_any_width(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))

    told = orchestrator(*path, "--help").out

    assert max(map(len, told.splitlines())) <= width
    words = told.split()
    for parameter in ALL[path].params:
        if not getattr(parameter, "hidden", False):
            named = (
                parameter.opts
                if parameter.param_type_name == "option"
                else [str(parameter.metavar or parameter.name).upper()]
            )
            assert any(word.rstrip(",") in named for word in words), (parameter.name, told)
            for variable in [parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar or ():
                assert variable in told
    for command in getattr(ALL[path], "commands", {}):
        assert command in words
    if "…" not in str(ALL[path].help) + str([getattr(each, "help", "") for each in ALL[path].params]):
        assert "…" not in told


@PATHS
def test_every_command_answers_in_json_where_that_is_wanted(path: tuple[str, ...]) -> None:
    if not hasattr(ALL[path], "commands"):
        assert [each for each in ALL[path].params if "--json" in each.opts], path


@PATHS
def test_the_help_has_no_colour_without_a_terminal(orchestrator: Orchestrator, path: tuple[str, ...]) -> None:
    assert "\x1b" not in orchestrator(*path, "--help").out


def test_the_help_of_a_list_keeps_its_items(orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    lines = orchestrator("conform", "--help").out.splitlines()

    assert "- passed: it did what is expected." in lines
    assert "- failed: it did something else." in lines
