"""What every command line has: help, a version, an address from the environment."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

COMMANDS = (
    *("serve", "check", "verify", "export", "generate", "annotate", "mock", "conform", "faults", "simulate"),
    *("doctor", "migrate", "token", "whoami", "list", "show"),
    *("watch", "feed", "journal", "preview", "stats", "cancel", "pause", "resume", "retry", "resolve", "skip", "act"),
)


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
