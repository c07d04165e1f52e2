"""From what a call brings to who calls.

A token counts before a certificate: the certificate may be that of a proxy or of a mesh, and the token that of the
person behind it. A token that is not known is refused even where the certificate is.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.errors import NotAuthenticated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.access.local_token import LocalToken
    from orchestrator.access.signed_tokens import SignedTokens
    from orchestrator.access.subject import Subject
    from orchestrator.access.subjects_file import SubjectsFile

_log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0


class Credentials(NamedTuple):
    """What a call brings.

    Attributes:
        authorization: the metadata ``authorization``, such as ``Bearer saga_...``; empty where there is none.
        certificate: the names in the client certificate, which the server has verified; empty where there is none.
        peer: where the call comes from, as gRPC says it.
        has_ended: the client certificate has ended since the connection was made.
    """

    authorization: str
    certificate: tuple[str, ...]
    peer: str
    has_ended: bool = False

    def __repr__(self) -> str:
        return f"Credentials(peer={self.peer!r})"  # a token is shown nowhere


class Authentication:
    """Every way to be known.

    Args:
        file: names subjects with tokens and certificates.
        signed: verifies the tokens of an identity provider.
        local: the token of the state folder.
    """

    def __init__(
        self,
        file: SubjectsFile | None = None,
        signed: SignedTokens | None = None,
        local: LocalToken | None = None,
    ) -> None:
        self._file = file
        self._signed = signed
        self._local = local

    async def subject(self, credentials: Credentials) -> Subject:
        """Who calls.

        Raises:
            NotAuthenticated: nobody knows.
            KeysUnavailable: the keys that would tell could not be read so far.
        """
        if credentials.has_ended:  # no connection could be made with it now
            raise NotAuthenticated("CERTIFICATE_EXPIRED", "the client certificate has ended; ask for a new one")
        scheme, _, token = credentials.authorization.partition(" ")
        token = token.strip()
        if credentials.authorization and (scheme.lower() != "bearer" or not token):
            raise NotAuthenticated("NO_TOKEN", "the metadata `authorization` is not `Bearer <token>`")
        subject = await self._by_token(token) if token else self._by_certificate(credentials.certificate)
        return replace(subject, peer=credentials.peer)

    def token_of(self, code: str, now: int) -> str:
        """The token for which the code of a sign-in link stands.

        Args:
            code: that the link has brought.
            now: nanoseconds since the epoch, UTC.

        Raises:
            NotAuthenticated: it stands for none now.
        """
        if self._local is None:
            raise NotAuthenticated("CODE_NOT_KNOWN", "this orchestrator has no local operator; sign in with your token")
        return self._local.by_code(code, now)

    async def _by_token(self, token: str) -> Subject:
        found = self._local.by_token(token) if self._local else None
        if found is None and self._file is not None:
            found = self._file.by_token(token)
        if found is None and self._signed is not None:
            found = await self._signed.by_token(token)
        if found is None:
            raise NotAuthenticated("TOKEN_NOT_KNOWN", "the token is not one that this orchestrator trusts")
        return found

    def _by_certificate(self, names: Sequence[str]) -> Subject:
        if not names:
            raise NotAuthenticated("NO_CREDENTIALS", "who calls? Send the metadata `authorization: Bearer <token>`")
        found = self._file.by_certificate(names) if self._file else None
        if found is None:
            raise NotAuthenticated("CERTIFICATE_NOT_KNOWN", f"no subject has the certificate of {', '.join(names)}")
        return found

    async def keep_fresh(self) -> None:
        """Read again, for ever, what has changed: tokens and keys are rotated without a restart."""
        sources = [source for source in (self._file, self._signed, self._local) if source is not None]
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for source in sources:
                try:
                    await asyncio.to_thread(source.refresh)
                except Exception:  # noqa: BLE001 - what nobody thought of must not end the rotation of all tokens
                    _log.exception("tokens or keys could not be read again; what they were before stays in force")
