"""One command with an identity and a key of its own, which a check sends as it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NoReturn
from uuid import uuid4

from orchestrator.contract.command import Effect
from orchestrator.errors import CompensationUnderivable
from orchestrator.journal.keys import compensation_key, idempotency_key, relation
from orchestrator.testing.conformance.answers import KEY
from orchestrator.testing.conformance.command_under_test import valid_request
from orchestrator.testing.conformance.report import CheckVerdict
from orchestrator.testing.samples import Sampler

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from orchestrator.contract.command import Command, OutcomeRule
    from orchestrator.testing.conformance.answers import Answer
    from orchestrator.testing.conformance.command_under_test import CommandUnderTest
    from orchestrator.testing.conformance.sending import Sender

    Shown = dict[str, Answer]


NO_QUERY: Final = "no query of the service shows the effect; name one as `observe` in the examples"


class NotPassed(Exception):
    """A check did not pass; the message says what was seen, or why nothing was seen."""

    verdict: ClassVar[CheckVerdict]


class Unmet(NotPassed):
    """The participant did not do what was expected."""

    verdict = CheckVerdict.FAILED


class NotSeen(NotPassed):
    """The participant answered as expected, but no query shows whether it did what it said."""

    verdict = CheckVerdict.NOT_SEEN


class NotEchoed(NotPassed):
    """The participant's guard does not echo the key."""

    verdict = CheckVerdict.NOT_ECHOED


class NotApplicable(NotPassed):
    """The check says nothing about this rpc."""

    verdict = CheckVerdict.NOT_APPLICABLE


class Trial:
    """A saga of its own, for as long as one check lasts.

    Args:
        subject: the command.
        sender: the way to the participant.

    Attributes:
        request: the request that ``send`` sends.
        key: the command's idempotency key.
        undo_key: the idempotency key of its compensation.
    """

    def __init__(self, subject: CommandUnderTest, sender: Sender) -> None:
        self._subject = subject
        self._sender = sender
        self._saga_id = f"conformance-{uuid4().hex}"
        self._step = f"{subject.command.short_name}#1"
        self.key = idempotency_key(self._saga_id, self._step)
        self.undo_key = idempotency_key(self._saga_id, compensation_key(self._step))
        self.request = subject.request(self._saga_id)
        self.reply: Message | None = None

    @classmethod
    async def prepared(cls, subject: CommandUnderTest, sender: Sender) -> Trial:
        """A trial whose given commands have completed.

        Raises:
            Unmet: one of them did not complete.
        """
        trial = cls(subject, sender)
        for number, (command, example) in enumerate(subject.given, start=1):
            request = valid_request(command, example, trial._saga_id)
            key = idempotency_key(trial._saga_id, f"given:{command.short_name}#{number}")
            answer = await trial._send(command, request, (KEY, key))
            expect_completed(answer, f"{command.method}, which is given")
        return trial

    def reject(self) -> None:
        """Use a request from now on that the participant should refuse.

        Raises:
            NotApplicable: no such request is known.
        """
        request = self._subject.rejected_request(self._saga_id)
        if request is None:
            raise NotApplicable("no request is known that it refuses; name one as `rejected` in the examples")
        self.request = request

    @property
    def is_compensable(self) -> bool:
        """Whether there is a compensation to send."""
        return self._subject.undo is not None

    @property
    def may_compensate_first(self) -> bool:
        """Whether the compensation's request can be made without the command's answer."""
        undo = self._subject.undo
        return undo is not None and not undo.indispensable

    @property
    def is_rejectable(self) -> bool:
        """Whether a request is known that the participant should refuse."""
        return self._subject.example.rejected is not None

    @property
    def is_rejection_final(self) -> bool:
        """Whether the command is not retried until it succeeds, so that a rejection is final."""
        return self._subject.command.effect is not Effect.RETRYABLE

    @property
    def verify_rules(self) -> tuple[OutcomeRule, ...]:
        """The meanings that the verify query's contract gives to certain statuses."""
        verify = self._subject.command.verify
        return () if verify is None else verify.outcomes

    async def send(self, key: str | None = None) -> Answer:
        """Send the command, with its own key or another."""
        answer = await self._send(self._subject.command, self.request, (KEY, key or self.key))
        self.reply = answer.reply or self.reply
        return answer

    async def send_other(self, payload: bytes, key: str) -> Answer:
        """Send the command once, with these bytes in place of its request."""
        metadata = ((KEY, key), ("saga-id", self._saga_id))
        return await self._sender.send_once(self._subject.command, payload, metadata)

    @property
    def undo_differs_without_the_answer(self) -> bool:
        """Whether the compensation is also sent where the answer was lost, with a request that says less."""
        undo = self._subject.undo
        return self.may_compensate_first and undo is not None and undo.needs_response

    def undo_request(self, *, lost: bool = False) -> Message:
        """The compensation's request, from what is known of the command by now, or as if its answer had been lost.

        Raises:
            NotApplicable: the request cannot be made without the command's answer.
        """
        undo = self._subject.undo
        assert undo is not None
        try:
            return undo.derive(self.request, None if lost else self.reply)
        except CompensationUnderivable as error:
            raise NotApplicable(str(error)) from error

    async def compensate(self, key: str | None = None, *, lost: bool = False) -> Answer:
        """Send the compensation, with its own key or another; see ``undo_request``."""
        command = self._subject.command.compensation
        assert command is not None
        metadata = ((KEY, key or self.undo_key), relation("compensates", self.key, self._subject.command.name, command))
        return await self._send(command, self.undo_request(lost=lost), *metadata)

    async def verify(self) -> Answer:
        """Ask whether the command took effect."""
        command, derivation = self._subject.command.verify, self._subject.verify
        assert command is not None
        assert derivation is not None
        about = relation("verifies", self.key, self._subject.command.name, command)
        return await self._send(command, derivation.derive(self.request), about)

    async def ask_verify(self) -> Shown:
        """The verify's answer, as a query shows it; empty where the contract names no verify."""
        query = self._subject.command.verify
        return {} if query is None else {f"{query.method}, asked with the key,": await self.verify()}

    async def observe(self) -> Shown:
        """What the participant's queries show, by their names, without the queries that cannot be asked yet."""
        return await self._observed(self.reply)

    async def observe_made_up(self) -> Shown:
        """What the queries show for a reply that the participant never gave."""
        response = self._subject.command.response
        return await self._observed(Sampler(f"{self._saga_id} made up").message(response))

    def asks_the_same(self, name: str, other: Trial) -> bool:
        """Whether a query has the same request for both commands, so that it cannot tell them apart."""
        question = self._subject.observers[name].question
        return question(self.request, self.reply) == question(other.request, other.reply)

    async def _observed(self, reply: Message | None) -> Shown:
        asked = {
            name: (query, question(self.request, reply)) for name, (query, question) in self._subject.observers.items()
        }
        return {name: await self._send(query, question) for name, (query, question) in asked.items() if question}

    async def _send(self, command: Command, request: Message, *metadata: tuple[str, str]) -> Answer:
        return await self._sender.send(command, request, (*metadata, ("saga-id", self._saga_id)))


def expect_completed(answer: Answer, what: str) -> Answer:
    """The answer, which must be a reply.

    Raises:
        Unmet: the answer is no reply.
    """
    return answer if answer.is_completed else _unmet(what, answer)


def expect_refused(answer: Answer, what: str) -> Answer:
    """The answer, which must be a definite refusal.

    Raises:
        Unmet: the answer is no definite refusal.
    """
    return answer if answer.is_refused else _unmet(what, answer)


def expect_same(first: Answer, second: Answer, what: str) -> None:
    """Check that two answers say the same.

    Raises:
        Unmet: the answers differ.
    """
    if not second.same_as(first):
        raise Unmet(f"first {first}; {what}: {second}")


def expect_unchanged(before: Shown, after: Shown, what: str) -> str:
    """Check that what the queries show has not changed; return how that is known, in words.

    Raises:
        Unmet: a query shows something else.
    """
    for name, shown in before.items():
        if not after[name].same_as(shown):
            raise Unmet(f"{what}: {name} showed {shown} before and {after[name]} after")
    return f"; {' and '.join(before)} showed no change" if before else f"; {NO_QUERY}"


def _unmet(what: str, answer: Answer) -> NoReturn:
    raise Unmet(f"{what}: {answer}")
