"""The context of a guarded gRPC handler: what the handler says of its status waits until its transaction has ended.

gRPC itself sends a status as soon as the handler aborts. Here, the business change is rolled back and the rejection is
recorded first.
"""

from typing import Any, NoReturn

import grpc
import grpc.aio

from orchestrator.participant.errors import Rejection
from orchestrator.participant.statuses import PostponedStatusError, Status, Trailing
from orchestrator.participant.texts import well_formed


class HeldContext:
    """Stands before the context of a call; all that concerns neither status nor trailing metadata passes.

    Args:
        context: gRPC's own.
    """

    def __init__(self, context: Any) -> None:  # noqa: ANN401 - of either kind
        self._context = context
        self._code: grpc.StatusCode | None = None
        self._message = ""
        self.trailing: Trailing = ()
        self._aborted = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever gRPC offers
        return getattr(self._context, name)

    def set_code(self, code: grpc.StatusCode) -> None:
        """As gRPC's."""
        self._code = code

    def set_details(self, details: str) -> None:
        """As gRPC's."""
        self._message = details

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:  # noqa: ANN401 - as gRPC's
        """As gRPC's."""
        self.trailing = tuple((name, value) for name, value in trailing_metadata)

    def code(self) -> grpc.StatusCode | None:
        """What was set."""
        return self._code

    def details(self) -> str:
        """What was set."""
        return self._message

    def trailing_metadata(self) -> Trailing:
        """What was set."""
        return self.trailing

    def abort(self, code: grpc.StatusCode, details: str = "") -> NoReturn:
        """As gRPC's."""
        self._hold(code, details)

    def abort_with_status(self, status: Any) -> NoReturn:  # noqa: ANN401 - as gRPC's
        """As gRPC's."""
        self._hold(status.code, status.details, status.trailing_metadata)

    def status(self, error: Exception | None, domain: str) -> Status | None:
        """How the handler has ended the call, by what it said and raised; ``None`` for a reply, or an unforeseen error.

        A handler that catches its own abort has aborted all the same, as with gRPC.
        """
        if not self._aborted and isinstance(error, Rejection):
            return Status.of_refusal(error, domain)
        if (error is not None and not self._aborted) or self._code in {None, grpc.StatusCode.OK}:
            return None
        assert self._code is not None
        return Status(self._code, well_formed(self._message), self.trailing)

    def _hold(self, code: grpc.StatusCode, details: str, trailing_metadata: Any = ()) -> NoReturn:  # noqa: ANN401
        if code is grpc.StatusCode.OK:
            raise ValueError("a call is not aborted with OK")
        self._aborted = True
        self._code, self._message = code, details
        if trailing_metadata:
            self.set_trailing_metadata(trailing_metadata)
        raise grpc.aio.AbortError("aborted by the handler")


class AsyncHeldContext(HeldContext):
    """The same for a handler that is a coroutine."""

    async def abort(  # type: ignore[override]
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailing_metadata: Any = (),  # noqa: ANN401 - as gRPC's
    ) -> NoReturn:
        """As gRPC's."""
        self._hold(code, details, trailing_metadata)

    async def abort_with_status(self, status: Any) -> NoReturn:  # type: ignore[override]  # noqa: ANN401 - as gRPC's
        """As gRPC's."""
        self._hold(status.code, status.details, status.trailing_metadata)


def refuse_late(context: Any) -> None:  # noqa: ANN401 - of either kind
    """Begin nothing for a caller that is gone: it asks again, with the same key.

    Raises:
        PostponedStatusError: the deadline is over, or the call was cancelled; there is no effect yet.
    """
    left = context.time_remaining()
    is_gone = not context.is_active() if hasattr(context, "is_active") else context.cancelled()
    if is_gone or (left is not None and left <= 0):
        raise PostponedStatusError(Status(grpc.StatusCode.DEADLINE_EXCEEDED, "the caller does not wait any longer"))
