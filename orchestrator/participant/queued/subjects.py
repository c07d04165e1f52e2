"""The names of subjects, streams and consumers that belong to one prefix.

::

    commands.shop.inventory.v1.InventoryService.ReserveStock         a command, in the stream "commands"
    commands-replies.<group>.<saga>.<attempt>.<replica>              its reply, in the stream "commands-replies"
    commands-dead.shop.inventory.v1.InventoryService                 a command that was given up: "commands-dead"
    commands-health.shop.inventory.v1.InventoryService               asked whether the service serves; in no stream

They have roots of their own, for the stream of commands holds all that is published below the prefix.
"""

import re
from hashlib import blake2b
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

DEFAULT_PREFIX: Final = "commands"

SERVING: Final = b"SERVING"
NOT_SERVING: Final = b"NOT_SERVING"
"""What a service answers that is asked for its health."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+")
# What quote() leaves as it is, and a subject does not.
_DOT: Final = "%2E"


class ReplySubject(NamedTuple):
    """What the subject of a reply says.

    Attributes:
        group: the replicas that share a journal, by the name that their setting gives them.
        saga_id: whose command is answered.
        attempt: which attempt at which of its commands: see :func:`attempt_word`.
        replica: who published the command.
    """

    group: str
    saga_id: str
    attempt: str
    replica: str


class Subjects:
    """The names that belong to one prefix.

    Args:
        prefix: one or more tokens of a subject, such as ``commands`` or ``shop.commands``.

    Raises:
        ValueError: the prefix is not of this form.

    Attributes:
        prefix: as given.
        commands: the stream of the commands.
        replies: the stream of the replies.
        dead: the stream of the commands that were given up.
    """

    def __init__(self, prefix: str = DEFAULT_PREFIX) -> None:
        if not all(_TOKEN.fullmatch(token) for token in prefix.split(".")):
            raise ValueError(f"{prefix!r} is no prefix of subjects: letters, digits, - and _, in words joined by dots")
        self.prefix = prefix
        # The name of a stream has no dots.
        name = prefix.replace(".", "_")
        self.commands, self.replies, self.dead = name, f"{name}-replies", f"{name}-dead"

    def command(self, service: str, method: str) -> str:
        """The subject of a command, by the full name of its service and the name of its method."""
        return f"{self.prefix}.{service}.{method}"

    def method(self, subject: str) -> tuple[str, str]:
        """The service and the method of a command.

        Raises:
            ValueError: the subject is not that of a command.
        """
        service, _, method = subject.removeprefix(f"{self.prefix}.").rpartition(".")
        if not subject.startswith(f"{self.prefix}.") or not service:
            raise ValueError(f"{subject} is not the subject of a command below {self.prefix}")
        return service, method

    def commands_of(self, service: str) -> str:
        """What the consumer of a service takes."""
        return f"{self.prefix}.{service}.*"

    @property
    def all_commands(self) -> str:
        """What the stream of the commands holds."""
        return f"{self.prefix}.>"

    @property
    def all_replies(self) -> str:
        """What the stream of the replies holds."""
        return f"{self.prefix}-replies.>"

    @property
    def all_dead(self) -> str:
        """What the stream of the given-up commands holds."""
        return f"{self.prefix}-dead.>"

    def reply(self, group: str, saga_id: str, attempt: str, replica: str) -> str:
        """The subject of the reply to one attempt; see :class:`ReplySubject`."""
        return ".".join([f"{self.prefix}-replies", *map(_token, (group, saga_id, attempt, replica))])

    def replies_to(self, group: str, saga_id: str, attempt: str) -> str:
        """The replies to one attempt, from any replica."""
        return ".".join([f"{self.prefix}-replies", *map(_token, (group, saga_id, attempt)), "*"])

    def replies_for(self, group: str, replica: str) -> str:
        """The replies to all that a replica published."""
        return f"{self.prefix}-replies.{_token(group)}.*.*.{_token(replica)}"

    def replies_of(self, group: str) -> str:
        """The replies to all that the replicas of a group published."""
        return f"{self.prefix}-replies.{_token(group)}.>"

    def read_reply(self, subject: str) -> ReplySubject:
        """What the subject of a reply says.

        Raises:
            ValueError: it is not the subject of a reply.
        """
        words = subject.removeprefix(f"{self.prefix}-replies.").split(".")
        if not subject.startswith(f"{self.prefix}-replies.") or len(words) != len(ReplySubject._fields):
            raise ValueError(f"{subject} is not the subject of a reply below {self.prefix}")
        return ReplySubject(*map(unquote, words))

    def dead_of(self, service: str) -> str:
        """Where the commands of a service go that are given up."""
        return f"{self.prefix}-dead.{service}"

    def health(self, service: str) -> str:
        """Where a service is asked whether it serves; it answers with :data:`SERVING` or :data:`NOT_SERVING`."""
        return f"{self.prefix}-health.{service}"


def consumer_of(service: str) -> str:
    """The name of the durable consumer that the processes of a service share."""
    return service.replace(".", "_")


def replies_consumer(group: str) -> str:
    """The name of the durable consumer that the replicas of a group share; it wakes parked sagas."""
    return "replies-" + re.sub(r"[^A-Za-z0-9_-]", "_", group)


def attempt_word(message_id: str) -> str:
    """One word for the attempt that has this message id."""
    return blake2b(message_id.encode(), digest_size=16).hexdigest()


def _token(word: str) -> str:
    """Any text as one token of a subject."""
    return quote(word, safe="").replace(".", _DOT) or "-"
