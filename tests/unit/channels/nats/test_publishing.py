"""What a caller makes of a broker that does not say whether it has stored a command."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from orchestrator.channels.nats import caller as callers
from orchestrator.channels.nats.caller import Line, NatsCaller
from orchestrator.channels.nats.replies import Awaited
from orchestrator.connections.jetstream import Stored
from orchestrator.connections.nats import BrokerRefusedError, BrokerUnavailableError, NotConnectedError, Received
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Rejected, Unknown
from orchestrator.participant.queued.reply import QueuedReply
from orchestrator.participant.queued.subjects import Subjects
from orchestrator.ports.queued import QueuedAttempt
from tests.support.engine_world import turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome

METADATA = (("idempotency-key", "saga/S.M#1"), ("saga-id", "saga"))
STORED = Stored("commands", 1, duplicate=False)
SILENT = BrokerUnavailableError("timeout")
ABSENT = NotConnectedError("no connection")


class Broker:
    """What a caller knows of a broker, and of the replies.

    Attributes:
        says: what it says to each publish, in order; the last of them again and again.
        connects: the same of each time that a reply is listened for; ``None`` where there is a connection.
        published: the headers of what was published.
        awaited: the reply that is waited for.
    """

    def __init__(self, *says: Stored | Exception) -> None:
        self.says = list(says)
        self.connects: list[Exception | None] = [None]
        self.published: list[dict[str, str]] = []
        self.awaited: Awaited | None = None
        self.connection = SimpleNamespace(most_bytes=1_000_000, client=self._client)

    async def _client(self, _seconds: float) -> None:
        """There is a connection."""

    async def publish(self, _subject: str, _body: bytes, headers: dict[str, str], _seconds: float) -> Stored:
        self.published.append(headers)
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, Exception):
            raise said
        return said

    @asynccontextmanager
    async def awaiting(self, saga_id: str, message_id: str, *, elsewhere: bool) -> AsyncIterator[Awaited]:  # noqa: ARG002 - as the real one
        error = self.connects.pop(0) if len(self.connects) > 1 else self.connects[0]
        if error is not None:
            raise error
        self.awaited = Awaited(saga_id, message_id, "replies.here")
        yield self.awaited

    async def look(self, awaited: Awaited) -> None:
        """There is nothing in the stream."""

    async def keep_looking(self, awaited: Awaited) -> None:
        """Nor later."""

    def reply(self) -> None:
        """The participant has answered."""
        assert self.awaited is not None
        reply = QueuedReply(self.awaited.message_id, b"done", delivery=1)
        self.awaited.give(Received("replies.here", reply.headers(), reply.body))


@pytest.fixture(autouse=True)
def _no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(callers, "PUBLISH_SECONDS", 0.02)


def calling(broker: Broker, attempt: QueuedAttempt, most_bytes: int = 1_000_000) -> asyncio.Future[Outcome]:
    """An attempt, being made."""
    line = Line(cast("Any", broker), Subjects("commands"), cast("Any", broker), most_bytes)
    command = cast("Command", SimpleNamespace(service="a.S", method="M", outcomes=()))
    return asyncio.ensure_future(NatsCaller(line, command, 3600.0).queue(b"request", METADATA, 2.0, attempt))


def attempt(*, resumed: bool = False, publish: bool = True, sole: bool = False) -> QueuedAttempt:
    now, hour = time.time_ns(), 3600 * 10**9
    return QueuedAttempt("saga", 1, now, now + hour, now + hour, resumed=resumed, publish=publish, sole=sole)


@pytest.mark.parametrize("says", [(SILENT,), (SILENT, BrokerRefusedError(10077, "maximum messages exceeded"))])
async def test_what_may_be_stored_of_a_sole_attempt_counts_as_queued_and_its_answer_is_awaited(
    says: tuple[Exception, ...],
) -> None:
    broker, sole = Broker(*says), attempt(sole=True)
    sending = calling(broker, sole)
    while not sole.is_queued:
        assert not sending.done()
        await asyncio.sleep(0)
    broker.reply()

    assert await sending == Completed(b"done")


async def test_another_attempt_may_follow_one_that_is_not_sole() -> None:
    first = attempt()
    outcome = await calling(Broker(SILENT), first)

    assert isinstance(outcome, Unknown)
    assert outcome.failure.code is StatusCode.UNAVAILABLE
    assert not first.is_queued


async def test_nothing_is_stored_where_there_was_no_connection() -> None:
    sole = attempt(sole=True)
    outcome = await calling(Broker(ABSENT), sole)

    assert isinstance(outcome, Unknown)
    assert not sole.is_queued


async def test_one_that_may_be_stored_is_awaited_also_where_the_connection_is_lost_afterwards() -> None:
    broker, sole = Broker(SILENT, ABSENT), attempt(sole=True)
    sending = calling(broker, sole)
    while not sole.is_queued:
        assert not sending.done()
        await asyncio.sleep(0)
    broker.reply()

    assert await sending == Completed(b"done")


async def test_a_resumed_attempt_is_not_given_up_because_its_answer_cannot_be_listened_for() -> None:
    broker = Broker(STORED)
    broker.connects = [SILENT, ABSENT, None]
    sending = calling(broker, attempt(resumed=True, publish=False, sole=True))
    while broker.awaited is None:
        assert not sending.done()
        await asyncio.sleep(0)
    await turns()
    broker.reply()

    assert await sending == Completed(b"done")
    assert not broker.published


async def test_a_smaller_limit_settles_nothing_of_what_may_be_in_the_queue() -> None:
    for resumed in (attempt(resumed=True), attempt(resumed=True, publish=False)):
        broker = Broker(STORED)
        sending = calling(broker, resumed, most_bytes=5)
        while broker.awaited is None or not resumed.is_queued:
            assert not sending.done()
            await asyncio.sleep(0)
        broker.reply()
        assert await sending == Completed(b"done")

    rejected = await calling(Broker(STORED), attempt(), most_bytes=5)
    assert isinstance(rejected, Rejected)


@pytest.mark.parametrize("says", ["maximum messages exceeded", "no"])
async def test_nor_does_a_refusal_of_the_broker(says: str) -> None:
    broker = Broker(BrokerRefusedError(10077, says))
    broker.connection.most_bytes = 3

    assert isinstance(await calling(broker, attempt(resumed=True)), Unknown)
    assert isinstance(await calling(broker, attempt()), Rejected)
