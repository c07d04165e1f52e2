"""What every command line has: help, a version, an address from the environment."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Answer

COMMANDS = (
    *(
        "serve",
        "check",
        "verify",
        "export",
        "retention",
        "generate",
        "annotate",
        "mock",
        "conform",
        "faults",
        "simulate",
    ),
    *("doctor", "migrate", "token", "whoami", "list", "show"),
    *("watch", "feed", "journal", "preview", "stats", "cancel", "pause", "resume", "retry", "resolve", "skip", "act"),
    *("schedules", "bulk", "signal", "approve", "reject", "start", "top", "desk"),
)


STATUSES = "'running', 'waiting', 'completed', 'compensating', 'compensated', 'suspended', 'partially-compensated'"


@pytest.mark.parametrize("command", [(), *((each,) for each in COMMANDS)])
def test_every_command_has_h_for_help(orchestrator: Callable[..., object], command: tuple[str, ...]) -> None:
    short, long = orchestrator(*command, "-h"), orchestrator(*command, "--help")

    assert short == long
    assert "Usage: " in str(short)


def test_the_help_names_the_variable_of_each_setting(
    orchestrator: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    told = str(orchestrator("serve", "--help"))

    for setting in ("LISTEN", "JOURNAL", "SAGAS", "OVERLAYS", "PARTICIPANTS", "DRIFT_CHECK", "PROCESSES", "INSECURE"):
        assert f"ORCHESTRATOR_{setting}" in told


def test_the_version_is_printed(orchestrator: Callable[..., object]) -> None:
    told = orchestrator("--version")

    assert f"orchestrator {version('saga-orchestrator')}" in str(told)


@pytest.mark.parametrize(
    ("environment", "options", "asked"),
    [
        ({}, (), "127.0.0.1:50100"),
        ({"ORCHESTRATOR_ADDRESS": "127.0.0.1:1"}, (), "127.0.0.1:1"),
        ({"ORCHESTRATOR_LISTEN": "127.0.0.1:2"}, (), "127.0.0.1:2"),
        ({"ORCHESTRATOR_LISTEN": "0.0.0.0:2"}, (), "127.0.0.1:2"),
        ({"ORCHESTRATOR_LISTEN": "[::]:2"}, (), "[::1]:2"),
        ({"ORCHESTRATOR_LISTEN": "127.0.0.1:0"}, (), "127.0.0.1:50100"),
        ({"ORCHESTRATOR_ADDRESS": "127.0.0.1:1", "ORCHESTRATOR_LISTEN": "127.0.0.1:2"}, (), "127.0.0.1:1"),
        ({"ORCHESTRATOR_ADDRESS": "127.0.0.1:1"}, ("--address", "127.0.0.1:3"), "127.0.0.1:3"),
    ],
)
def test_the_address_comes_from_the_option_the_environment_or_the_default_of_serve(
    orchestrator: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    options: tuple[str, ...],
    asked: str,
) -> None:
    for name in ("ORCHESTRATOR_ADDRESS", "ORCHESTRATOR_LISTEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if asked.endswith(":50100"):
        monkeypatch.setattr("orchestrator.cli.commands.inspect._stats", _print)

    assert f"{asked}" in str(orchestrator("stats", *options))


async def _print(address: str) -> None:
    print(address)  # noqa: T201 - the test reads it


def test_an_invalid_address_is_an_error(orchestrator: Callable[..., object]) -> None:
    told = orchestrator("stats", "--address", "nowhere")

    assert "expected host:port" in " ".join(str(told).split())


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("list", "--status", "complete"), f"--status: 'complete' is not one of {STATUSES}"),
        (("list", "--limit", "0"), "--limit: must be 1 or more"),
        (("list", "--limit", "5000"), "--limit: must be 1000 or less"),
        (("list", "--limit", "many"), "--limit: must be a whole number"),
        (("list", "--limit"), "option '--limit' requires an argument"),
        (("list", "--address", "nowhere"), "--address: expected host:port, such as 127.0.0.1:50100, not 'nowhere'"),
        (("list", "--stauts", "x"), "no such option: --stauts; did you mean --status?"),
        (("show",), "SAGA_ID must be given"),
        (("show", "a", "b"), "too many arguments: b"),
        (("show", "a", "\x1b[2Jb\n"), r"too many arguments: \x1b[2Jb\x0a"),
        (
            ("act", "cancl", "--reason", "?"),
            "ACTION: 'cancl' is not one of 'cancel', 'pause', 'resume', 'retry', 'resolve', 'skip'",
        ),
        (("act", "cancel"), "--reason must be given"),
        (("simulate", "--seeds", "0"), "--seeds: must be 1 or more"),
        (("lst",), "no such command 'lst'. Did you mean 'list'?"),
    ],
)
@pytest.mark.parametrize("width", ["60", "80"])
def test_a_mistake_in_the_arguments_is_told_in_one_line_in_words(
    orchestrator: Callable[..., Answer],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    told: str,
    width: str,
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    answer = orchestrator(*command)

    assert answer.code == 2
    assert answer.err.splitlines()[0] == f"error: {told}"
    assert answer.err.splitlines()[1:] in ([], [f"see: orchestrator {command[0]} --help"], ["see: orchestrator --help"])
    assert answer.out == ""


def test_a_command_that_only_looks_imports_nothing_that_takes_long() -> None:
    heavy = {"protovalidate", "pydantic_settings", "uvloop", "starlette", "orchestrator.settings"}
    look = f"import sys, orchestrator.cli.app; print({heavy!r} & {{*sys.modules}})"

    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_without_a_command_the_help_is_shown(orchestrator: Callable[..., Answer]) -> None:
    answer = orchestrator()

    assert answer.code == 2
    assert "Usage: " in answer.out
    assert answer.err == ""
