"""The tokens of an identity provider: which are believed, and what they mean."""

from __future__ import annotations

import base64
import hmac
import json
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.access.signed_tokens import SignedTokens, TokenRules
from orchestrator.access.trusted_keys import KeysAtUrl, KeysInFile, read_keys, trusted_keys
from orchestrator.contract.access import Role
from orchestrator.errors import KeysUnavailable, NotAuthenticated, SettingsError
from tests.support.identity_provider import AUDIENCE, ISSUER, SigningKey, jwks

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.access.subject import Subject

NOW = 1_800_000_000
KEY = SigningKey("first")


class Provider:
    """An identity provider behind a URL, and the clocks of both."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = list(keys)
        self.is_down = False
        self.asked = 0
        self.elapsed = 0.0
        self.now = NOW
        self.at_url = KeysAtUrl("https://login.example/keys", self._fetch, lambda: self.elapsed)

    def _fetch(self, _url: str) -> str:
        self.asked += 1
        if self.is_down:
            raise OSError("no route")
        return jwks(self.keys)

    def tokens(self, **rules: Any) -> SignedTokens:  # noqa: ANN401 - any field
        return SignedTokens(self.at_url, TokenRules(ISSUER, AUDIENCE, **rules), lambda: self.now * 1_000_000_000)


async def subject(token: str, provider: Provider | None = None, **rules: Any) -> Subject:  # noqa: ANN401 - any field
    found = await (provider or Provider(KEY)).tokens(**rules).by_token(token)
    assert found
    return found


async def refusal(token: str, provider: Provider | None = None, **rules: Any) -> str:  # noqa: ANN401 - any field
    with pytest.raises(NotAuthenticated) as refused:
        await subject(token, provider, **rules)
    assert token not in str(refused.value)
    return refused.value.reason


def token(**claims: Any) -> str:  # noqa: ANN401 - any claim
    return KEY.token(**{"expires_at": NOW + 60, "roles": ["operator"], **claims})


async def test_a_token_says_who_holds_it_and_what_they_may_do() -> None:
    found = await subject(token())

    assert (found.name, found.authority) == ("ada", f"jwt {ISSUER}")
    assert found.roles == {Role.OPERATOR}
    assert not found.is_narrowed


@pytest.mark.parametrize(
    ("claims", "rules"),
    [
        ({"roles": ["operator", "offline_access"]}, {}),
        ({"roles": "openid operator"}, {}),
        ({"roles": None, "realm_access": {"roles": ["operator"]}}, {"roles": "realm_access.roles"}),
        ({"roles": None, "https://x.example/roles": ["operator"]}, {"roles": "https://x.example/roles"}),
        ({"roles": ["saga-ops", "admin"]}, {"role_names": {"saga-ops": Role.OPERATOR}}),
    ],
    ids=["others too", "as a text", "in a claim", "with dots in its name", "by their names"],
)
async def test_the_settings_say_where_the_roles_are(claims: dict[str, Any], rules: dict[str, Any]) -> None:
    assert (await subject(token(**claims), **rules)).roles == {Role.OPERATOR}


@pytest.mark.parametrize("roles", [None, [], "king", {"operator": True}, 7, [7]], ids=str)
async def test_who_has_no_role_is_known_all_the_same(roles: object) -> None:
    assert (await subject(token(roles=roles))).roles == frozenset()


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"expires_at": NOW - 31}, "TOKEN_EXPIRED"),
        ({"nbf": NOW + 31}, "TOKEN_NOT_YET_VALID"),
        ({"aud": "billing"}, "WRONG_AUDIENCE"),
        ({"iss": "https://elsewhere.example"}, "WRONG_ISSUER"),
        ({"sub": None}, "TOKEN_INCOMPLETE"),
        ({"exp": None}, "TOKEN_INCOMPLETE"),
        ({"iss": None}, "TOKEN_INCOMPLETE"),
        ({"aud": None}, "TOKEN_INCOMPLETE"),
        ({"sub": "a\nb"}, "TOKEN_INCOMPLETE"),
        ({"sub": ""}, "TOKEN_INCOMPLETE"),
        ({"exp": "soon"}, "TOKEN_NOT_KNOWN"),
        ({"exp": float("nan")}, "TOKEN_NOT_KNOWN"),
        ({"nbf": [1]}, "TOKEN_NOT_KNOWN"),
    ],
    ids=str,
)
async def test_a_token_that_is_not_to_be_believed_is_refused_with_the_reason(
    claims: dict[str, Any], reason: str
) -> None:
    assert await refusal(token(**claims)) == reason


@pytest.mark.parametrize("claims", [{"expires_at": NOW - 29}, {"nbf": NOW + 29}], ids=str)
async def test_clocks_may_differ_by_the_leeway(claims: dict[str, Any]) -> None:
    assert (await subject(token(**claims))).name == "ada"


async def test_a_token_that_another_key_of_the_same_id_signed_is_refused() -> None:
    assert await refusal(SigningKey("first").token(expires_at=NOW + 60)) == "TOKEN_NOT_KNOWN"


def forged(secret: str = "", **header: str) -> str:
    """A token of an admin without a signature, or with one by a secret."""
    claims = {"sub": "ada", "exp": NOW + 60, "iss": ISSUER, "aud": AUDIENCE, "roles": ["admin"]}
    parts = [json.dumps(part).encode() for part in ({"typ": "JWT", "kid": "first", **header}, claims)]
    signed = b".".join(map(encoded, parts))
    signature = hmac.digest(secret.encode(), signed, "sha256") if secret else b""
    return b".".join([signed, encoded(signature)]).decode()


def encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


async def test_a_token_without_a_signature_is_refused() -> None:
    assert await refusal(forged(alg="none")) == "TOKEN_NOT_KNOWN"


async def test_a_token_that_is_signed_with_the_public_key_as_a_secret_is_refused() -> None:
    assert await refusal(forged(json.dumps(KEY.public()), alg="HS256")) == "TOKEN_NOT_KNOWN"


@pytest.mark.parametrize("text", ["a.b.c", "..", "{}.{}.{}", "é.é.é"])
async def test_what_only_looks_like_a_token_is_refused(text: str) -> None:
    assert await refusal(text) == "TOKEN_NOT_KNOWN"


async def test_another_kind_of_token_is_for_others_to_know() -> None:
    assert await Provider(KEY).tokens().by_token("saga_of-ada") is None


async def test_a_token_that_was_verified_once_is_refused_when_it_has_expired() -> None:
    provider = Provider(KEY)
    tokens = provider.tokens()
    assert await tokens.by_token(token())

    provider.now = NOW + 60 + 30
    with pytest.raises(NotAuthenticated, match="has expired"):
        await tokens.by_token(token())


async def test_a_token_narrows_its_subject_as_the_settings_say() -> None:
    rules: dict[str, Any] = {"definitions": "sagas", "attributes": {"tenant": "org"}}

    found = await subject(token(sagas=["place_order"], org="acme"), **rules)

    assert found.definitions == {"place_order"}
    assert found.attributes == (("tenant", "acme"),)


@pytest.mark.parametrize(
    "claims", [{"org": "acme"}, {"sagas": ["place_order"]}, {"sagas": [], "org": "acme"}, {"sagas": "all", "org": "a"}]
)
async def test_a_token_that_does_not_say_to_what_it_is_narrowed_is_refused(claims: dict[str, Any]) -> None:
    rules: dict[str, Any] = {"definitions": "sagas", "attributes": {"tenant": "org"}}

    assert await refusal(token(**claims), **rules) == "TOKEN_INCOMPLETE"


async def test_a_new_key_is_asked_for_when_a_token_names_it_but_not_too_often() -> None:
    provider, second = Provider(KEY), SigningKey("second")
    tokens = provider.tokens()
    assert await tokens.by_token(token())

    provider.keys = [KEY, second]
    rotated = second.token(expires_at=NOW + 60)
    with pytest.raises(NotAuthenticated):
        await tokens.by_token(rotated)  # asked less than five seconds ago
    assert provider.asked == 1
    provider.elapsed += 5
    assert await tokens.by_token(rotated)
    assert provider.asked == 2


async def test_a_key_that_was_taken_away_signs_nothing_any_more() -> None:
    provider, second = Provider(KEY), SigningKey("second")
    tokens = provider.tokens()
    assert await tokens.by_token(token())

    provider.keys = [second]
    provider.elapsed += 30
    tokens.refresh()

    with pytest.raises(NotAuthenticated):
        await tokens.by_token(token())


async def test_a_provider_that_is_down_leaves_its_last_keys_in_force(caplog: pytest.LogCaptureFixture) -> None:
    provider = Provider(KEY)
    tokens = provider.tokens()
    assert await tokens.by_token(token())

    provider.is_down = True
    provider.elapsed += 30
    tokens.refresh()

    assert await tokens.by_token(token())
    assert "those of before stay in force" in caplog.text


async def test_before_the_first_keys_a_caller_is_asked_to_come_again() -> None:
    provider = Provider(KEY)
    provider.is_down = True
    tokens = provider.tokens()
    with pytest.raises(KeysUnavailable):
        await tokens.by_token(token())

    provider.is_down = False
    provider.elapsed += 5
    assert await tokens.by_token(token())


def test_keys_in_a_file_are_read_again_when_it_changes(tmp_path: Path) -> None:
    file, second = tmp_path / "keys.json", SigningKey("second")
    file.write_text(jwks([KEY]))
    keys = trusted_keys(str(file))
    assert isinstance(keys, KeysInFile)

    file.write_text(jwks([KEY, second]))
    for _ in range(2):
        keys.refresh()

    assert keys.keys
    assert {*keys.keys} == {"first", "second"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}]}']
)
def test_what_holds_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"JWKS|public key|Expecting"):
        read_keys(text)


def test_keys_are_trusted_only_over_https_or_from_this_machine(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="only over https"):
        trusted_keys("http://login.example/keys")
    with pytest.raises(SettingsError, match="No such file"):
        trusted_keys(str(tmp_path / "keys.json"))
    assert isinstance(trusted_keys("http://127.0.0.1:8080/keys"), KeysAtUrl)
    assert isinstance(trusted_keys("https://login.example/keys"), KeysAtUrl)
