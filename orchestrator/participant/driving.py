"""Does what the rules of the guard ask for: once for plain functions, once for coroutines.

A store of records opens transactions. What can be done in an open one is ``Opened``: one statement each.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from orchestrator.participant.guard import guarded
from orchestrator.participant.records import Record
from orchestrator.participant.steps import (
    THROWN,
    Answer,
    Call,
    Find,
    Forget,
    Keep,
    Rules,
    Run,
    Settle,
    Step,
    Steps,
    Transaction,
)

_LOGGER = logging.getLogger("orchestrator.participant")

StepT = TypeVar("StepT")
EndT = TypeVar("EndT")


class Opened(Protocol):
    """What can be done with records in an open transaction."""

    def find(self, key: str, other: str) -> dict[str, Record]:
        """Those of the two records that there are, by key."""
        ...

    def keep(self, record: Record) -> None:
        """Insert a record, or raise ``KeyTakenError``."""
        ...

    def settle(self, record: Record) -> None:
        """Update a record that is in doubt, or raise ``KeyTakenError``."""
        ...

    def forget(self, key: str) -> None:
        """Delete a record that is in doubt."""
        ...


class Records(Protocol):
    """A store of records for handlers that are plain functions."""

    @property
    def is_async(self) -> bool:
        """False."""
        ...

    def transaction(self, *, writes: bool) -> AbstractContextManager[Opened]:
        """One transaction; while it is open, the handler reaches its connection."""
        ...


class AsyncOpened(Protocol):
    """An open transaction whose statements are waited for."""

    def take(self, step: Callable[[Opened], Any]) -> Awaitable[Any]:
        """What the function returns."""
        ...


class AsyncRecords(Protocol):
    """A store of records for handlers that are coroutines."""

    @property
    def is_async(self) -> bool:
        """True."""
        ...

    def transaction(self, *, writes: bool) -> AbstractAsyncContextManager[AsyncOpened]:
        """One transaction; while it is open, the handler reaches its connection."""
        ...


@dataclass(frozen=True, slots=True)
class _Ended(Generic[EndT]):
    value: EndT


def answer(call: Call, records: Records, run: Callable[[], bytes]) -> Answer:
    """Answer a call; ``run`` runs its handler, and may be called more than once: only the last run counts.

    Raises:
        GuardRefusal: by the guard itself.
        Exception: any that ``run`` or the database raise.
    """
    rules = guarded(call)
    unit = _next(rules)
    while not isinstance(unit, _Ended):
        try:
            if isinstance(unit, Run):
                result: bytes | Record = run()
            else:
                with records.transaction(writes=unit.writes) as opened:
                    result = take(unit.steps(), opened, run)
        except THROWN as error:
            unit = _thrown(rules, error)
        else:
            unit = _next(rules, result)
    return unit.value


async def answer_async(call: Call, records: AsyncRecords, run: Callable[[], Awaitable[bytes]]) -> Answer:
    """The same for a handler that is a coroutine, and may be cancelled."""

    async def transact(unit: Transaction) -> bytes | Record:
        async with records.transaction(writes=unit.writes) as opened:
            return await _take_async(unit.steps(), opened, run)

    async def execute(unit: Transaction | Run) -> bytes | Record:
        if isinstance(unit, Run):
            return await run()
        if unit.taken_back_by is None:
            return await transact(unit)
        return await _unless_cancelled(asyncio.ensure_future(transact(unit)), transact, unit.taken_back_by)

    return await follow(guarded(call), execute)


async def follow(rules: Rules, execute: Callable[[Transaction | Run], Awaitable[bytes | Record]]) -> Answer:
    """Follow rules to their answer; ``execute`` does what they ask for."""
    unit = _next(rules)
    while not isinstance(unit, _Ended):
        try:
            result = await execute(unit)
        except THROWN as error:
            unit = _thrown(rules, error)
        else:
            unit = _next(rules, result)
    return unit.value


def take(steps: Steps, opened: Opened, run: Callable[[], bytes]) -> bytes | Record:
    """Take the steps of one transaction, which is open."""
    step = _next(steps)
    while not isinstance(step, _Ended):
        step = _next(steps, run() if isinstance(step, Run) else _done(step, opened))
    return step.value


_taking_back: set[asyncio.Task[None]] = set()


async def _unless_cancelled(
    writing: asyncio.Future[bytes | Record],
    transact: Callable[[Transaction], Awaitable[bytes | Record]],
    taken_back_by: Callable[[], Steps],
) -> bytes | Record:
    """What a transaction comes to. One that is cancelled while it commits may stand: so it ends, and is taken back."""

    async def take_back() -> None:
        if not isinstance(await writing, Record):  # a record was there before, and is not ours
            await transact(Transaction(taken_back_by))

    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        task = asyncio.ensure_future(take_back())
        _taking_back.add(task)
        task.add_done_callback(_note_taken_back)
        raise


def _note_taken_back(task: asyncio.Task[None]) -> None:
    _taking_back.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, THROWN):
        _LOGGER.error("an intent was not taken back, so its command is in doubt", exc_info=error)


async def _take_async(steps: Steps, opened: AsyncOpened, run: Callable[[], Awaitable[bytes]]) -> bytes | Record:
    step = _next(steps)
    while not isinstance(step, _Ended):
        step = _next(steps, await (run() if isinstance(step, Run) else opened.take(partial(_done, step))))
    return step.value


def _done(step: Step, opened: Opened) -> Any:  # noqa: ANN401 - what comes of a step depends on the step
    match step:
        case Find():
            return opened.find(step.key, step.other)
        case Keep():
            return opened.keep(step.record)
        case Settle():
            return opened.settle(step.record)
        case Forget():
            return opened.forget(step.key)
        case Run():
            raise AssertionError("the driver runs the handler")


# The handler never runs inside of these, so a StopIteration of its own is an error like any other.


def _next(generator: Generator[StepT, Any, EndT], sent: object = None) -> StepT | _Ended[EndT]:
    try:
        return generator.send(sent)
    except StopIteration as end:
        return _Ended(end.value)


def _thrown(generator: Generator[StepT, Any, EndT], error: Exception) -> StepT | _Ended[EndT]:
    try:
        return generator.throw(error)
    except StopIteration as end:
        return _Ended(end.value)
