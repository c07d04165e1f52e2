"""Who looks at a page: the token of a cookie, or a client certificate, asked about anew at each request.

Purpose: sign-in works on any replica and after a restart, and a token that has expired, or that was taken away, is good
for nothing at once. Invariant: nothing of a session is kept on the server.

The cookie cannot be read by scripts, is sent to no other site and for no other site, and only over TLS where the
console has it. Its name holds the port, because browsers do not keep the cookies of several ports of one host apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.access.authentication import Credentials
from orchestrator.api.over_http.context import CERTIFICATE
from orchestrator.console import forgery

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.access.authentication import Authentication
    from orchestrator.access.subject import Subject

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Session(NamedTuple):
    """Who looks at a page.

    Attributes:
        subject: who that is.
        secret: what only this caller's browser and we know: from it, the tokens against forgery are made.
        seed: the same, where the browser does not know it yet and has to be told; empty where it does.
    """

    subject: Subject
    secret: str
    seed: str = ""

    def __repr__(self) -> str:
        return f"Session({self.subject})"  # a secret is shown nowhere


async def session_of(request: Request, authentication: Authentication) -> Session:
    """Who asks for a page.

    Raises:
        NotAuthenticated: nobody knows.
        KeysUnavailable: the keys that would tell could not be read so far.
    """
    peer = f"{request.client.host}:{request.client.port}" if request.client else ""
    token = request.cookies.get(_token_cookie(request), "")
    names: tuple[str, ...] = request.scope.get(CERTIFICATE, ())
    authorization = f"Bearer {token}" if token else ""
    subject = await authentication.subject(Credentials(authorization, names, peer))
    if token:
        return Session(subject, token)
    known = request.cookies.get(_seed_cookie(request), "")
    return Session(subject, known) if known else Session(subject, seed := forgery.new_seed(), seed)


def remember_token(request: Request, response: Response, token: str) -> None:
    """Let the browser send this token from now on."""
    _set(request, response, _token_cookie(request), token)


def remember_seed(request: Request, response: Response, seed: str) -> None:
    """Let the browser of somebody who is known by a certificate send this from now on."""
    _set(request, response, _seed_cookie(request), seed)


def forget_token(request: Request, response: Response) -> None:
    """Let the browser send no token any more."""
    response.delete_cookie(_token_cookie(request), path="/")


def _set(request: Request, response: Response, name: str, value: str) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, path="/", httponly=True, samesite="strict", secure=secure)


def _token_cookie(request: Request) -> str:
    return f"orchestrator-token-{_port(request)}"


def _seed_cookie(request: Request) -> str:
    return f"orchestrator-seed-{_port(request)}"


def _port(request: Request) -> int:
    return request.url.port or _DEFAULT_PORTS.get(request.url.scheme, 0)
