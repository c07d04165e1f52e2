"""The connection of the guarded call that runs here, so that a handler writes in the transaction of its record."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

_OPEN: Final[ContextVar[Any]] = ContextVar("guarded_connection")


def connection() -> Any:  # noqa: ANN401 - it depends on where the records are
    """The connection on which the record of this call is kept: what the handler writes with it is committed with it.

    Do not commit it, roll it back or close it: the guard does.

    Raises:
        RuntimeError: no guarded call runs here, or the handler calls a foreign service.
    """
    try:
        return _OPEN.get()
    except LookupError:
        raise RuntimeError("no transaction of a guarded call is open here") from None


@contextmanager
def opened(current: object) -> Iterator[None]:
    """Make a connection that of the call, until the block is left."""
    token = _OPEN.set(current)
    try:
        yield
    finally:
        _OPEN.reset(token)
