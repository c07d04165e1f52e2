"""Signs what is sent to a webhook, in the way of Standard Webhooks, so that the receiver knows whom it is from.

The header ``webhook-signature`` holds ``v1,<base64 of HMAC-SHA256>`` of ``<webhook-id>.<webhook-timestamp>.<body>``,
one for each secret: while a secret is exchanged, the receiver finds the one that it knows.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from orchestrator.errors import SettingsError
from orchestrator.participant.security.watched_files import WatchedFiles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"

_PREFIX: Final = "whsec_"
_LEAST_BYTES: Final = 24
_LOOK_SECONDS: Final = 1.0


class SecretsFile:
    """The secrets in a file, one a line, as ``whsec_<base64>``; it is read again when it changes.

    Args:
        name: of the sink that they are for.
        path: the file.

    Raises:
        SettingsError: there is no such file, or it holds no secret of 24 bytes or more.
    """

    def __init__(self, name: str, path: Path) -> None:
        try:
            self._file = WatchedFiles([path], _secrets, settled=True)
        except (OSError, ValueError) as error:
            raise SettingsError(f"ORCHESTRATOR_EVENTS_SECRETS, {name}: {path}: {error}") from None
        self._looked_at = 0.0

    def at(self, now: float) -> Sequence[bytes]:
        """Those that hold, as the file was within the last seconds.

        Args:
            now: seconds since the epoch, UTC.
        """
        if not 0.0 <= now - self._looked_at < _LOOK_SECONDS:
            self._looked_at = now
            self._file.refresh()
        return self._file.content


def unsigned(_now: float) -> Sequence[bytes]:
    """No secrets: the receiver does not ask for any."""
    return ()


def _secrets(content: bytes) -> tuple[bytes, ...]:
    lines = [line.strip() for line in content.decode().splitlines() if line.strip()]
    secrets = tuple(base64.b64decode(line.removeprefix(_PREFIX), validate=True) for line in lines)
    if not secrets or any(len(secret) < _LEAST_BYTES for secret in secrets):
        raise ValueError(f"write whsec_<base64 of {_LEAST_BYTES} random bytes or more>, one a line")
    return secrets


def signature_headers(secrets: Sequence[bytes], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that go with a body.

    Args:
        secrets: known to both sides.
        event_id: the same at every delivery.
        timestamp: of this delivery, in seconds since the epoch, UTC.
        body: what is sent.
    """
    signed = b".".join((event_id.encode(), str(timestamp).encode(), body))
    headers = {ID: event_id, TIMESTAMP: str(timestamp)}
    if secrets:
        each = (base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets)
        headers[SIGNATURE] = " ".join(f"v1,{one}" for one in each)
    return headers
