"""What a servicer is told of a call that came over HTTP, in the form in which it knows calls: a context of gRPC."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
import grpc.aio
from google.rpc import status_pb2

from orchestrator.access.authentication import Credentials
from orchestrator.contract.status_code import StatusCode
from orchestrator.errors import InvalidInput
from orchestrator.participant.http_answers import REQUEST_TIMEOUT
from orchestrator.participant.statuses import DETAILS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Metadata = Sequence[tuple[str, str | bytes]]

CERTIFICATE: Final = "certificate"
"""Where the scope of a request holds the names in the verified client certificate."""

CERTIFICATE_END: Final = "certificate-end"
"""Where it holds when that certificate ends, in seconds since the epoch."""

_NOT_METADATA: Final = frozenset({"connection", "content-length", "cookie", "host", "transfer-encoding"})


class CallEnded(grpc.aio.AbortError):
    """A call ends with a status.

    Args:
        status: the status.
    """

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status


class HttpContext(grpc.aio.ServicerContext[Any, Any]):
    """The context of one call.

    Args:
        scope: of the request, as ASGI says it.

    Raises:
        InvalidInput: a header makes no sense.
    """

    def __init__(self, scope: Mapping[str, Any]) -> None:
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        self._headers = headers
        self._scope = scope
        self._trailing: Metadata = ()
        self._code = grpc.StatusCode.OK
        self._details = ""
        seconds = _seconds(self.header(REQUEST_TIMEOUT))
        self._until = None if seconds is None else time.monotonic() + seconds

    def header(self, name: str) -> str:
        """A header by its name in lower case; empty where it is missing, or there several times."""
        values = [value for known, value in self._headers if known == name]
        return values[0] if len(values) == 1 else ""

    def credentials(self) -> Credentials:
        """Who the caller says to be. Cookies say nothing here."""
        said = [value for name, value in self._headers if name == "authorization"]
        ends = self._scope.get(CERTIFICATE_END)
        return Credentials(
            "more than one" if len(said) > 1 else "".join(said),
            self._scope.get(CERTIFICATE, ()),
            self.peer(),
            has_ended=ends is not None and ends < time.time(),
        )

    def ended(self) -> status_pb2.Status | None:
        """The status that the servicer has set without an abort; ``None`` for none."""
        if self._code is grpc.StatusCode.OK:
            return None
        return _status(self._code, self._details, self._trailing)

    def invocation_metadata(self) -> Any:  # noqa: ANN401 - see gRPC, as all that follows
        """See gRPC."""
        return tuple(
            (name, value) for name, value in self._headers if name not in _NOT_METADATA and not name.endswith("-bin")
        )

    def peer(self) -> str:
        """See gRPC."""
        return ":".join(map(str, self._scope.get("client") or ()))

    def peer_identities(self) -> Any:  # noqa: ANN401
        """See gRPC."""
        return [name.encode() for name in self._scope.get(CERTIFICATE, ())] or None

    def peer_identity_key(self) -> str | None:
        """See gRPC."""
        return "x509_subject_alternative_name" if self.peer_identities() else None

    def auth_context(self) -> Any:  # noqa: ANN401
        """See gRPC."""
        return {}

    def time_remaining(self) -> Any:  # noqa: ANN401
        """See gRPC."""
        return None if self._until is None else max(0.0, self._until - time.monotonic())

    def code(self) -> grpc.StatusCode:
        """See gRPC."""
        return self._code

    def details(self) -> Any:  # noqa: ANN401
        """See gRPC."""
        return self._details

    def trailing_metadata(self) -> Any:  # noqa: ANN401
        """See gRPC."""
        return self._trailing

    def set_code(self, code: grpc.StatusCode) -> None:
        """See gRPC."""
        self._code = code

    def set_details(self, details: str) -> None:
        """See gRPC."""
        self._details = details

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:  # noqa: ANN401
        """See gRPC."""
        self._trailing = tuple(trailing_metadata)

    async def send_initial_metadata(self, initial_metadata: Any) -> None:  # noqa: ANN401
        """See gRPC; HTTP callers are told none of it."""

    def set_compression(self, compression: grpc.Compression) -> None:
        """See gRPC."""

    def disable_next_message_compression(self) -> None:
        """See gRPC."""

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """See gRPC; a call over HTTP is cancelled where its caller is gone, and tells so by that alone."""

    def cancelled(self) -> bool:
        """See gRPC."""
        return False

    def done(self) -> bool:
        """See gRPC."""
        return False

    async def read(self) -> Any:  # noqa: ANN401
        """See gRPC; a servicer is given its request."""
        raise grpc.aio.UsageError("a call over HTTP has one request, and its servicer has it")

    async def write(self, message: object) -> None:
        """See gRPC; a servicer yields its messages."""
        raise grpc.aio.UsageError("yield the messages of a stream")

    async def abort(
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailing_metadata: Any = (),  # noqa: ANN401
    ) -> NoReturn:
        """See gRPC."""
        raise CallEnded(_status(code, details, trailing_metadata))

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """See gRPC."""
        raise CallEnded(_status(status.code, status.details or "", status.trailing_metadata or ()))


def _status(code: grpc.StatusCode, message: str, trailing: Metadata) -> status_pb2.Status:
    rich = dict(trailing).get(DETAILS)
    if isinstance(rich, bytes):
        return status_pb2.Status.FromString(rich)
    return status_pb2.Status(code=StatusCode[code.name].number, message=message)


def _seconds(said: str) -> float | None:
    """Raises: InvalidInput: it is no number of seconds."""
    if not said:
        return None
    try:
        seconds = float(said)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise InvalidInput((REQUEST_TIMEOUT, f"is a number of seconds, not {said!r}"))
    return seconds
