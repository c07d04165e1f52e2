"""A call of HTTP, as a rule says it: method, path, query and body."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A call.

    Attributes:
        method: such as ``POST``.
        path: escaped, from its first slash.
        query: escaped, without the question mark; empty for none.
        body: JSON in UTF-8; ``None`` for no body.
    """

    method: str
    path: str
    query: str = ""
    body: bytes | None = None

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path
