"""Reads the commands that participants have given up, the latest first.

A command gets here when it cannot be read, or was delivered again and again without an answer: its participant dies of
it. Its saga has been told that its outcome is unknown, and does what its contract says. The stream keeps the letter for
:data:`~orchestrator.participant.queued.streams.KEEP_DEAD`; nobody sends it again, for the saga already has, or will.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.participant.queued.dead_letter import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.channels.nats.channel import NatsChannel

_SECONDS: Final = 5.0
_AT: Final = "Nats-Time-Stamp"
_SUBJECT: Final = "Nats-Subject"
_NONE: Final = "404"


class GivenUp(NamedTuple):
    """One command that was given up.

    Attributes:
        at: when; RFC 3339.
        service: the full name.
        method: of the rpc; empty where the subject names none.
        saga_id: whose command it was; empty where the message does not say.
        idempotency_key: of the command, likewise.
        error: why it was given up.
        deliveries: how often it was delivered.
    """

    at: str
    service: str
    method: str
    saga_id: str
    idempotency_key: str
    error: str
    deliveries: int


async def count(channel: NatsChannel) -> int:
    """How many there are behind a channel; none where there is no such stream.

    Raises:
        BrokerUnavailableError: the broker does not answer.
        BrokerRefusedError: it refuses.
    """
    found = await channel.stream.find(f"STREAM.INFO.{channel.address.subjects.dead}")
    return 0 if found is None else int(found["state"]["messages"])


async def given_up(channels: Mapping[str, NatsChannel], most: int) -> list[GivenUp]:
    """The latest of every broker and prefix, the latest first.

    Args:
        channels: by the full name of each service that is reached over NATS.
        most: how many.

    Raises:
        BrokerUnavailableError: a broker does not answer.
        BrokerRefusedError: it refuses.
    """
    each_once = {(each.address.server, each.address.subjects.prefix): each for each in channels.values()}
    found: list[GivenUp] = []
    for channel in each_once.values():
        stream = channel.address.subjects.dead
        info = await channel.stream.find(f"STREAM.INFO.{stream}")
        state = info["state"] if info is not None else {"first_seq": 1, "last_seq": 0}
        for sequence in range(int(state["last_seq"]), max(int(state["first_seq"]), 1) - 1, -1):
            if len(found) >= most:
                break
            letter = await _letter(channel, stream, sequence)
            found += [letter] if letter is not None else []
    return sorted(found, key=lambda each: datetime.fromisoformat(each.at), reverse=True)


async def _letter(channel: NatsChannel, stream: str, sequence: int) -> GivenUp | None:
    subject = f"$JS.API.DIRECT.GET.{stream}"
    answer = await channel.stream.connection.request(subject, json.dumps({"seq": sequence}).encode(), _SECONDS)
    headers = {str(name): value for name, value in (answer.headers or {}).items()}
    if headers.get("Status") == _NONE or _AT not in headers:
        return None
    letter, subjects = DeadLetter.read(headers, answer.data), channel.address.subjects
    try:
        service, method = subjects.method(letter.subject)
    except ValueError:
        service, method = headers[_SUBJECT].removeprefix(f"{subjects.prefix}-dead."), ""
    metadata = letter.headers
    saga_id, key = metadata.get("saga-id", ""), metadata.get("idempotency-key", "")
    return GivenUp(headers[_AT], service, method, saga_id, key, letter.error, letter.deliveries)
