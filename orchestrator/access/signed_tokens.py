"""Tokens that an identity provider signs (JWT): who holds one, and what the provider says that they may do.

Only signatures with a public key count. A token must say who (``sub``), until when (``exp``), from whom and for whom;
what else its claims mean, the settings say.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import jwt

from orchestrator.access.subject import Subject, narrowed_to, refuse_no_name
from orchestrator.contract.access import Role
from orchestrator.errors import KeysUnavailable, NotAuthenticated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.access.trusted_keys import TrustedKeys

_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_PARTS: Final = 3
_MOST_KEPT: Final = 1024
_NANOSECONDS: Final = 1_000_000_000

_REFUSALS: Final[dict[type[jwt.PyJWTError], tuple[str, str]]] = {
    jwt.ExpiredSignatureError: ("TOKEN_EXPIRED", "the token has expired; get a new one"),
    jwt.ImmatureSignatureError: ("TOKEN_NOT_YET_VALID", "the token is not valid yet; are the clocks set?"),
    jwt.InvalidIssuedAtError: ("TOKEN_NOT_YET_VALID", "the token is not valid yet; are the clocks set?"),
    jwt.MissingRequiredClaimError: ("TOKEN_INCOMPLETE", "the token lacks one of sub, exp, iss and aud"),
}


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Which tokens are believed, and what their claims mean.

    Attributes:
        issuer: whose tokens, as ``iss`` names it.
        audience: for whom they must be, as ``aud`` names it.
        leeway: seconds by which clocks may differ.
        roles: the claim that holds the roles, a list or a text with spaces; with dots for a claim within a claim.
        role_names: the role by what the claim calls it; empty where the claim calls it as the contract does.
        definitions: the claim that holds the definitions to which the subject is narrowed; empty for none.
        attributes: by the name of an attribute, the claim that holds the value to which the subject is narrowed.
    """

    issuer: str
    audience: str
    leeway: float = 30.0
    roles: str = "roles"
    role_names: Mapping[str, Role] = field(default_factory=dict)
    definitions: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


class SignedTokens:
    """Verifies tokens.

    Args:
        keys: may have signed them.
        rules: which are believed.
        now: tells the time, nanoseconds since the epoch, UTC.
    """

    def __init__(self, keys: TrustedKeys, rules: TokenRules, now: Callable[[], int]) -> None:
        self._keys = keys
        self._rules = rules
        self._now = now
        self._asking = asyncio.Lock()
        self._verified: OrderedDict[str, tuple[object, float, Subject]] = OrderedDict()

    def refresh(self) -> None:
        """Read the keys again where that is due; it blocks."""
        self._keys.refresh()

    async def by_token(self, token: str) -> Subject | None:
        """Who holds this token; ``None`` where it is no JWT.

        Raises:
            NotAuthenticated: it is one, and not to be believed.
            KeysUnavailable: no keys could be read so far.
        """
        if token.count(".") != _PARTS - 1:
            return None
        kept = self._verified.get(token)
        # A signature is verified once while the keys are the same: that takes longer than all else here.
        if kept is not None and kept[0] is self._keys.keys and self._now() < kept[1] * _NANOSECONDS:
            return kept[2]
        key = await self._key_of(token)
        claims = self._claims(token, key)
        subject = _subject(claims, self._rules)
        self._verified[token] = (self._keys.keys, _number(claims, "exp") + self._rules.leeway, subject)
        while len(self._verified) > _MOST_KEPT:
            self._verified.popitem(last=False)
        return subject

    async def _key_of(self, token: str) -> jwt.PyJWK:
        """Raises: NotAuthenticated, KeysUnavailable."""
        try:
            key_id = str(jwt.get_unverified_header(token).get("kid", ""))
        except jwt.PyJWTError:
            raise _not_believed() from None
        if self._keys.keys is None or key_id not in self._keys.keys:
            async with self._asking:  # one of those that wait asks for all
                await asyncio.to_thread(self._keys.refresh, wanted=True)
        if self._keys.keys is None:
            raise KeysUnavailable("the keys of the identity provider could not be read yet; ask again")
        if key_id not in self._keys.keys:
            raise _not_believed()
        return self._keys.keys[key_id]

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        rules = self._rules
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                options={"require": ["sub", "exp", "iss", "aud"], "verify_exp": False, "verify_nbf": False},
                audience=rules.audience,
                issuer=rules.issuer,
                leeway=rules.leeway,
            )
        except jwt.InvalidAudienceError:
            raise NotAuthenticated("WRONG_AUDIENCE", f"the token is not for {rules.audience}") from None
        except jwt.InvalidIssuerError:
            raise NotAuthenticated("WRONG_ISSUER", f"the token is not from {rules.issuer}") from None
        except jwt.PyJWTError as error:
            known = next((_REFUSALS[kind] for kind in type(error).__mro__ if kind in _REFUSALS), None)
            raise (NotAuthenticated(*known) if known else _not_believed()) from None
        self._refuse_untimely(claims)
        return claims

    def _refuse_untimely(self, claims: Mapping[str, Any]) -> None:
        """By the clock of this process's own, which a test can set."""
        now = self._now() / _NANOSECONDS
        if now >= _number(claims, "exp") + self._rules.leeway:
            raise NotAuthenticated(*_REFUSALS[jwt.ExpiredSignatureError])
        if now < _number(claims, "nbf") - self._rules.leeway:
            raise NotAuthenticated(*_REFUSALS[jwt.ImmatureSignatureError])


def _subject(claims: Mapping[str, Any], rules: TokenRules) -> Subject:
    """Raises: NotAuthenticated: the token does not say what the settings want it to say."""
    try:
        name = refuse_no_name(claims["sub"])
        definitions = _claim(claims, rules.definitions) if rules.definitions else []
        attributes = {name: _claim(claims, claim) for name, claim in rules.attributes.items()}
        narrowed = narrowed_to(definitions, attributes)
    except ValueError as error:
        raise NotAuthenticated("TOKEN_INCOMPLETE", f"the token does not say enough: {error}") from None
    if rules.definitions and not definitions:
        raise NotAuthenticated("TOKEN_INCOMPLETE", f"the token does not say enough: its {rules.definitions} is empty")
    return Subject(name, _roles(claims, rules), f"jwt {rules.issuer}", **narrowed)


def _roles(claims: Mapping[str, Any], rules: TokenRules) -> frozenset[Role]:
    """Those that are known here; providers have many others in the same claim."""
    known = rules.role_names or {str(role): role for role in Role}
    try:
        said = _claim(claims, rules.roles)
    except ValueError:
        return frozenset()
    names = said.split() if isinstance(said, str) else said if isinstance(said, list) else []
    return frozenset(known[name] for name in names if isinstance(name, str) and name in known)


def _claim(claims: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - whatever the provider says
    """A claim, or a claim within a claim.

    Raises:
        ValueError: there is none.
    """
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            raise ValueError(f"it has no claim {name}")
        value = value[part]
    return value


def _number(claims: Mapping[str, Any], name: str) -> float:
    """An instant that a token states, in seconds; 0 where it states none.

    Raises:
        NotAuthenticated: it is no number.
    """
    value = claims.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _not_believed()
    return float(value)


def _not_believed() -> NotAuthenticated:
    return NotAuthenticated("TOKEN_NOT_KNOWN", "the token is not one that this orchestrator trusts")
