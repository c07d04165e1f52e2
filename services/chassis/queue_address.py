"""Where commands or events are: ``nats://host:4222/prefix``, and how this process is let in there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from orchestrator.participant.queued.subjects import DEFAULT_PREFIX, Subjects

SCHEMES: Final = ("nats", "tls")
_FORM: Final = "nats://host:port/prefix, or tls://host:port/prefix for an encrypted connection"


@dataclass(frozen=True, slots=True)
class QueueAddress:
    """A broker, and the prefix of the commands there.

    Attributes:
        server: its URL, without the prefix.
        place: ``host:port``.
        subjects: the names below the prefix.
    """

    server: str
    place: str
    subjects: Subjects

    @classmethod
    def parse(cls, url: str, default: str = DEFAULT_PREFIX) -> "QueueAddress":
        """The address that a URL says.

        Args:
            url: ``nats://host:port/prefix``.
            default: the prefix, where it says none.

        Raises:
            ValueError: it says none; the text tells what is expected.
        """
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"expected {_FORM}")
        if parts.username or parts.password:
            raise ValueError("names a user or a password, which everybody sees who sees the environment; use a file")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        place = f"{host}:{parts.port or 4222}"
        return cls(f"{parts.scheme}://{place}", place, Subjects(parts.path.strip("/") or default))

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection is."""
        return self.server.startswith("tls:")


def read_login(path: Path) -> dict[str, str]:
    """How the broker knows this process, by a file: ``user:password`` or a token in one line, or credentials.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds none of these.
    """
    content = path.read_text().strip()
    if "-----BEGIN NATS USER JWT-----" in content:
        return {"user_credentials": str(path)}
    if not content or "\n" in content:
        raise ValueError("expected one line, user:password or a token, or a file of credentials (.creds)")
    user, colon, password = content.partition(":")
    return {"user": user, "password": password} if colon else {"token": content}
