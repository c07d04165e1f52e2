"""What saga code may wait for besides its commands: a time, a signal, a person's decision.

Each wait is journalled when it begins and when it ends, under a key of its own, as commands are: so a saga may wait for
days, is out of memory until then, and goes on after a restart and on another replica as if nothing had been. Times
are those of the journal's clock, which all replicas share.

=========================================  ============================================================
``await sleep(timedelta(days=2))``         a span, from now on
``await sleep_until(instant)``             an instant
``await signal("paid", Payment)``          the next signal of this name, with its message
``await approval(timeout=...)``            somebody's yes or no
``async with timeout(timedelta(...)):``    the commands and signals of a block, for so long at most
=========================================  ============================================================
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

from orchestrator.definition.context import here
from orchestrator.definition.saga import LONGEST_SAGA
from orchestrator.errors import DefinitionError
from saga.v1.saga_pb2 import Decision

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime, timedelta

    from google.protobuf.message import Message

M = TypeVar("M", bound="Message")

SIGNAL_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""What a signal may be named."""
APPROVAL: Final = "approval"
"""The signal of a decision, where the code names no other."""

_LAST_YEAR: Final = 2200
"""Later instants do not fit into the nanoseconds in which the journal counts."""


def sleep(span: timedelta) -> Awaitable[None]:
    """Wait for a span, from now on; one of zero or less is over at once.

    Raises:
        DefinitionError: no saga is running here, or the span is longer than ten years.
    """
    _refuse_too_long("sleep(...)", span)
    return here("sleep(...)").issue_sleep(span)


def sleep_until(instant: datetime) -> Awaitable[None]:
    """Wait until an instant; one that has passed is over at once.

    Raises:
        DefinitionError: no saga is running here, or the instant has no time zone or is after the year 2200.
    """
    if instant.tzinfo is None:
        raise DefinitionError(f"sleep_until({instant!r}): an instant needs its time zone, such as UTC")
    if instant.year > _LAST_YEAR:
        raise DefinitionError(f"sleep_until({instant}): no timer is set for later than the year {_LAST_YEAR}")
    return here("sleep_until(...)").issue_sleep(instant)


def signal(name: str, message: type[M], *, timeout: timedelta | None = None) -> Awaitable[M]:
    """Wait for the next signal of this name, and answer with its message. It may have come before.

    Signals of one name are given out in the order of their arrival, to the waits in the order in which they began.

    Args:
        name: lower-case letters, digits and underscores; written out, so that the saga's plan knows it.
        message: the generated class of the signal's message.
        timeout: for how long; ``None`` for ever.

    Raises:
        SignalTimedOut: none came in time; raised when it is awaited.
        DefinitionError: no saga is running here, or the name or the timeout cannot work.
    """
    if not SIGNAL_NAME.fullmatch(name):
        raise DefinitionError(f"signal {name!r}: use up to 64 lower-case letters, digits and underscores")
    if timeout is not None:
        _refuse_too_long(f"signal({name!r}, ...)", timeout)
    return here(f"signal({name!r}, ...)").issue_signal(name, message, timeout)


def approval(name: str = APPROVAL, *, timeout: timedelta | None = None) -> Awaitable[Decision]:
    """Wait for somebody's decision: a signal whose message is a ``saga.v1.Decision``. A no is an answer, no error.

    Args:
        name: of the signal.
        timeout: for how long; ``None`` for ever.

    Raises:
        SignalTimedOut: nobody decided in time; raised when it is awaited.
        DefinitionError: no saga is running here, or the name or the timeout cannot work.
    """
    return signal(name, Decision, timeout=timeout)


def timeout(span: timedelta) -> AbstractAsyncContextManager[None]:
    """Let a block take so long at most: ``async with orchestrator.timeout(timedelta(minutes=5)):``.

    A command that is cut off is in doubt, so it is compensated before the saga ends. What has no compensation, a pivot
    or a retryable command, cannot be called within.

    Raises:
        TimeLimitPassed: at the end of the block, where the time is over before it; it is a :class:`TimeoutError`.
        DefinitionError: no saga is running here, or the span is longer than ten years.
    """
    _refuse_too_long("timeout(...)", span)
    return here("timeout(...)").issue_timeout(span)


def _refuse_too_long(what: str, span: timedelta) -> None:
    if span > LONGEST_SAGA:
        raise DefinitionError(f"{what}: {span} is too long; state up to {LONGEST_SAGA}")
