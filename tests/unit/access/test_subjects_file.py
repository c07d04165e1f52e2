"""The file of subjects: what it may say, and how it is read again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orchestrator.access.fingerprints import PREFIX, fingerprint, new_token
from orchestrator.access.subjects_file import CERTIFICATE, TOKEN, SubjectsFile
from orchestrator.contract.access import Role
from orchestrator.errors import NotAuthenticated, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

ADA, BOB = "saga_ada", "saga_bob"
NEW_YEAR = 1_798_761_600_000_000_000
"""2027-01-01T00:00:00Z."""


def entry(name: str, token: str = ADA, *more: str, roles: str = "[operator]") -> str:
    return "\n  ".join([f"{name}:", f"sha256: {fingerprint(token)}", f"roles: {roles}", *more]) + "\n"


class Clock:
    """A clock that a test sets, in nanoseconds."""

    time = 0

    def now(self) -> int:
        return self.time


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "subjects.yaml"


def read(path: Path, text: str, clock: Clock | None = None) -> SubjectsFile:
    path.write_text(text)
    return SubjectsFile(path, (clock or Clock()).now)


def rewrite(path: Path, text: str) -> None:
    """Another version, whatever the clock of the file system is."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text)
    os.replace(fresh, path)  # noqa: PTH105 - as tools that rotate do


def test_a_token_is_known_by_its_fingerprint(path: Path) -> None:
    file = read(path, entry("ada", ADA, "definitions: [place_order]", "attributes: {tenant: acme}"))

    subject = file.by_token(ADA)
    assert subject
    assert (subject.name, subject.authority) == ("ada", TOKEN)
    assert subject.roles == {Role.OPERATOR}
    assert subject.definitions == {"place_order"}
    assert subject.attributes == (("tenant", "acme"),)
    assert file.by_token(BOB) is None
    assert ADA not in path.read_text()


def test_a_certificate_is_known_by_any_of_its_names(path: Path) -> None:
    file = read(path, "shop:\n  certificate: [shop.example, 'spiffe://example/shop']\n  roles: [starter]\n")

    subject = file.by_certificate(["other.example", "spiffe://example/shop"])
    assert subject
    assert (subject.name, subject.authority) == ("shop", CERTIFICATE)
    assert file.by_certificate(["other.example"]) is None
    assert file.by_certificate([]) is None


def test_a_token_is_refused_from_the_instant_at_which_it_expires(path: Path) -> None:
    clock = Clock()
    file = read(path, entry("ada", ADA, "expires_at: 2027-01-01T00:00:00Z"), clock)

    clock.time = NEW_YEAR - 1
    assert file.by_token(ADA)
    clock.time = NEW_YEAR
    with pytest.raises(NotAuthenticated) as refused:
        file.by_token(ADA)
    assert refused.value.reason == "TOKEN_EXPIRED"


def test_a_new_version_is_in_force_once_it_is_whole(path: Path) -> None:
    file = read(path, entry("ada"))

    rewrite(path, entry("bob", BOB))
    file.refresh()
    assert file.by_token(ADA), "it may still be being written"
    file.refresh()

    assert file.by_token(ADA) is None
    assert file.by_token(BOB)


def test_both_tokens_are_taken_while_they_are_rotated(path: Path) -> None:
    file = read(path, f"ada:\n  sha256: [{fingerprint(ADA)}, {fingerprint(BOB)}]\n  roles: [viewer]\n")

    assert file.by_token(ADA) == file.by_token(BOB)


@pytest.mark.parametrize("broken", ["", "ada: [", "ada: {roles: [king]}"], ids=["empty", "cut", "wrong"])
def test_a_version_that_cannot_be_read_leaves_the_last_good_one_in_force_and_is_told_once(
    path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = read(path, entry("ada"))

    rewrite(path, broken)
    for _ in range(5):
        file.refresh()

    assert file.by_token(ADA)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "stays in force" in caplog.text


def test_a_file_that_is_gone_for_a_while_leaves_the_last_version_in_force(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = read(path, entry("ada"))
    path.unlink()
    for _ in range(3):
        file.refresh()
    assert file.by_token(ADA)
    assert len(caplog.records) == 1

    path.write_text(entry("bob", BOB))
    for _ in range(2):
        file.refresh()
    assert file.by_token(BOB)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- ada", "it names nobody"),
        ("ada: [\n", "it is no YAML, in line"),
        ("ada:\n  roles: [viewer]\n", "neither sha256 nor certificate"),
        ("ada: operator\n", "expected its sha256 or certificate, and its roles"),
        (f"ada:\n  sha256: {fingerprint(ADA)}\n", "roles: expected a list of viewer"),
        (entry("ada", roles="operator"), "roles: expected a list of viewer"),
        (entry("ada", roles="[king]"), "there is no role 'king'; there are: viewer, starter"),
        (entry("ada", ADA, "token: secret"), "token is not known here"),
        (entry("ada", ADA, "definitions: place_order"), "definitions: expected a list"),
        (entry("ada", ADA, "attributes: [tenant]"), "attributes: expected names"),
        (entry("ada", ADA, "attributes: {tenant: 7}"), "attributes: expected names"),
        (entry("ada", ADA, "expires_at: 2027-01-01"), "expires_at: expected an instant with its time zone"),
        (entry("ada", ADA, "certificate: [7]"), "certificate: expected a text"),
        ("ada:\n  sha256: secret\n  roles: [viewer]\n", "sha256: expected 64 hexadecimal digits"),
        (entry("ada") + entry("bob"), "its credentials are those of ada, too"),
        ("7:\n  sha256: x\n  roles: []\n", "the name of a subject is"),
        (entry('"a\\nb"'), "the name of a subject is"),
    ],
)
def test_a_file_that_says_something_else_is_refused_with_the_reason(path: Path, text: str, why: str) -> None:
    with pytest.raises(SettingsError, match="ORCHESTRATOR_SUBJECTS") as refused:
        read(path, text)

    assert why in str(refused.value)
    assert fingerprint(ADA) not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        SubjectsFile(path, Clock().now)


def test_new_tokens_differ_and_can_be_found_by_tools_that_look_for_secrets() -> None:
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(token.startswith(PREFIX) and len(token) > 40 for token in tokens)
