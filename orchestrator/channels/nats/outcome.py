"""What a reply that came by a queue, or a refusal of the broker, says about its attempt.

A reply carries what a gRPC call ends with, so it is read as that is. One thing gRPC does not know: a command that was
taken after its instant was not executed. That attempt had no effect, whatever its contract says of the code.

And the queue may have delivered a command before, to a participant that died. Then a refusal of a later delivery
settles nothing, as a refusal of a later attempt does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc
from grpc.aio import AioRpcError, Metadata

from orchestrator.channels.grpc.status import outcome_of
from orchestrator.channels.status import IDEMPOTENCY_KEY, REPLY_MISSING, REPLY_TOO_LARGE, too_large
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.outcome import Completed, Failure, Outcome, Rejected, Retry, Unknown
from orchestrator.participant.queued.command import EXPIRED_IN_QUEUE
from orchestrator.participant.queued.reply import OK, QueuedReply, UnreadableReplyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.connections.nats import BrokerRefusedError, Received
    from orchestrator.contract.command import OutcomeRule

QUEUE_FULL: Final = "QUEUE_FULL"
"""The reason of a command that the broker did not take, because it keeps as many as it may."""

REFUSED: Final = "BROKER_REFUSED"
"""The reason of a command that the broker did not take for another reason."""

NO_ANSWER: Final = "NO_ANSWER"
"""The reason of an attempt whose answer did not come by a queue in time."""

# JetStream gives one number to whatever keeps it from storing a message; that a limit is reached, it says in words.
_NOT_STORED: Final = 10077
_FIRST: Final = 1
_LIMIT: Final = "maximum"


def outcome_of_reply(received: Received, rules: Sequence[OutcomeRule], key: str, size: int, most_bytes: int) -> Outcome:
    """The outcome of an attempt that was answered.

    Args:
        received: the message.
        rules: what the method's contract says of certain statuses.
        key: the idempotency key that was sent.
        size: of the request, in bytes.
        most_bytes: the largest reply that is taken.
    """
    try:
        reply = QueuedReply.read(received.headers, received.body)
        if reply.status == OK:
            return _completed(reply.body, most_bytes)
        code = grpc.StatusCode[reply.status]
    except (UnreadableReplyError, KeyError) as error:
        return Unknown(Failure(StatusCode.INTERNAL, f"the reply cannot be read: {error}", REPLY_MISSING))
    trailing = Metadata(*((name, value) for name, value in reply.trailing))
    outcome = outcome_of(AioRpcError(code, Metadata(), trailing, reply.message), rules, key, size)
    if isinstance(outcome, Completed):
        return outcome
    if outcome.failure.reason == EXPIRED_IN_QUEUE and outcome.failure.code is StatusCode.DEADLINE_EXCEEDED:
        outcome = Retry(outcome.failure)
    return outcome if reply.delivery == _FIRST else after_another_delivery(outcome)


def after_another_delivery(outcome: Outcome) -> Outcome:
    """What is said of a delivery that may not be the first: an earlier one may have had an effect.

    Only the guard's own refusal holds for all of them.
    """
    if isinstance(outcome, Retry):
        return Unknown(outcome.failure, outcome.retry_after)
    if isinstance(outcome, Rejected) and not outcome.echoed:
        return Unknown(outcome.failure)
    return outcome


def outcome_of_refusal(error: BrokerRefusedError, size: int, most: int, *, first: bool) -> Outcome:
    """The outcome of a command that the broker did not take.

    Args:
        error: what it said.
        size: of the request, in bytes.
        most: how many bytes the broker takes.
        first: nothing was published for this attempt before whose fate is unknown.
    """
    if size > most and first:
        return too_large(size, most)
    if error.code == _NOT_STORED and _LIMIT in str(error) and first:
        return Retry(Failure(StatusCode.RESOURCE_EXHAUSTED, f"the queue is full: {error}", QUEUE_FULL))
    if error.code == 0:
        told = f"{error}; no stream keeps these commands: orchestrator channels create makes it"
        return Unknown(Failure(StatusCode.UNAVAILABLE, told))
    return Unknown(Failure(StatusCode.INTERNAL, f"the broker refuses: {error}", REFUSED))


def echoed_key(metadata: Sequence[tuple[str, str]]) -> str:
    """The idempotency key of a command."""
    return dict(metadata).get(IDEMPOTENCY_KEY, "")


def _completed(body: bytes, most_bytes: int) -> Outcome:
    if len(body) > most_bytes:
        told = f"the reply has {len(body)} bytes, more than the {most_bytes} of ORCHESTRATOR_MOST_MESSAGE_BYTES"
        return Unknown(Failure(StatusCode.RESOURCE_EXHAUSTED, told, REPLY_TOO_LARGE), final=True)
    return Completed(body)
