"""Which ways to be known there are, and which doors are not opened."""

from __future__ import annotations

import getpass
import stat
from typing import TYPE_CHECKING

import pytest

from orchestrator.access.authentication import Authentication, Credentials
from orchestrator.access.fingerprints import fingerprint
from orchestrator.access.local_token import LocalToken
from orchestrator.access.opening import AccessSettings, open_authentication, refuse_exposed
from orchestrator.access.signed_tokens import TokenRules
from orchestrator.contract.access import Role
from orchestrator.errors import NotAuthenticated, SettingsError
from tests.support.identity_provider import SigningKey, jwks

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.access.subject import Subject


async def asked(authentication: Authentication, token: str = "", *certificate: str) -> Subject:
    authorization = f"Bearer {token}" if token else ""
    return await authentication.subject(Credentials(authorization, certificate, "ipv4:127.0.0.1:1"))


def opened(folder: Path, subjects: str = "") -> Authentication:
    file = folder / "subjects.yaml"
    if subjects:
        file.write_text(subjects)
    return open_authentication(AccessSettings(folder, file if subjects else None), lambda: 0)


async def test_without_configuration_the_state_folder_holds_the_token_of_an_admin(tmp_path: Path) -> None:
    authentication = opened(tmp_path / "state")

    file = tmp_path / "state" / "token"
    local = await asked(authentication, file.read_text().strip())
    assert local.roles == {Role.ADMIN}
    assert (local.authority, local.peer) == ("local token", "ipv4:127.0.0.1:1")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [*file.parent.iterdir()] == [file]


async def test_the_local_token_stays_from_one_start_to_the_next(tmp_path: Path) -> None:
    opened(tmp_path)
    token = (tmp_path / "token").read_text()
    authentication = opened(tmp_path)

    assert (tmp_path / "token").read_text() == token
    assert (await asked(authentication, token.strip())).authority == "local token"


async def test_the_local_token_is_rotated_by_another_one_in_its_file(tmp_path: Path) -> None:
    local = LocalToken(tmp_path, "ada")
    before = (tmp_path / "token").read_text().strip()

    (tmp_path / "token").write_text("saga_another-one\n")
    for _ in range(2):
        local.refresh()

    assert local.by_token(before) is None
    assert local.by_token("saga_another-one")


def test_a_local_token_that_is_empty_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")

    with pytest.raises(SettingsError, match="it is empty"):
        LocalToken(tmp_path, "ada")


async def test_where_subjects_are_named_there_is_no_local_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("saga_local")
    ada = f"ada:\n  sha256: {fingerprint('saga_ada')}\n  certificate: ada.example\n  roles: [viewer]\n"
    authentication = opened(tmp_path, ada)

    assert (await asked(authentication, "saga_ada")).authority == "token file"
    assert (await asked(authentication, "", "ada.example")).authority == "certificate"
    with pytest.raises(NotAuthenticated):
        await asked(authentication, "saga_local")


async def test_a_token_that_is_not_known_is_refused_whatever_the_certificate_says(tmp_path: Path) -> None:
    authentication = opened(tmp_path, "ada:\n  certificate: ada.example\n  roles: [viewer]\n")

    with pytest.raises(NotAuthenticated) as refused:
        await asked(authentication, "saga_wrong", "ada.example")
    assert refused.value.reason == "TOKEN_NOT_KNOWN"


@pytest.mark.parametrize("rules", [TokenRules("", "orchestrator"), TokenRules("https://login.example", "")], ids=str)
def test_signed_tokens_of_anybody_or_for_anybody_are_not_believed(tmp_path: Path, rules: TokenRules) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(jwks([SigningKey("a")]))

    with pytest.raises(SettingsError, match="ORCHESTRATOR_JWT_ISSUER and ORCHESTRATOR_JWT_AUDIENCE"):
        open_authentication(AccessSettings(tmp_path, None, str(keys), rules), lambda: 0)


LOCAL_ONLY, SUBJECTS = "local only", "subjects"


@pytest.mark.parametrize(
    ("listen", "known", "encrypted", "missing"),
    [
        ("127.0.0.1:50100", LOCAL_ONLY, False, ""),
        ("[::1]:50100", LOCAL_ONLY, False, ""),
        ("localhost:0", LOCAL_ONLY, False, ""),
        ("0.0.0.0:50100", SUBJECTS, True, ""),
        ("0.0.0.0:50100", SUBJECTS, False, "TLS"),
        ("[::]:50100", LOCAL_ONLY, True, "a way to know who calls"),
        ("10.0.0.7:50100", LOCAL_ONLY, False, "TLS and without a way to know who calls"),
        ("orchestrator.example:50100", LOCAL_ONLY, False, "TLS"),
    ],
)
def test_a_door_to_a_network_is_not_opened_without_tls_and_subjects(
    tmp_path: Path, listen: str, known: str, *, encrypted: bool, missing: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = AccessSettings(tmp_path, tmp_path / "subjects.yaml" if known == SUBJECTS else None)

    if not missing:
        refuse_exposed(listen, settings, encrypted=encrypted, insecure=False)
        return
    with pytest.raises(SettingsError, match=f"over a network, without {missing}"):
        refuse_exposed(listen, settings, encrypted=encrypted, insecure=False)
    refuse_exposed(listen, settings, encrypted=encrypted, insecure=True)
    assert f"INSECURE: {listen}" in caplog.text


async def test_a_user_without_a_name_is_an_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1000")

    monkeypatch.setattr(getpass, "getuser", nameless)
    authentication = opened(tmp_path)

    assert (await asked(authentication, (tmp_path / "token").read_text().strip())).name == "operator"
