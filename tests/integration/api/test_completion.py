"""What a shell completes: commands, options, statuses, and what the orchestrator tells of sagas and definitions."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from tests.integration.api.situations import start
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.integration.api.conftest import Api

    AnOrder = Callable[..., StartOrderRequest]


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_TOKEN", TOKEN)


async def completed(address: str, words: str, *, shell: str = "bash") -> list[str]:
    """What a shell is offered for the last of these words."""
    asked = {"_ORCHESTRATOR_COMPLETE": f"complete_{shell}", "ORCHESTRATOR_ADDRESS": address}
    if shell == "bash":
        asked |= {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    else:
        asked |= {"_TYPER_COMPLETE_ARGS": words}
    answer = await asyncio.to_thread(
        CliRunner().invoke, app, [], prog_name="orchestrator", env=asked, catch_exceptions=False
    )
    assert answer.stderr == ""
    return [line for line in answer.stdout.splitlines() if line]


async def test_the_ids_of_sagas_are_completed(api: Api, an_order: AnOrder) -> None:
    saga_id = (await start(api, an_order(), wait=10)).saga_id

    for command in ("show", "watch", "journal show", "cancel", "resume"):
        assert await completed(api.address, f"orchestrator {command} {saga_id[:6]}") == [saga_id]
    assert await completed(api.address, "orchestrator show nobody") == []


async def test_a_shell_that_can_show_more_is_told_what_each_saga_is(api: Api, an_order: AnOrder) -> None:
    saga_id = (await start(api, an_order(), wait=10)).saga_id

    (told,) = await completed(api.address, f"orchestrator show {saga_id[:6]}", shell="zsh")

    assert "place_order, completed" in told


async def test_the_names_of_definitions_are_completed(api: Api) -> None:
    assert await completed(api.address, "orchestrator start pl") == ["place_order"]
    assert await completed(api.address, "orchestrator list --definition p") == ["place_order"]


async def test_the_statuses_are_completed() -> None:
    assert await completed("127.0.0.1:1", "orchestrator list --status comp") == [
        "completed",
        "compensating",
        "compensated",
    ]


async def test_the_address_that_is_typed_is_asked(api: Api) -> None:
    words = f"orchestrator start --address {api.address} pl"

    assert await completed("127.0.0.1:1", words) == ["place_order"]


async def test_nothing_is_offered_and_nothing_is_said_where_no_orchestrator_answers() -> None:
    assert await completed("127.0.0.1:1", "orchestrator start pl") == []


def test_commands_are_completed_without_an_orchestrator() -> None:
    assert "schedules" in asyncio.run(completed("127.0.0.1:1", "orchestrator sche"))


def in_bash(command: str, home: Path) -> subprocess.CompletedProcess[str]:
    """What a command says that is typed in bash."""
    folder = Path(sys.executable).parent
    variables = {"HOME": str(home), "PATH": f"{folder}:/usr/bin:/bin"}
    # Without what follows, bash would not stay the parent of the command.
    return subprocess.run(
        ["bash", "-c", f"{command}; exit $?"], env=variables, capture_output=True, text=True, check=False
    )


def test_the_script_for_the_shell_is_shown_and_is_one(tmp_path: Path) -> None:
    script = in_bash("orchestrator --show-completion", tmp_path)

    assert (script.returncode, script.stderr) == (0, "")
    assert "_ORCHESTRATOR_COMPLETE=complete_bash" in script.stdout
    assert in_bash(f"{script.stdout}\ncomplete -p orchestrator", tmp_path).returncode == 0


def test_completion_is_installed_for_the_shell(tmp_path: Path) -> None:
    installed = in_bash("orchestrator --install-completion", tmp_path)

    assert installed.returncode == 0, installed.stderr
    assert "bash completion installed in" in installed.stdout
    assert "orchestrator" in (tmp_path / ".bashrc").read_text()
