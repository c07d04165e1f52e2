"""Where commands or events are: ``nats://host:4222/prefix``."""

from dataclasses import dataclass
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
