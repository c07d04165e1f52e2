"""The streams and consumers that commands over NATS need, each as JetStream is asked to make it.

``orchestrator channels create`` makes them, and ``orchestrator doctor`` compares them with what is there. A participant
makes none; it says which are missing. The spans that JetStream takes are in nanoseconds; the constants here are in
seconds.

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
"""For so long a saga finds its reply that was parked, or whose replica has died."""
KEEP_DEAD: Final = 90 * _DAY
"""For so long a command that was given up can be looked at."""
DEDUPE_WINDOW: Final = 600
"""For so long the broker drops a second message with the same id."""
TELLS_AGAIN: Final = 30
"""After so long a replica is told of a reply again, unless one is done with it."""
MOST_UNANSWERED: Final = 100_000
"""Commands of one method that wait or are being executed; the broker refuses one more, which is tried again later."""
MOST_IN_HAND: Final = 1_000
"""Commands that the processes of one service have in hand together."""
MOST_TOLD: Final = 10_000
"""Replies of which the replicas of a group were told, and with which they are not done; no other is told until then."""


def commands_stream(subjects: Subjects, replicas: int = 1) -> dict[str, Any]:
    """The stream of the commands, kept on so many servers of the cluster."""
    return {
        **_stream(subjects.commands, subjects.all_commands, replicas),
        "retention": "workqueue",
        # Where there is no room, a new command is refused; by default, the oldest one would be dropped.
        "discard": "new",
        "discard_new_per_subject": True,
        "max_msgs_per_subject": MOST_UNANSWERED,
        "allow_msg_ttl": True,
        "duplicate_window": DEDUPE_WINDOW * _SECOND,
    }


def replies_stream(subjects: Subjects, replicas: int = 1) -> dict[str, Any]:
    """The stream of the replies. Each is looked up by its subject, from any server: hence ``allow_direct``."""
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
    """The consumer that the processes of one service share.

    The broker delivers a command for ever. The participant counts the deliveries and gives up, so that what is given up
    is written down.
    """
    return {
        **_consumer(consumer_of(service), subjects.commands_of(service)),
        "ack_wait": int(ACK_WAIT) * _SECOND,
        "max_ack_pending": MOST_IN_HAND,
    }


def group_consumer(subjects: Subjects, group: str) -> dict[str, Any]:
    """The consumer that the replicas of one group share: by it they hear which parked sagas are answered."""
    return {
        **_consumer(replies_consumer(group), subjects.replies_of(group)),
        "ack_wait": TELLS_AGAIN * _SECOND,
        "max_ack_pending": MOST_TOLD,
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
