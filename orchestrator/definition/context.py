"""What saga code may say besides calling stubs.

``saga_id``, ``scope``, ``best_effort``, ``child``; and ``now``, ``random`` and ``uuid4``, whose values are journalled,
so that a replay finds the same values. What a saga may wait for, :mod:`orchestrator.definition.waiting` says.

Each function reaches the running saga through a context variable, which the engine sets while the saga's code runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from uuid import UUID

from orchestrator.errors import CommandError, DefinitionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime, timedelta

    from google.protobuf.message import Message

    from orchestrator.definition.saga import SagaDefinition

T = TypeVar("T")
Input = TypeVar("Input", bound="Message")
R = TypeVar("R", bound="Message")

# A float has 53 random bits; three times 43 make more than the 128 of a UUID.
_DRAWS_PER_UUID: Final = 3
_BITS_PER_DRAW: Final = 43
_UUID_BITS: Final = (1 << 128) - 1

SCOPE_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a scope may be named."""


class RunningSaga(Protocol):
    """The saga whose code is running, as far as the language needs to know it."""

    @property
    def saga_id(self) -> str:
        """The saga's identity."""

    @property
    def traceparent(self) -> str:
        """The trace context of the saga's own span, as W3C trace context writes it; empty where it has no trace."""

    def record_now(self) -> datetime:
        """The time at which the code first asked; aware, UTC."""

    def record_random(self) -> float:
        """A number evenly drawn from [0, 1) when the code first asked."""

    def issue_child(self, definition: SagaDefinition[Any, Any, R], saga_input: Message) -> Awaitable[R]:
        """Fix the key of a child saga; awaiting what comes back runs it."""

    def issue_sleep(self, until: timedelta | datetime) -> Awaitable[None]:
        """Fix the key of a timer; awaiting what comes back waits for it: a span from then on, or an aware instant."""

    def issue_signal(self, name: str, message: type[R], timeout: timedelta | None) -> Awaitable[R]:
        """Fix the key of a wait for a signal; awaiting what comes back waits for it, and answers with its message."""

    def issue_event(self, event: Message, *, at_once: bool) -> Awaitable[None]:
        """Fix the key of an event; awaiting what comes back journals it."""

    def issue_timeout(self, span: timedelta) -> AbstractAsyncContextManager[None]:
        """A block that may take so long; its key is fixed when it is entered."""


running_saga: ContextVar[RunningSaga] = ContextVar("running_saga")
scope_path: ContextVar[str] = ContextVar("scope_path", default="")
is_best_effort: ContextVar[bool] = ContextVar("is_best_effort", default=False)


def saga_id() -> str:
    """The identity of the running saga: a good order id, because it is known before anything happens.

    Raises:
        DefinitionError: no saga is running here.
    """
    return here("saga_id()").saga_id


def now() -> datetime:
    """The time, aware and in UTC: the same in every replay.

    Raises:
        DefinitionError: no saga is running here.
    """
    return here("now()").record_now()


def random() -> float:
    """A number evenly drawn from [0, 1): the same in every replay.

    Raises:
        DefinitionError: no saga is running here.
    """
    return here("random()").record_random()


def uuid4() -> UUID:
    """A random UUID: the same in every replay.

    Raises:
        DefinitionError: no saga is running here.
    """
    running = here("uuid4()")
    bits = 0
    for _ in range(_DRAWS_PER_UUID):
        bits = bits << _BITS_PER_DRAW | int(running.record_random() * (1 << _BITS_PER_DRAW))
    return UUID(int=bits & _UUID_BITS, version=4)


def child(definition: SagaDefinition[Input, Any, R], saga_input: Input) -> Awaitable[R]:
    """Run another saga as a part of this one, and await its result; a rollback of this saga rolls the child back, too.

    A child whose code has a pivot is a pivot of this saga. A child that ends compensated raises
    :class:`~orchestrator.errors.CommandRejected`.

    Args:
        definition: a definition that this process serves.
        saga_input: the message with which the child is started.

    Raises:
        DefinitionError: no saga is running here, or the definition is not served.
    """
    return here(f"child({definition.name})").issue_child(definition, saga_input)


def here(what: str) -> RunningSaga:
    """The running saga.

    Args:
        what: is called, as the code has it.

    Raises:
        DefinitionError: no saga is running here.
    """
    try:
        return running_saga.get()
    except LookupError:
        raise DefinitionError(f"{what} was called outside a saga") from None


@contextlib.contextmanager
def scope(name: str) -> Iterator[None]:
    """Separate branches that call the same method side by side.

    ``with scope("item-3"): await stubs.inventory.ReserveStock(...)``. The name becomes part of the keys of the
    commands issued within, so it must come from the saga's input or from replies, never from chance.

    Raises:
        DefinitionError: the name holds other characters than letters, digits, ``.``, ``_`` and ``-``.
    """
    if not SCOPE_NAME.fullmatch(name):
        raise DefinitionError(f"scope {name!r}: use up to 64 letters, digits, '.', '_' and '-'")
    token = scope_path.set(f"{scope_path.get()}{name}/")
    try:
        yield
    finally:
        scope_path.reset(token)


async def best_effort(command: Awaitable[T]) -> T | None:
    """Await a command that the saga can do without: its failure is journalled and answers ``None``.

    The same holds for a coroutine of several commands, also in the gathers and task groups that the coroutine makes.

    Args:
        command: a call of a stub, or of an async function. A command that has begun cannot be made best effort:
            write ``asyncio.gather(best_effort(...), best_effort(...))``, not ``best_effort(asyncio.gather(...))``.

    Raises:
        DefinitionError: the command is a task or a gather.
    """
    if isinstance(command, asyncio.Future):
        raise DefinitionError(
            "best_effort() was given a task or a gather, whose branches have begun already; "
            "make each branch best effort: asyncio.gather(best_effort(...), best_effort(...))"
        )
    token = is_best_effort.set(True)
    try:
        return await command
    except CommandError:
        return None
    except ExceptionGroup as group:
        _, others = group.split(CommandError)
        if others is not None:
            raise
        return None
    finally:
        is_best_effort.reset(token)
