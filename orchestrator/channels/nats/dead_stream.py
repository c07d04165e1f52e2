"""One stream of dead letters: counts them, reads the latest, and removes those that somebody has dealt with.

To read, any server of a cluster is asked. To remove, its leader is, which alone knows all that the stream holds: no
letter goes that came after those that were meant.

Where letters were removed, their numbers are missing for ever. So whoever goes from one letter to the one before it
leaps over gaps, instead of asking for every number.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from orchestrator.participant.queued.dead_letter import DeadLetter
from orchestrator.ports.dead_commands import DeadCommand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.channels.nats.channel import NatsChannel

_AT: Final = "Nats-Time-Stamp"
_SUBJECT: Final = "Nats-Subject"
_SEQUENCE: Final = "Nats-Sequence"
_NONE: Final = "404"
_IDENTITY: Final = re.compile(r"([0-9]{1,19})-([0-9]{1,19})")


class Identity(NamedTuple):
    """What tells a letter from all others of its participant.

    Its number alone would not: a stream that is made anew counts from 1 again, and another prefix has one of its own.

    Attributes:
        sequence: its number in its stream.
        at: when it came there, nanoseconds since the epoch, UTC.
    """

    sequence: int
    at: int

    def __str__(self) -> str:
        return f"{self.sequence}-{self.at}"

    @classmethod
    def read(cls, text: str) -> Identity | None:
        """What such a text says; ``None`` where it is none."""
        found = _IDENTITY.fullmatch(text)
        return cls(int(found[1]), int(found[2])) if found else None


class Held(NamedTuple):
    """What a stream holds.

    Attributes:
        numbers: how many letters, by the full name of the service.
        first: the number of the first one.
        last: the number of the last one that ever came; it may have been removed.
        until: when that one came, nanoseconds since the epoch, UTC: what is counted came until then.
    """

    numbers: Mapping[str, int]
    first: int
    last: int
    until: int


class _Stored(NamedTuple):
    """Where a letter lies in its stream, and since when."""

    subject: str
    sequence: int
    at: int


class DeadStream:
    """The stream of one broker and prefix.

    Each method raises :class:`~orchestrator.connections.nats.BrokerUnavailableError` where the broker does not answer,
    and :class:`~orchestrator.connections.nats.BrokerRefusedError` where it refuses.

    Args:
        channel: whose participants give up what lies there.
        seconds: how long each answer is waited for.
    """

    def __init__(self, channel: NatsChannel, seconds: float) -> None:
        self._broker = channel.stream
        self._subjects = channel.address.subjects
        self._seconds = seconds

    async def held(self) -> Held | None:
        """What there is now; ``None`` where there is no such stream."""
        about = {"subjects_filter": self._subjects.all_dead}
        info = await self._broker.find(f"STREAM.INFO.{self._subjects.dead}", about, self._seconds)
        if info is None:
            return None
        state = info["state"]
        subjects: Mapping[str, int] = state.get("subjects") or {}
        numbers = {self._service(subject): int(number) for subject, number in subjects.items()}
        return Held(numbers, max(int(state["first_seq"]), 1), int(state["last_seq"]), _instant(state["last_ts"]))

    async def newest(self, held: Held, most: int) -> list[DeadCommand]:
        """The latest of those that were there, the latest first."""
        newest: list[DeadCommand] = []
        number = held.last
        while len(newest) < most and (letter := await self._latest(held.first, number)) is not None:
            newest.append(letter)
            number = _number(letter) - 1
        return newest

    async def find(self, service: str, identity: Identity) -> DeadCommand | None:
        """The letter of a participant with this identity; ``None`` where there is none."""
        letter = await self._next(identity.sequence)
        return letter if letter is not None and (letter.service, letter.id) == (service, str(identity)) else None

    async def remove(self, identity: Identity) -> bool:
        """Remove a letter that was found; whether it was still there."""
        what = f"STREAM.MSG.DELETE.{self._subjects.dead}"
        return await self._broker.find(what, {"seq": identity.sequence}, self._seconds) is not None

    async def remove_until(self, service: str, until: int, held: Held) -> int:
        """Remove the letters of a service that came until an instant, and were there; how many.

        Args:
            service: its full name, one of those that have letters there.
            until: the instant, nanoseconds since the epoch, UTC.
            held: what there was.
        """
        about = {"filter": self._subjects.dead_of(service), "seq": await self._end(service, until, held)}
        answer = await self._broker.find(f"STREAM.PURGE.{self._subjects.dead}", about, self._seconds)
        return 0 if answer is None else int(answer["purged"])

    async def _end(self, service: str, until: int, held: Held) -> int:
        """The number before which the letters of a service came until an instant, and from which on later."""
        low, high = held.first, held.last + 1
        while low < high:
            middle = (low + high) // 2
            letter = await self._next_of(service, middle)
            if letter is None or letter.sequence >= high or letter.at > until:
                high = middle
            else:
                low = letter.sequence + 1
        return low

    async def _next_of(self, service: str, number: int) -> _Stored | None:
        """The first letter of a service with this number or a greater one, as the leader knows it."""
        about = {"seq": number, "next_by_subj": self._subjects.dead_of(service)}
        answer = await self._broker.find(f"STREAM.MSG.GET.{self._subjects.dead}", about, self._seconds)
        if answer is None:
            return None
        message = answer["message"]
        return _Stored(message["subject"], int(message["seq"]), _instant(message["time"]))

    async def _latest(self, first: int, last: int) -> DeadCommand | None:
        """The letter with the greatest number of a range; ``None`` where all of them are gone."""
        found, low, leap = None, last + 1, 1
        high = last
        while found is None and low > first:
            high = low - 1  # there is none above it
            low, leap = max(first, last + 1 - leap), leap * 2
            found = await self._within(low, high)
        if found is None:
            return None
        low = _number(found) + 1
        while low <= high:
            middle = (low + high) // 2
            letter = await self._within(middle, high)
            if letter is None:
                high = middle - 1
            else:
                found, low = letter, _number(letter) + 1
        return found

    async def _within(self, low: int, high: int) -> DeadCommand | None:
        letter = await self._next(low)
        return letter if letter is not None and _number(letter) <= high else None

    async def _next(self, number: int) -> DeadCommand | None:
        """The first letter with this number or a greater one."""
        subjects = self._subjects
        about = json.dumps({"seq": number, "next_by_subj": subjects.all_dead}).encode()
        answer = await self._broker.connection.request(f"$JS.API.DIRECT.GET.{subjects.dead}", about, self._seconds)
        headers = {str(name): value for name, value in (answer.headers or {}).items()}
        if headers.get("Status") == _NONE or _AT not in headers:
            return None
        letter = DeadLetter.read(headers, answer.data)
        try:
            service, method = subjects.method(letter.subject)
        except ValueError:
            service, method = self._service(headers[_SUBJECT]), ""
        at, metadata = _instant(headers[_AT]), letter.headers
        return DeadCommand(
            at,
            service,
            method,
            metadata.get("saga-id", ""),
            metadata.get("idempotency-key", ""),
            letter.error,
            letter.deliveries,
            str(Identity(int(headers[_SEQUENCE]), at)),
        )

    def _service(self, subject: str) -> str:
        """The service whose dead letters have this subject."""
        return subject.removeprefix(self._subjects.dead_of(""))


def _number(letter: DeadCommand) -> int:
    return int(letter.id.partition("-")[0])


def _instant(text: str) -> int:
    """Nanoseconds since the epoch, UTC, of an instant as the broker writes it."""
    at = Timestamp()
    at.FromJsonString(text)
    return at.ToNanoseconds()
