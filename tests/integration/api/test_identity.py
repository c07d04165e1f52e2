"""Who one is, on the command line: where it finds a token, and what it says where a token does not do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from orchestrator.access.fingerprints import fingerprint
from orchestrator.access.subjects_file import SubjectsFile
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.cli.app import app
from orchestrator.cli.connecting.credentials import token_for
from orchestrator.store.memory.journal import MemoryJournal
from tests.integration.api.conftest import Answer, Api, Mocks, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SUBJECTS = "\n".join(
    f"{name}: {{sha256: {fingerprint(f'saga_{name}')}, roles: {roles}{more}}}"
    for name, roles, more in (
        ("vic", "[viewer]", ", definitions: [place_order], attributes: {customer_id: vic}"),
        ("nob", "[]", ""),
        ("old", "[admin]", ", expires_at: 2020-01-01T00:00:00Z"),
    )
)


@pytest.fixture
async def guarded() -> AsyncIterator[Api]:
    async with serving(MemoryJournal(SystemClock().now), Mocks(), "test", subjects=SUBJECTS) as api:
        yield api


async def orchestrator(api: Api, *arguments: str, **environment: str) -> Answer:
    """A command of somebody who has nothing but these variables."""
    variables = {"ORCHESTRATOR_TOKEN": "", "STATE_DIR": "/nowhere", "ORCHESTRATOR_ADDRESS": api.address, **environment}
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=variables, catch_exceptions=False)
    return Answer(result.exit_code, result.stdout, result.stderr)


async def test_whoami_tells_name_authority_roles_and_to_what_they_are_narrowed(guarded: Api) -> None:
    told = await orchestrator(guarded, "whoami", ORCHESTRATOR_TOKEN="saga_vic")

    assert told.out.splitlines() == [
        "you are vic, known by token file",
        "roles: viewer",
        "only: place_order, customer_id=vic",
    ]


async def test_a_token_comes_from_the_file_that_is_named_then_from_the_variable_then_from_the_state_folder(
    guarded: Api, tmp_path: Path
) -> None:
    named, state = tmp_path / "vic.token", tmp_path / "state"
    named.write_text("saga_vic\n")
    state.mkdir()
    (state / "token").write_text("saga_vic\n")

    for arguments, environment in (
        (["--token-file", str(named)], {"ORCHESTRATOR_TOKEN": "saga_wrong", "STATE_DIR": "/nowhere"}),
        ([], {"ORCHESTRATOR_TOKEN": "saga_vic", "STATE_DIR": "/nowhere"}),
        ([], {"STATE_DIR": str(state)}),
    ):
        told = await orchestrator(guarded, "whoami", *arguments, **environment)
        assert told.out.startswith("you are vic, "), told


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("", "who calls?"),
        ("saga_wrong", "the token is not one that this orchestrator trusts"),
        ("saga_old", "the credentials of old have expired; ask for new ones"),
    ],
)
async def test_who_is_not_known_is_told_why_and_how_to_be_known(guarded: Api, token: str, why: str) -> None:
    told = await orchestrator(guarded, "list", ORCHESTRATOR_TOKEN=token)

    assert told.code == 1
    assert told.err.startswith(f"error: the orchestrator at {guarded.address} does not know who you are: {why}")
    assert "--token-file, ORCHESTRATOR_TOKEN" in told.err
    assert not token or token not in told.err


@pytest.mark.parametrize(
    ("token", "arguments", "why"),
    [
        ("saga_vic", ("skip", "x", "A.B", "--evidence", "e"), "you are viewer; SkipCompensation needs operator"),
        (
            "saga_vic",
            ("act", "cancel", "--reason", "r"),
            "you are viewer; PrepareBulkAct needs operator",
        ),
        ("saga_nob", ("list",), "you are known, but have no role; ListSagas needs viewer"),
        ("saga_nob", ("whoami",), "you are known, but have no role; WhoAmI needs viewer"),
    ],
    ids=["skip", "act", "list", "whoami"],
)
async def test_who_lacks_a_role_is_told_which_one(
    guarded: Api, token: str, arguments: tuple[str, ...], why: str
) -> None:
    told = await orchestrator(guarded, *arguments, ORCHESTRATOR_TOKEN=token)

    assert (told.code, told.err) == (1, f"error: {why}; ask an administrator for that role\n")


async def test_a_token_file_that_is_not_there_is_told_without_a_call(guarded: Api) -> None:
    told = await orchestrator(guarded, "whoami", "--token-file", "/nowhere/token")

    assert (told.code, told.err) == (2, "error: --token-file /nowhere/token: No such file or directory\n")


def test_the_local_token_is_sent_to_no_other_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("saga_local\n")
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    monkeypatch.delenv("ORCHESTRATOR_TOKEN", raising=False)

    assert token_for("127.0.0.1:50100") == "saga_local"
    assert token_for("orchestrator.example:50100") == ""


def test_a_new_token_and_its_entry_fit_together(tmp_path: Path) -> None:
    made = CliRunner().invoke(app, ["token", "alice", "--role", "operator", "--role", "approver"])

    file = tmp_path / "subjects.yaml"
    file.write_text(made.stderr)
    subject = SubjectsFile(file, lambda: 0).by_token(made.stdout.strip())
    assert subject
    assert subject.name == "alice"
    assert sorted(map(str, subject.roles)) == ["approver", "operator"]
    assert made.stdout.strip() not in made.stderr
