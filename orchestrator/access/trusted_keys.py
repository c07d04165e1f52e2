"""The keys that sign the tokens of an identity provider: a JWKS, from a file or over HTTPS.

Purpose: keys are rotated without a restart. Invariant: where new keys cannot be read, the last good ones stay in force.
Keys over HTTPS are asked for again every 30 seconds, and at once, but not more often than every 5 seconds, for a token
whose key is not among them.
"""

from __future__ import annotations

import logging
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

import jwt

from orchestrator.contract.addresses import is_loopback
from orchestrator.errors import SettingsError
from orchestrator.participant.security.watched_files import WatchedFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Keys = Mapping[str, jwt.PyJWK]

_log = logging.getLogger(__name__)

_FRESH_SECONDS: Final = 30.0
_SOONEST_SECONDS: Final = 5.0
_PATIENCE_SECONDS: Final = 5.0
_MOST_BYTES: Final = 1024 * 1024


class TrustedKeys(Protocol):
    """The keys that may have signed a token."""

    @property
    def keys(self) -> Keys | None:
        """By their ids; ``None`` where none could be read so far."""

    def refresh(self, *, wanted: bool = False) -> None:
        """Read them again where that is due; it blocks, and raises nothing.

        Args:
            wanted: a key is missing.
        """


class KeysInFile:
    """Keys in a file, which is read again when it changes.

    Raises:
        SettingsError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = WatchedFiles([path], lambda content: read_keys(content.decode()), settled=True)
        except (OSError, ValueError) as error:
            raise SettingsError(f"ORCHESTRATOR_JWT_KEYS: {path}: {error}") from None

    @property
    def keys(self) -> Keys | None:
        """See the protocol."""
        return self._file.content

    def refresh(self, *, wanted: bool = False) -> None:  # noqa: ARG002 - a file says when it has changed
        """See the protocol."""
        self._file.refresh()


class KeysAtUrl:
    """Keys that are fetched.

    Args:
        url: where they are.
        fetch: from the URL to the text.
        elapsed: seconds that go on, whatever the time of day is.

    Attributes:
        keys: see the protocol.
    """

    def __init__(
        self, url: str, fetch: Callable[[str], str] | None = None, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._fetch = fetch or _fetch
        self._elapsed = elapsed
        self._asked_at = float("-inf")
        self.keys: Keys | None = None

    def refresh(self, *, wanted: bool = False) -> None:
        """See the protocol."""
        if self._elapsed() - self._asked_at < (_SOONEST_SECONDS if wanted or self.keys is None else _FRESH_SECONDS):
            return
        self._asked_at = self._elapsed()
        try:
            self.keys = read_keys(self._fetch(self._url))
        except (OSError, ValueError) as error:
            stays = "no token can be verified yet" if self.keys is None else "those of before stay in force"
            _log.error("the keys at %s cannot be read; %s: %s", self._url, stays, error)


def trusted_keys(where: str) -> TrustedKeys:
    """Keys at a URL, or in a file.

    Raises:
        SettingsError: the file cannot be read, or the URL would be asked in the open.
    """
    url = urlsplit(where)
    if url.scheme not in {"http", "https"}:
        return KeysInFile(Path(where))
    if url.scheme == "http" and not is_loopback(url.netloc):
        raise SettingsError(f"ORCHESTRATOR_JWT_KEYS: {where}: keys are trusted only over https, or from this machine")
    return KeysAtUrl(where)


def read_keys(text: str) -> Keys:
    """The public keys of a JWKS by their ids; a key without one has an empty id.

    Raises:
        ValueError: it is none, or holds no key that can verify.
    """
    try:
        found = jwt.PyJWKSet.from_json(text).keys
    except (jwt.PyJWTError, AttributeError, TypeError) as error:
        raise ValueError(f"it is no JWKS with keys that can verify: {error}") from None
    keys = {key.key_id or "": key for key in found if key.key_type != "oct"}
    if not keys:
        raise ValueError("it holds only secrets that are shared, and no public key")
    return keys


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310 - trusted_keys looks at the scheme
        return str(answer.read(_MOST_BYTES).decode())
