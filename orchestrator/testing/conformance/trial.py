"""One command with an identity and a key of its own, sent as a check wants it sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn
from uuid import uuid4

from orchestrator.engine.delivery import idempotency_key
from orchestrator.engine.entries import compensation_key
from orchestrator.errors import CompensationUnderivable
from orchestrator.testing.conformance.subject import valid_request

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from orchestrator.contract.command import Command
    from orchestrator.testing.conformance.answers import Answer
    from orchestrator.testing.conformance.sending import Sender
    from orchestrator.testing.conformance.subject import Subject

    Shown = dict[str, Answer]


class Unmet(Exception):
    """The participant did not do what was expected; the message says what it did."""


class NotApplicable(Exception):
    """The check says nothing about this rpc; the message says why."""


class Trial:
    """A saga of its own, for as long as one check lasts.

    Args:
        subject: the command.
        sender: the way to the participant.

    Attributes:
        request: what ``send`` sends.
        key: the command's idempotency key.
    """

    def __init__(self, subject: Subject, sender: Sender) -> None:
        self._subject = subject
        self._sender = sender
        self._saga_id = f"conformance-{uuid4().hex}"
        self._step = f"{subject.command.short_name}#1"
        self.key = idempotency_key(self._saga_id, self._step)
        self.request = subject.request(self._saga_id)
        self.reply: Message | None = None

    @classmethod
    async def prepared(cls, subject: Subject, sender: Sender) -> Trial:
        """A trial whose given commands have completed.

        Raises:
            Unmet: one of them did not.
        """
        trial = cls(subject, sender)
        for number, (command, example) in enumerate(subject.given, start=1):
            request = valid_request(command, example, trial._saga_id)
            key = idempotency_key(trial._saga_id, f"given:{command.short_name}#{number}")
            answer = await trial._send(command, request, ("idempotency-key", key))
            expect_completed(answer, f"{command.method}, which is given")
        return trial

    def reject(self) -> None:
        """From now on the request is one that the participant should refuse.

        Raises:
            NotApplicable: no such request is known.
        """
        request = self._subject.rejected_request(self._saga_id)
        if request is None:
            raise NotApplicable("no request is known that it refuses; name one as `rejected` in the examples")
        self.request = request

    @property
    def is_compensable(self) -> bool:
        """There is a compensation to send."""
        return self._subject.undo is not None

    async def send(self, key: str | None = None) -> Answer:
        """Send the command, with its own key or another."""
        answer = await self._send(self._subject.command, self.request, ("idempotency-key", key or self.key))
        self.reply = answer.reply or self.reply
        return answer

    async def compensate(self) -> Answer:
        """Send the compensation, with what is known of the command by now."""
        command, undo = self._subject.command.compensation, self._subject.undo
        assert command is not None
        assert undo is not None
        try:
            request = undo.derive(self.request, self.reply)
        except CompensationUnderivable as error:
            raise NotApplicable(str(error)) from error
        key = idempotency_key(self._saga_id, compensation_key(self._step))
        return await self._send(command, request, ("idempotency-key", key), ("compensates", self.key))

    async def verify(self) -> Answer:
        """Ask whether the command took effect."""
        command, derivation = self._subject.command.verify, self._subject.verify
        assert command is not None
        assert derivation is not None
        return await self._send(command, derivation.derive(self.request), ("verifies", self.key))

    async def observe(self) -> Shown:
        """What the participant's own queries show, by their names."""
        return {
            name: await self._send(query, derive(self.request))
            for name, (query, derive) in self._subject.observers.items()
        }

    async def _send(self, command: Command, request: Message, *metadata: tuple[str, str]) -> Answer:
        return await self._sender.send(command, request, (*metadata, ("saga-id", self._saga_id)))


def expect_completed(answer: Answer, what: str) -> Answer:
    """The answer, which must be a reply.

    Raises:
        Unmet: it is none.
    """
    return answer if answer.is_completed else _unmet(what, answer)


def expect_refused(answer: Answer, what: str) -> Answer:
    """The answer, which must be a definite refusal.

    Raises:
        Unmet: it is none.
    """
    return answer if answer.is_refused else _unmet(what, answer)


def expect_same(first: Answer, second: Answer, what: str) -> None:
    """Two answers must say the same.

    Raises:
        Unmet: they do not.
    """
    if not second.same_as(first):
        raise Unmet(f"first {first}; {what}: {second}")


def expect_unchanged(before: Shown, after: Shown, what: str) -> str:
    """What the queries show must not have changed; how that is known, in words.

    Raises:
        Unmet: it has changed.
    """
    for name, shown in before.items():
        if not after[name].same_as(shown):
            raise Unmet(f"{what}: {name} showed {shown} before and {after[name]} after")
    return f"; {' and '.join(before)} showed no change" if before else "; no query shows the effect"


def _unmet(what: str, answer: Answer) -> NoReturn:
    raise Unmet(f"{what}: {answer}")
