"""``orchestrator mock`` as a process, and ``orchestrator conform`` in front of it."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.testing.conformance import CheckFinding, CheckVerdict, Report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

INVENTORY = "shop.inventory.v1.InventoryService"
_LISTENING = re.compile(r"listening on (\S+)")


@contextmanager
def mock(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "orchestrator", "mock", *arguments, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            listening = _LISTENING.search(process.stderr.readline())
            assert listening
            yield process, listening[1]
        finally:
            process.kill()


def call(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments, catch_exceptions=False)


def test_a_mock_passes_and_prints_its_effects_and_their_sum(tmp_path: Path) -> None:
    seen = tmp_path / "restarted"
    touch = f"touch {shlex.quote(str(seen))}"
    with mock(INVENTORY, "--log-effects", "--latency", "1ms-2ms") as (process, address):
        plain = call("conform", INVENTORY, "--address", address)
        as_json = call("conform", INVENTORY, "--address", address, "--json", "--restart-command", touch)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)

    assert plain.exit_code == 0, plain.output
    assert "same-key-concurrently" in plain.stdout
    # No query can be asked about a reservation, and the mock's guard echoes.
    assert "0 failed, 2 not seen, 0 not echoed" in plain.stdout
    report = json.loads(as_json.stdout)
    assert (as_json.exit_code, report["service"], report["passed"]) == (0, INVENTORY, True)
    verdicts = {each["check"]: each["verdict"] for each in report["findings"]}
    assert verdicts["same-key-after-restart"] == verdicts["kept-out-after-restart"] == "passed"
    assert verdicts["compensation-undoes"] == "not seen"
    assert seen.exists()
    assert process.returncode == 0
    assert {json.loads(line)["effect"] for line in out.splitlines()} == {
        *("intended", "applied", "compensated", "kept_out")
    }
    assert "0 in disorder" in err


def test_a_failed_check_is_shown_and_ends_with_1() -> None:
    # A mock of another service: none of what is asked for is implemented.
    with mock("shop.email.v1.EmailService") as (_, address):
        result = call("conform", INVENTORY, "--address", address)

    assert result.exit_code == 1
    assert "expected: a valid request completes" in result.stdout
    assert "UNIMPLEMENTED" in result.stdout


def test_the_help_of_conform_says_what_verdicts_and_exit_codes_mean() -> None:
    told = " ".join(call("conform", "--help").stdout.split())

    assert all(f"{verdict.value}: " in told for verdict in CheckVerdict)
    assert "0: something passed and nothing failed, whatever was not seen or not echoed." in told


@pytest.mark.parametrize("verdict", [CheckVerdict.NOT_SEEN, CheckVerdict.NOT_ECHOED])
def test_a_check_that_is_not_seen_or_not_echoed_is_shown_and_ends_with_0(
    verdict: CheckVerdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    advice = CheckFinding("ReserveStock", "some-check", verdict, "something", "why it is so")
    found = Report(INVENTORY, (CheckFinding("ReserveStock", "other-check", CheckVerdict.PASSED, "it", "it"), advice))

    async def checked(*_: object) -> Report:
        return found

    monkeypatch.setattr("orchestrator.cli.commands.conform._check", checked)
    plain, as_json = call("conform", INVENTORY), call("conform", INVENTORY, "--json")

    assert (plain.exit_code, as_json.exit_code) == (0, 0)
    assert "why it is so" in plain.stdout
    assert f"1 {verdict.value}" in plain.stdout
    assert json.loads(as_json.stdout)["findings"][1]["verdict"] == verdict.value


@pytest.mark.parametrize("width", ["60", "80", "120"])
def test_what_a_participant_answers_to_a_check_moves_no_cursor_and_every_verdict_is_whole(
    monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    findings = [
        CheckFinding("ReserveStock", "compensation-key-with-another-request", each, "[bold]\x1b[2J\ndone", "nothing")
        for each in CheckVerdict
    ]

    async def checked(*_: object) -> Report:
        return Report(INVENTORY, tuple(findings))

    monkeypatch.setattr("orchestrator.cli.commands.conform._check", checked)
    told = CliRunner(env={"COLUMNS": width}).invoke(app, ("conform", INVENTORY), catch_exceptions=False).stdout

    assert r"[bold]\x1b[2J\ndone" in "".join(told.split())
    assert all(line.isprintable() for line in told.splitlines())
    assert all(each.value in told for each in CheckVerdict)
    assert told.count("compensation-key-with-another-request") == len(findings)


def test_a_restart_command_that_fails_is_an_error() -> None:
    with mock(INVENTORY) as (_, address):
        result = call("conform", INVENTORY, "--address", address, "--restart-command", "exit 3")

    assert result.exit_code == 1
    assert result.stderr == "error: the restart command ended with exit code 3\n"


def test_a_service_that_is_not_declared_is_an_error() -> None:
    for verb in ("mock", "conform"):
        result = call(verb, "shop.inventory.v1.InventoryServic")
        assert result.exit_code == 1
        assert "did you mean shop.inventory.v1.InventoryService" in result.stderr


def test_a_dial_that_cannot_be_read_is_an_error() -> None:
    result = call("mock", INVENTORY, "--reject", "few")
    assert (result.exit_code, result.stderr) == (2, "error: 'few' is no share; write 1% or 0.01\n")


def test_a_missing_folder_is_an_error() -> None:
    result = call("mock", INVENTORY, "--protos", "nowhere")
    assert (result.exit_code, result.stderr) == (2, "error: --protos nowhere: there is no such folder\n")
