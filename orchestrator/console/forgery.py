"""Forms that another site has made, and that a browser sends in its user's name, are refused.

Every form of ours holds a token that is made from what only the caller's browser and we know, so no other site can make
one. The browser also says where a form comes from, in ``Origin``, and that must be here. So nothing is kept here, and a
form that was shown before a restart, or by another replica, is good.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Final

from orchestrator.errors import NotAllowed

if TYPE_CHECKING:
    from starlette.requests import Request

FIELD: Final = "forgery_token"
"""The field of every form that holds the token."""

_PURPOSE: Final = b"console form"


def new_seed() -> str:
    """What the token is made from for somebody who has none of ours: who is known by a certificate."""
    return secrets.token_urlsafe(32)


def forgery_token(secret: str) -> str:
    """The token of the forms of one caller."""
    return hmac.new(secret.encode(), _PURPOSE, hashlib.sha256).hexdigest()


def refuse_foreign(request: Request) -> None:
    """Refuse what was not sent by a page of this console.

    Raises:
        NotAllowed: so it is, or the browser does not say.
    """
    origin, here = request.headers.get("origin", ""), f"{request.url.scheme}://{request.headers.get('host', '')}"
    if origin != here:
        raise NotAllowed("FOREIGN_FORM", f"the form was sent from {origin or 'nowhere'}, and not from a page of {here}")


def refuse_forged(secret: str, given: object) -> None:
    """Refuse a form without the caller's own token.

    Raises:
        NotAllowed: so it is.
    """
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), forgery_token(secret).encode()):
        raise NotAllowed("FORGED_FORM", "the form is not one that this console has shown to you; load its page again")
