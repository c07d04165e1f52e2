"""One stream of dead letters: counts them, reads the latest, and removes those that somebody has dealt with.

Any server of a cluster is asked for letters that are to be shown; it may not have the latest ones yet. Before letters
are removed, the leader is asked which they are: it knows all of them, so none is removed that came after those that
were meant.

The letters of a stream are numbered in the order in which they came. Where a letter was removed, its number is missing
for ever, and whole ranges may be. The broker can be asked for the first letter from a number on, but not for the last
one before it; :meth:`DeadStream.newest`, which goes from the last letter to the one before it, searches for that.
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

    The number alone does not: a stream that was deleted and made anew counts from 1 again, and the stream of another
    prefix has the same numbers.

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
        """The identity that was written as this text; ``None`` where none is written so."""
        found = _IDENTITY.fullmatch(text)
        return cls(int(found[1]), int(found[2])) if found else None


class Held(NamedTuple):
    """What a stream holds.

    Attributes:
        numbers: how many letters, by the full name of the service.
        first: the number of the first one.
        last: the number of the last one that ever came; it may have been removed.
        until: when that last one came, nanoseconds since the epoch, UTC. All that are counted came by then.
    """

    numbers: Mapping[str, int]
    first: int
    last: int
    until: int


class _Place(NamedTuple):
    """The number of a letter in its stream, and when it came there, nanoseconds since the epoch, UTC."""

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
        """The latest of those that the stream held, at most so many, the latest first."""
        newest: list[DeadCommand] = []
        last = held.last
        while len(newest) < most and (letter := await self._last_of(held.first, last)) is not None:
            newest.append(letter)
            last = _number(letter) - 1
        return newest

    async def find(self, service: str, identity: Identity) -> DeadCommand | None:
        """The letter of a participant with this identity; ``None`` where there is none."""
        letter = await self._first_from(identity.sequence)
        return letter if letter is not None and (letter.service, letter.id) == (service, str(identity)) else None

    async def remove(self, identity: Identity) -> bool:
        """Remove a letter that was found; whether it was still there."""
        what = f"STREAM.MSG.DELETE.{self._subjects.dead}"
        return await self._broker.find(what, {"seq": identity.sequence}, self._seconds) is not None

    async def remove_until(self, service: str, until: int, held: Held) -> int:
        """Remove the letters of a service that the stream held, and that came until an instant; how many those were.

        Args:
            service: its full name, one of those that have letters there.
            until: the instant, nanoseconds since the epoch, UTC.
            held: what the stream held.
        """
        kept_from = await self._first_after(service, until, held)
        about = {"filter": self._subjects.dead_of(service), "seq": kept_from}
        answer = await self._broker.find(f"STREAM.PURGE.{self._subjects.dead}", about, self._seconds)
        return 0 if answer is None else int(answer["purged"])

    async def _first_after(self, service: str, until: int, held: Held) -> int:
        """The number before which the letters of a service are to be removed: from it on, none came until the instant.

        A letter that came later has a greater number. So the range is halved until it is empty.
        """
        low, high = held.first, held.last + 1
        while low < high:
            middle = (low + high) // 2
            place = await self._place_from(service, middle)
            if place is None or place.sequence >= high or place.at > until:
                high = middle
            else:
                low = place.sequence + 1
        return low

    async def _place_from(self, service: str, number: int) -> _Place | None:
        """Where the first letter of a service lies from a number on, as the leader knows it."""
        about = {"seq": number, "next_by_subj": self._subjects.dead_of(service)}
        answer = await self._broker.find(f"STREAM.MSG.GET.{self._subjects.dead}", about, self._seconds)
        if answer is None:
            return None
        message = answer["message"]
        return _Place(int(message["seq"]), _instant(message["time"]))

    async def _last_of(self, first: int, last: int) -> DeadCommand | None:
        """The last letter with a number from ``first`` to ``last``; ``None`` where all of them were removed.

        The search begins at ``last``, and goes back in steps that double until it finds a letter.
        """
        step, begin = 1, last + 1
        while begin > first:
            end = begin - 1  # there is no letter after it
            begin = max(first, last + 1 - step)
            step *= 2
            letter = await self._first_of(begin, end)
            if letter is not None:
                return await self._last_from(letter, end)
        return None

    async def _last_from(self, letter: DeadCommand, end: int) -> DeadCommand:
        """The last letter up to the number ``end``: this one, or one after it. The rest is halved until empty."""
        begin = _number(letter) + 1
        while begin <= end:
            middle = (begin + end) // 2
            later = await self._first_of(middle, end)
            if later is None:
                end = middle - 1
            else:
                letter, begin = later, _number(later) + 1
        return letter

    async def _first_of(self, first: int, last: int) -> DeadCommand | None:
        """The first letter with a number from ``first`` to ``last``."""
        letter = await self._first_from(first)
        return letter if letter is not None and _number(letter) <= last else None

    async def _first_from(self, number: int) -> DeadCommand | None:
        """The first letter from a number on."""
        about = json.dumps({"seq": number, "next_by_subj": self._subjects.all_dead}).encode()
        what = f"$JS.API.DIRECT.GET.{self._subjects.dead}"
        answer = await self._broker.connection.request(what, about, self._seconds)
        headers = {str(name): value for name, value in (answer.headers or {}).items()}
        is_there = headers.get("Status") != _NONE and _AT in headers
        return self._read(headers, answer.data) if is_there else None

    def _read(self, headers: Mapping[str, str], body: bytes) -> DeadCommand:
        """A letter as the broker gives it; where the letter does not name its rpc, its subject names the service."""
        letter = DeadLetter.read(headers, body)
        try:
            service, method = self._subjects.method(letter.subject)
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
