"""Makes the streams and consumers that commands over NATS need, and looks at those that there are.

What is there and differs is changed where the broker lets it be changed; what somebody has set besides, such as an age,
stays. Nothing is ever deleted: a stream may hold commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.connections.nats import BrokerRefusedError, BrokerUnavailableError
from orchestrator.participant.queued import streams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.channels.nats.channel import NatsChannel
    from orchestrator.connections.jetstream import JetStream


class Wanted(NamedTuple):
    """A stream, or a consumer of one.

    Attributes:
        broker: where it is to be.
        stream: the name of the stream.
        consumer: the name of the consumer; empty for the stream itself.
        settings: how it is to be made.
    """

    broker: JetStream
    stream: str
    consumer: str
    settings: Mapping[str, Any]

    def __str__(self) -> str:
        what = f"consumer {self.consumer} of {self.stream}" if self.consumer else f"stream {self.stream}"
        return f"{what} at {self.broker.connection.server.place}"


class Found(NamedTuple):
    """What is there of it.

    Attributes:
        is_there: it is.
        differs: what is set otherwise there, as ``name: there, wanted``.
        refusal: why it cannot be made, changed or looked at; empty where it can.
        changed: it was made, or changed.
        is_away: the broker does not answer.
    """

    is_there: bool
    differs: Sequence[str] = ()
    refusal: str = ""
    changed: bool = False
    is_away: bool = False


def wanted(channels: Mapping[str, NatsChannel], group: str, replicas: int = 1) -> list[Wanted]:
    """All that is needed, the streams first.

    Args:
        channels: by the full name of each service that is reached over NATS.
        group: the replicas that share a journal.
        replicas: on how many servers of a cluster each message is kept.
    """
    found: list[Wanted] = []
    each_once = {(each.address.server, each.address.subjects.prefix): each for each in channels.values()}
    for channel in each_once.values():
        subjects, broker = channel.address.subjects, channel.stream
        made = (streams.commands_stream, streams.replies_stream, streams.dead_stream)
        found += [_stream(broker, make(subjects, replicas)) for make in made]
        found.append(_consumer(broker, subjects.replies, streams.group_consumer(subjects, group)))
    for service, channel in sorted(channels.items()):
        subjects = channel.address.subjects
        consumer = streams.service_consumer(subjects, service)
        found.append(_consumer(channel.stream, subjects.commands, consumer))
    return found


async def look(each: Wanted) -> Found:
    """What is there."""
    try:
        there = await each.broker.find(f"{_name(each, 'INFO')}")
    except BrokerUnavailableError as error:
        return Found(is_there=False, refusal=str(error), is_away=True)
    except BrokerRefusedError as error:
        return Found(is_there=False, refusal=str(error))
    if there is None:
        return Found(is_there=False)
    return Found(is_there=True, differs=_differences(each.settings, there["config"]))


async def make(each: Wanted) -> Found:
    """Make it, or change what differs; what becomes of it."""
    found = await look(each)
    if found.refusal or (found.is_there and not found.differs):
        return found
    try:
        if each.consumer:
            about = {"stream_name": each.stream, "config": dict(each.settings), "action": ""}
            subject = each.settings["filter_subject"]
            await each.broker.ask(f"CONSUMER.CREATE.{each.stream}.{each.consumer}.{subject}", about)
        elif found.is_there:
            kept = (await each.broker.ask(f"STREAM.INFO.{each.stream}"))["config"]
            await each.broker.ask(f"STREAM.UPDATE.{each.stream}", {**kept, **each.settings})
        else:
            await each.broker.ask(f"STREAM.CREATE.{each.stream}", dict(each.settings))
    except (BrokerUnavailableError, BrokerRefusedError) as error:
        return found._replace(refusal=str(error))
    return found._replace(changed=True)


def _name(each: Wanted, what: str) -> str:
    return f"CONSUMER.{what}.{each.stream}.{each.consumer}" if each.consumer else f"STREAM.{what}.{each.stream}"


def _stream(broker: JetStream, settings: dict[str, Any]) -> Wanted:
    return Wanted(broker, settings["name"], "", settings)


def _consumer(broker: JetStream, stream: str, settings: dict[str, Any]) -> Wanted:
    return Wanted(broker, stream, settings["name"], settings)


def _differences(settings: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: {there.get(name)} there, {value} wanted"
        for name, value in settings.items()
        # A larger cluster than was asked for is no fault.
        if there.get(name) != value and not (name == "num_replicas" and int(there.get(name, 0)) > int(value))
    ]
