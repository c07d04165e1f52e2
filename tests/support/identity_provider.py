"""An identity provider of the tests: keys, their JWKS, and tokens that it signs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Iterable

ISSUER: Final = "https://login.example"
AUDIENCE: Final = "orchestrator"


class SigningKey:
    """A key with an id.

    Args:
        key_id: its id.
    """

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        self._private = ec.generate_private_key(ec.SECP256R1())

    def public(self) -> dict[str, Any]:
        """As a JWKS holds it."""
        as_json = jwt.algorithms.ECAlgorithm.to_jwk(self._private.public_key(), as_dict=True)
        return {**as_json, "kid": self.key_id, "alg": "ES256", "use": "sig"}

    def token(self, *, expires_at: float, **claims: object) -> str:
        """A token with these claims; one that is ``None`` is left out."""
        usual = {"sub": "ada", "iss": ISSUER, "aud": AUDIENCE, "exp": int(expires_at)}
        said = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(said, self._private, "ES256", {"kid": self.key_id})


def jwks(keys: Iterable[SigningKey]) -> str:
    """The public halves."""
    return json.dumps({"keys": [key.public() for key in keys]})
