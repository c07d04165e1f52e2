"""How the streams and consumers are to be made, as the API of JetStream takes them: spans are in nanoseconds.

``orchestrator channels create`` makes them, and ``orchestrator doctor`` compares them. A participant makes none: it
says that they are missing.

| stream               | kept                                               | consumers                       |
|----------------------|----------------------------------------------------|---------------------------------|
| ``<prefix>``         | until acknowledged, or until its time to live ends | one a service; processes share  |
| ``<prefix>-replies`` | for :data:`KEEP_REPLIES`, read or not              | one for each group of replicas  |
| ``<prefix>-dead``    | for :data:`KEEP_DEAD`, or until forgotten          | none                            |
"""

from typing import Any, Final

from orchestrator.participant.queued.command import ACK_WAIT
from orchestrator.participant.queued.subjects import Subjects, consumer_of, replies_consumer

_SECOND: Final = 1_000_000_000
_DAY: Final = 86_400

KEEP_REPLIES: Final = 14 * _DAY
"""Seconds. A saga that is parked, or whose replica has died, finds its reply for so long."""
KEEP_DEAD: Final = 90 * _DAY
"""Seconds."""
DEDUPE_WINDOW: Final = 600
"""Seconds within which the broker drops another message with the same id."""
MOST_UNANSWERED: Final = 100_000
"""Commands of one method that wait or are being executed; the broker refuses one more, which is tried again later."""
MOST_UNACKNOWLEDGED: Final = 1_000
"""Commands that the processes of one service have in hand together."""


def commands_stream(subjects: Subjects, replicas: int = 1) -> dict[str, Any]:
    """The stream of the commands, kept on so many servers of the cluster."""
    return {
        **_stream(subjects.commands, subjects.all_commands, replicas),
        "retention": "workqueue",
        # A command that finds no room is refused, and none that was taken is dropped.
        "discard": "new",
        "discard_new_per_subject": True,
        "max_msgs_per_subject": MOST_UNANSWERED,
        "allow_msg_ttl": True,
        "duplicate_window": DEDUPE_WINDOW * _SECOND,
    }


def replies_stream(subjects: Subjects, replicas: int = 1) -> dict[str, Any]:
    """The stream of the replies; each is looked up by its subject."""
    return {
        **_stream(subjects.replies, subjects.all_replies, replicas),
        "discard": "old",
        "retention": "limits",
        "allow_direct": True,
        "max_age": KEEP_REPLIES * _SECOND,
    }


def dead_stream(subjects: Subjects, replicas: int = 1) -> dict[str, Any]:
    """The stream of the commands that were given up."""
    return {
        **_stream(subjects.dead, subjects.all_dead, replicas),
        "discard": "old",
        "retention": "limits",
        "allow_direct": True,
        "max_age": KEEP_DEAD * _SECOND,
    }


def service_consumer(subjects: Subjects, service: str) -> dict[str, Any]:
    """The consumer of one service.

    The broker itself never gives up: the participant counts the deliveries, so that what is given up is written down.
    """
    return {
        **_consumer(consumer_of(service), subjects.commands_of(service)),
        "ack_wait": int(ACK_WAIT) * _SECOND,
        "max_ack_pending": MOST_UNACKNOWLEDGED,
    }


def group_consumer(subjects: Subjects, group: str) -> dict[str, Any]:
    """The consumer of the replicas of one group: it wakes sagas that are parked."""
    return {
        **_consumer(replies_consumer(group), subjects.replies_of(group)),
        "ack_wait": 30 * _SECOND,
        "max_ack_pending": 10 * MOST_UNACKNOWLEDGED,
    }


def _stream(name: str, subject: str, replicas: int) -> dict[str, Any]:
    return {"name": name, "subjects": [subject], "storage": "file", "num_replicas": replicas}


def _consumer(name: str, subject: str) -> dict[str, Any]:
    return {
        "durable_name": name,
        "name": name,
        "filter_subject": subject,
        "ack_policy": "explicit",
        "deliver_policy": "all",
        "max_deliver": -1,
    }
