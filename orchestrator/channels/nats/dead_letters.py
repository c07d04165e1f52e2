"""Shows the commands that participants have given up, the latest first, and forgets those that are dealt with.

A command gets here when it cannot be read, or was delivered again and again without an answer: its participant dies of
it. Its saga has been told that its outcome is unknown, and does what its contract says. The stream keeps the letter for
:data:`~orchestrator.participant.queued.streams.KEEP_DEAD`, or until a person has it forgotten. Nobody sends it again,
for the saga already has, or will.

A letter may lie below a prefix by which its participant is reached no more. So all brokers are asked for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from heapq import nlargest
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from orchestrator.channels.nats.dead_stream import DeadStream, Identity
from orchestrator.connections.nats import BrokerRefusedError, BrokerUnavailableError
from orchestrator.errors import BrokerAway, DeadCommandNotFound, ParticipantNotFound
from orchestrator.ports.dead_commands import DeadCommand, FoundDeadCommands

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

    from orchestrator.channels.nats.channel import NatsChannel

    Act = Callable[[DeadStream], Awaitable["_Outcome"]]

T = TypeVar("T")

_SECONDS: Final = 5.0
_QUICK_SECONDS: Final = 1.0
"""So long a page waits for a broker; for the connection, a quarter of it."""


class _Outcome(NamedTuple):
    """What came of an act on one stream.

    Attributes:
        known: the participant has given up something there.
        number: how many letters were removed.
        letter: the one that was, where one was meant.
        away: why the broker has not done it; empty where it has.
    """

    known: bool = False
    number: int = 0
    letter: DeadCommand | None = None
    away: str = ""


class NatsDeadCommands:
    """Those of every broker and prefix; see :class:`orchestrator.ports.dead_commands.DeadCommands`.

    Args:
        channels: by the full name of each service that is reached over NATS; where there is none, nobody is asked.
        seconds: how long a broker is waited for that is asked what there is.
        acting_seconds: ... and that is to remove something.
    """

    def __init__(
        self, channels: Mapping[str, NatsChannel], seconds: float = _QUICK_SECONDS, acting_seconds: float = _SECONDS
    ) -> None:
        self._own = dict(channels)
        self._channels = _each_once(channels.values())
        self._seconds = seconds
        self._acting_seconds = acting_seconds

    async def newest(self, limit: int) -> FoundDeadCommands:
        """See the port."""
        return _together(await asyncio.gather(*(self._of(each, limit) for each in self._channels)), limit)

    async def forget(self, service: str, identity: str) -> DeadCommand:
        """See the port. Where one broker has it, it does not matter that another one is away."""
        meant = Identity.read(identity)

        async def remove(stream: DeadStream) -> _Outcome:
            held = await stream.held()
            letter = None if held is None or meant is None else await stream.find(service, meant)
            if meant is not None and letter is not None and await stream.remove(meant):
                return _Outcome(letter=letter)
            return _Outcome(known=held is not None and service in held.numbers)

        outcomes = await self._at_all(remove)
        for each in outcomes.values():
            if each.letter is not None:
                return each.letter
        _refuse_away(outcomes.values())
        self._refuse_unknown(service, outcomes.values())
        raise DeadCommandNotFound(service, identity)

    async def forget_until(self, service: str, until: int) -> int:
        """See the port. The broker at which the participant is reached must answer; all must, where it is at none."""

        async def remove(stream: DeadStream) -> _Outcome:
            held = await stream.held()
            # A name that is none of these is no subject: it might be a pattern, which stands for others.
            if held is None or service not in held.numbers:
                return _Outcome()
            return _Outcome(known=True, number=await stream.remove_until(service, until, held))

        outcomes = await self._at_all(remove)
        own = self._own.get(service)
        _refuse_away(outcomes.values() if own is None else [outcomes[_place(own)]])
        self._refuse_unknown(service, outcomes.values())
        return sum(each.number for each in outcomes.values())

    async def _of(self, channel: NatsChannel, limit: int) -> FoundDeadCommands:
        try:
            return await _answered(channel, lambda stream: _found(stream, limit), self._seconds)
        except BrokerAway as away:
            return FoundDeadCommands({}, [], [f"The dead letters {_below(channel)} cannot be read: {away}"])

    async def _at_all(self, act: Act) -> Mapping[object, _Outcome]:
        """What came of an act on every stream, by its place."""

        async def at(channel: NatsChannel) -> _Outcome:
            try:
                return await _answered(channel, act, self._acting_seconds)
            except BrokerAway as away:
                return _Outcome(away=f"The dead letters {_below(channel)} cannot be forgotten now: {away}")

        outcomes = await asyncio.gather(*map(at, self._channels))
        return dict(zip(map(_place, self._channels), outcomes, strict=True))

    def _refuse_unknown(self, service: str, outcomes: Iterable[_Outcome]) -> None:
        if service not in self._own and not any(each.known for each in outcomes):
            raise ParticipantNotFound(service)


async def count(channel: NatsChannel) -> int:
    """How many there are behind a channel; none where there is no such stream.

    Raises:
        BrokerUnavailableError: the broker does not answer.
        BrokerRefusedError: it refuses.
    """
    return sum((await _found(DeadStream(channel, _SECONDS), 0)).numbers.values())


async def given_up(channels: Mapping[str, NatsChannel], most: int) -> list[DeadCommand]:
    """The latest of every broker and prefix, the latest first.

    Args:
        channels: by the full name of each service that is reached over NATS.
        most: how many.

    Raises:
        BrokerUnavailableError: a broker does not answer.
        BrokerRefusedError: it refuses.
    """
    found = [await _found(DeadStream(each, _SECONDS), most) for each in _each_once(channels.values())]
    return list(_together(found, most).newest)


def _each_once(channels: Iterable[NatsChannel]) -> list[NatsChannel]:
    """One channel for each broker and prefix."""
    return list({_place(each): each for each in channels}.values())


def _place(channel: NatsChannel) -> object:
    """The broker and the prefix."""
    return channel.address.server, channel.address.subjects.prefix


def _below(channel: NatsChannel) -> str:
    return f"below {channel.address.subjects.prefix}"


def _together(found: Collection[FoundDeadCommands], most: int) -> FoundDeadCommands:
    numbers: Counter[str] = Counter()
    until: dict[str, int] = {}
    for each in found:
        numbers.update(each.numbers)
        until |= {service: max(at, until.get(service, at)) for service, at in each.until.items()}
    newest = nlargest(most, (letter for each in found for letter in each.newest), key=attrgetter("at"))
    unread = [why for each in found for why in each.unread]
    return FoundDeadCommands(dict(sorted(numbers.items())), newest, unread, until)


async def _found(stream: DeadStream, most: int) -> FoundDeadCommands:
    """What one stream holds; nothing where there is none."""
    held = await stream.held()
    if held is None:
        return FoundDeadCommands({}, [])
    newest = await stream.newest(held, most)
    return FoundDeadCommands(held.numbers, newest, [], dict.fromkeys(held.numbers, held.until))


async def _answered(channel: NatsChannel, act: Callable[[DeadStream], Awaitable[T]], seconds: float) -> T:
    """What came of an act on a stream.

    Raises:
        BrokerAway: its broker has not answered within so many seconds, or refuses.
    """
    try:
        async with asyncio.timeout(seconds):
            # A connection that is lost has a keeper, who needs nobody that waits.
            await channel.stream.connection.client(seconds / 4)
            return await act(DeadStream(channel, seconds))
    except (BrokerUnavailableError, BrokerRefusedError) as refusal:
        raise BrokerAway(str(refusal)) from refusal
    except TimeoutError:
        place = channel.stream.connection.server.place
        raise BrokerAway(f"NATS at {place} has not answered within {seconds:g} s") from None


def _refuse_away(outcomes: Iterable[_Outcome]) -> None:
    if away := [each.away for each in outcomes if each.away]:
        raise BrokerAway("; ".join(away))
