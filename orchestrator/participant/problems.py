"""Answers of guarded HTTP calls: how the record keeps them, and how a refusal becomes one (RFC 9457)."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from orchestrator.participant.errors import PostponedError, Refusal, RefusedError
from orchestrator.participant.http_answers import JSON, PROBLEM, STATUSES, problem

# No status code of gRPC says it.
_TOO_LARGE: Final = "PAYLOAD_TOO_LARGE"
# They say that another attempt may go another way: a timeout, a conflict.
_FAILED: Final = frozenset({408, 409})
# They say: no effect yet, try again.
_POSTPONED: Final = frozenset({425, 429})


@dataclass(frozen=True, slots=True)
class Response:
    """A whole HTTP response.

    Attributes:
        status: its status.
        headers: its headers, names in lower case.
        body: its body.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @classmethod
    def of(cls, status: int, content_type: str, body: bytes) -> "Response":
        """One with the headers that its body needs."""
        headers = [(b"content-length", str(len(body)).encode())]
        if content_type:
            headers.insert(0, (b"content-type", content_type.encode("latin-1")))
        return cls(status, tuple(headers), body)

    @classmethod
    def recorded(cls, content: bytes) -> "Response":
        """What ``to_bytes`` has recorded; nothing, where a compensation had nothing to undo, is an empty object."""
        if not content:
            return cls.of(HTTPStatus.OK, JSON, b"{}")
        head, _, body = content.partition(b"\n")
        status, _, content_type = head.decode("latin-1").partition(" ")
        return cls.of(int(status), content_type, body)

    @classmethod
    def of_refusal(cls, refusal: Refusal) -> "Response":
        """A refusal as problem details, with its reason."""
        is_too_large = refusal.code == _TOO_LARGE
        status = 413 if is_too_large else STATUSES.get(refusal.code, HTTPStatus.INTERNAL_SERVER_ERROR)
        code = refusal.code if refusal.code in STATUSES else ""
        told = problem(status, refusal.message, code=code, reason=refusal.reason, metadata=refusal.metadata)
        return cls.of(status, PROBLEM, json.dumps(told).encode())

    def to_bytes(self) -> bytes:
        """This response as the guard records it: status, content-type and body."""
        content_type = next((value for name, value in self.headers if name == b"content-type"), b"")
        return b"%d %s\n%s" % (self.status, content_type, self.body)

    def reply(self) -> bytes:
        """What the guard records of this response to a call.

        Raises:
            RefusedError: it is a definite refusal.
            FailedResponseError: it says nothing definite.
            PostponedResponseError: it says that there is no effect yet.
        """
        if self.status < HTTPStatus.BAD_REQUEST:
            return self.to_bytes()
        if self.status in _POSTPONED:
            raise PostponedResponseError(self)
        if self.status in _FAILED or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise FailedResponseError(self)
        raise RefusedError(self.to_bytes())


class FailedResponseError(Exception):
    """The handler's response says nothing definite; nothing is recorded."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"status {response.status}")
        self.response = response


class PostponedResponseError(PostponedError):
    """The handler's response says: no effect yet, try again."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"status {response.status}")
        self.response = response
