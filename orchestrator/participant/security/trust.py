"""Whom a participant believes that a call is a saga's, and who may compensate without one.

Purpose: a saga's metadata are powerful. With a key that somebody else has made up, a command is kept from ever taking
effect, or the stock of a paid order is released. Invariant: the metadata of a saga count only from a caller who has the
role of an orchestrator here; an effect needs a role.

| the call                                                       | needs        |
|----------------------------------------------------------------|--------------|
| a query without a saga's metadata                              | nothing      |
| a query with them; a command; a compensation of a command      | ORCHESTRATOR |
| a compensation that names no command: somebody does it by hand | OPERATOR     |

A participant that is told of nobody trusts everybody: that is for loopback, and for a network that is safe by other
means.
"""

import hashlib
import logging
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

from orchestrator.participant.errors import GuardRefusal
from orchestrator.participant.metadata import CallMetadata, Kind
from orchestrator.participant.security.watched_files import WatchedFiles

_LOGGER: Final = logging.getLogger("orchestrator.participant")
_BEARER: Final = re.compile(r"bearer +(\S+)", re.IGNORECASE)
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_LOOK_SECONDS: Final = 1.0


class Role(StrEnum):
    """What a caller may do here."""

    ORCHESTRATOR = "orchestrator"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as far as it is proven.

    Attributes:
        names: those in the caller's certificate, which the server has verified and which holds now; empty without one.
        authorization: what the call says of itself, such as ``Bearer saga_...``; shown nowhere.
        peer: where the call comes from.
    """

    names: tuple[str, ...] = ()
    authorization: str = field(default="", repr=False)
    peer: str = ""

    def fingerprint(self) -> str:
        """The SHA-256 of the token, in hexadecimal digits; empty where there is none."""
        token = _BEARER.fullmatch(self.authorization.strip())
        return hashlib.sha256(token[1].encode()).hexdigest() if token else ""

    def __str__(self) -> str:
        return f"{', '.join(self.names) or 'somebody'} at {self.peer or 'an unknown place'}"


Trusts: TypeAlias = Callable[[Caller], Collection[Role]]
"""From a caller to the roles that the caller has here."""


def everybody(_caller: Caller) -> Collection[Role]:
    """Trusts everybody."""
    return _ALL


_ALL: Final = frozenset(Role)


class TrustedCallers:
    """The callers whom a file names, one in each line; it is read again when it changes.

    ::

        # role         who
        orchestrator   certificate=orchestrator.shop.example
        orchestrator   sha256=5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8
        operator       certificate=alice.ops.example

    ``certificate`` is a name in a verified client certificate, ``sha256`` is that of a token.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file; the message names the line.
    """

    def __init__(self, path: Path) -> None:
        self._file = WatchedFiles([path], _read)
        self._looked_at = time.monotonic()

    def __call__(self, caller: Caller) -> Collection[Role]:
        """The roles of a caller, by the certificate and by the token."""
        now = time.monotonic()
        if now - self._looked_at > _LOOK_SECONDS:
            self._looked_at = now
            self._file.refresh()
        said = self._file.content
        keys = [f"certificate={name}" for name in caller.names]
        if fingerprint := caller.fingerprint():
            keys.append(f"sha256={fingerprint}")
        return frozenset().union(*(said.get(key, ()) for key in keys))


def refuse_untrusted(
    trusts: Trusts, tell: Callable[[], Caller], kind: str, metadata: CallMetadata, method: str
) -> None:
    """Refuse a call whose caller does not have the role that it needs. The refusal is logged.

    Args:
        trusts: who has which role.
        tell: who calls; not asked where that does not matter.
        kind: what the method is to a saga.
        metadata: what came with the call.
        method: its name, for the log.

    Raises:
        GuardRefusal: CALLER_NOT_TRUSTED; nothing was done.
    """
    needed = None if trusts is everybody else _needed(kind, metadata)
    if needed is None:
        return
    caller = tell()
    if needed in trusts(caller):
        return
    _LOGGER.warning("%s is refused to %s: it needs the role %s here", method, caller, needed)
    raise GuardRefusal(
        "CALLER_NOT_TRUSTED",
        f"this call needs the role {needed} here, which {', '.join(caller.names) or 'the caller'} does not have",
        code="PERMISSION_DENIED",
        metadata={"role": needed},
    )


def _needed(kind: str, metadata: CallMetadata) -> Role | None:
    if kind == Kind.QUERY:
        is_of_saga = metadata != CallMetadata(traceparent=metadata.traceparent)
        return Role.ORCHESTRATOR if is_of_saga else None
    if kind == Kind.COMPENSATION and metadata.compensates is None and metadata.compensates_foreign is None:
        return Role.OPERATOR
    return Role.ORCHESTRATOR


def _read(content: bytes) -> dict[str, frozenset[Role]]:
    callers: dict[str, frozenset[Role]] = {}
    for number, line in enumerate(content.decode().splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            role, who = words
            how, found, what = who.partition("=")
            if not (found and what) or how not in {"certificate", "sha256"}:
                raise ValueError(who)  # noqa: TRY301 - one message for all that is wrong with a line
            if how == "sha256" and not _FINGERPRINT.fullmatch(what):
                raise ValueError(what)  # noqa: TRY301 - as above
            callers[who] = callers.get(who, frozenset()) | {Role(role)}
        except ValueError:
            expected = "orchestrator or operator, then certificate=<name> or sha256=<64 hexadecimal digits>"
            raise ValueError(f"line {number}: expected {expected}") from None
    if not callers:
        raise ValueError("it names nobody")
    return callers
