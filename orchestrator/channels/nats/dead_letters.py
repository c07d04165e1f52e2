"""Reads the commands that participants have given up, the latest first.

A command gets here when it cannot be read, or was delivered again and again without an answer: its participant dies of
it. Its saga has been told that its outcome is unknown, and does what its contract says. The stream keeps the letter for
:data:`~orchestrator.participant.queued.streams.KEEP_DEAD`; nobody sends it again, for the saga already has, or will.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from heapq import nlargest
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from google.protobuf.timestamp_pb2 import Timestamp

from orchestrator.connections.nats import BrokerRefusedError, BrokerUnavailableError
from orchestrator.participant.queued.dead_letter import DeadLetter
from orchestrator.ports.dead_commands import DeadCommand, FoundDeadCommands

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from orchestrator.channels.nats.channel import NatsChannel
    from orchestrator.participant.queued.subjects import Subjects

_SECONDS: Final = 5.0
_QUICK_SECONDS: Final = 1.0
"""So long a page waits for a broker; for the connection, a quarter of it."""
_AT: Final = "Nats-Time-Stamp"
_SUBJECT: Final = "Nats-Subject"
_NONE: Final = "404"


class NatsDeadCommands:
    """Those of every broker and prefix; see :class:`orchestrator.ports.dead_commands.DeadCommands`.

    Args:
        channels: by the full name of each service that is reached over NATS; where there is none, nobody is asked.
        seconds: how long a broker is waited for.
    """

    def __init__(self, channels: Mapping[str, NatsChannel], seconds: float = _QUICK_SECONDS) -> None:
        self._channels = _each_once(channels.values())
        self._seconds = seconds

    async def newest(self, limit: int) -> FoundDeadCommands:
        """See the port."""
        return _together(await asyncio.gather(*(self._of(each, limit) for each in self._channels)), limit)

    async def _of(self, channel: NatsChannel, limit: int) -> FoundDeadCommands:
        subjects = channel.address.subjects
        try:
            async with asyncio.timeout(self._seconds):
                # A connection that is lost has a keeper, who needs nobody that waits.
                await channel.stream.connection.client(self._seconds / 4)
                return await _found(channel, limit, self._seconds)
        except (BrokerUnavailableError, BrokerRefusedError) as refusal:
            why = str(refusal)
        except TimeoutError:
            place = channel.stream.connection.server.place
            why = f"NATS at {place} has not told them within {self._seconds:g} s"
        return FoundDeadCommands({}, [], [f"The dead letters below {subjects.prefix} cannot be read: {why}"])


async def count(channel: NatsChannel) -> int:
    """How many there are behind a channel; none where there is no such stream.

    Raises:
        BrokerUnavailableError: the broker does not answer.
        BrokerRefusedError: it refuses.
    """
    return sum((await _found(channel, 0, _SECONDS)).numbers.values())


async def given_up(channels: Mapping[str, NatsChannel], most: int) -> list[DeadCommand]:
    """The latest of every broker and prefix, the latest first.

    Args:
        channels: by the full name of each service that is reached over NATS.
        most: how many.

    Raises:
        BrokerUnavailableError: a broker does not answer.
        BrokerRefusedError: it refuses.
    """
    found = [await _found(each, most, _SECONDS) for each in _each_once(channels.values())]
    return list(_together(found, most).newest)


def _each_once(channels: Iterable[NatsChannel]) -> list[NatsChannel]:
    """One channel for each broker and prefix."""
    return list({(each.address.server, each.address.subjects.prefix): each for each in channels}.values())


def _together(found: Collection[FoundDeadCommands], most: int) -> FoundDeadCommands:
    numbers: Counter[str] = Counter()
    for each in found:
        numbers.update(each.numbers)
    newest = nlargest(most, (letter for each in found for letter in each.newest), key=attrgetter("at"))
    return FoundDeadCommands(dict(sorted(numbers.items())), newest, [why for each in found for why in each.unread])


async def _found(channel: NatsChannel, most: int, seconds: float) -> FoundDeadCommands:
    """What one broker holds below one prefix; nothing where there is no such stream."""
    subjects = channel.address.subjects
    info = await channel.stream.find(f"STREAM.INFO.{subjects.dead}", {"subjects_filter": subjects.all_dead}, seconds)
    if info is None:
        return FoundDeadCommands({}, [])
    state = info["state"]
    numbers = {_service(subjects, subject): int(number) for subject, number in (state.get("subjects") or {}).items()}
    newest: list[DeadCommand] = []
    for sequence in range(int(state["last_seq"]), max(int(state["first_seq"]), 1) - 1, -1):
        if len(newest) >= most:
            break
        letter = await _letter(channel, sequence, seconds)
        newest += [letter] if letter is not None else []
    return FoundDeadCommands(numbers, newest)


async def _letter(channel: NatsChannel, sequence: int, seconds: float) -> DeadCommand | None:
    subjects = channel.address.subjects
    subject = f"$JS.API.DIRECT.GET.{subjects.dead}"
    answer = await channel.stream.connection.request(subject, json.dumps({"seq": sequence}).encode(), seconds)
    headers = {str(name): value for name, value in (answer.headers or {}).items()}
    if headers.get("Status") == _NONE or _AT not in headers:
        return None
    letter = DeadLetter.read(headers, answer.data)
    try:
        service, method = subjects.method(letter.subject)
    except ValueError:
        service, method = _service(subjects, headers[_SUBJECT]), ""
    metadata = letter.headers
    saga_id, key = metadata.get("saga-id", ""), metadata.get("idempotency-key", "")
    return DeadCommand(_instant(headers[_AT]), service, method, saga_id, key, letter.error, letter.deliveries)


def _service(subjects: Subjects, subject: str) -> str:
    """The service whose dead letters have this subject."""
    return subject.removeprefix(subjects.dead_of(""))


def _instant(text: str) -> int:
    """Nanoseconds since the epoch, UTC, of an instant as the broker writes it."""
    at = Timestamp()
    at.FromJsonString(text)
    return at.ToNanoseconds()
