"""Asks a participant whether a command in doubt took effect.

The contract's verify query is sent with the metadata ``verifies``, the idempotency key of the command. OK means that
it took effect. That it did not is only what a guard says, NOT_FOUND with the reason COMMAND_NOT_SEEN, or what a rule of
the query's contract calls a rejection: a bare NOT_FOUND is also what a load balancer says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.contract.derivation import Derivation
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.keys import idempotency_key, relation
from orchestrator.journal.outcome import Completed, Rejected

if TYPE_CHECKING:
    from orchestrator.engine.bindings.binding import Binding
    from orchestrator.engine.run.sending.command_sender import CommandSender

_DID_NOT: Final = (StatusCode.NOT_FOUND, "COMMAND_NOT_SEEN")


class VerifyAnswer(NamedTuple):
    """What the participant says.

    Attributes:
        took_effect: whether the command did; ``None`` where the query was refused otherwise, or answered with what
            cannot be used.
        reply: the command's serialized reply, where the query's reply holds all of it.
    """

    took_effect: bool | None
    reply: bytes | None = None


async def verify(
    sender: CommandSender, saga_id: str, binding: Binding, key: str, request: bytes, attempt: int
) -> VerifyAnswer:
    """Ask until there is an answer. ``binding`` must name a verify.

    Args:
        sender: delivers the query.
        saga_id: the saga.
        binding: the command in doubt.
        key: its key.
        request: its serialized request.
        attempt: the number of its latest attempt.
    """
    assert binding.verify is not None
    query, derivation = binding.verify
    question = derivation.derive(binding.command.request.FromString(request)).SerializeToString()
    about = (relation("verifies", idempotency_key(saga_id, key), binding.name, query.command),)
    answer = await sender.ask(query, key, question, attempt, about)
    if isinstance(answer, Completed):
        return VerifyAnswer(took_effect=True, reply=_reply(binding, query, answer.reply))
    if isinstance(answer, Rejected) and (answer.ruled or (answer.failure.code, answer.failure.reason) == _DID_NOT):
        return VerifyAnswer(took_effect=False)
    return VerifyAnswer(took_effect=None)


def _reply(binding: Binding, query: Binding, answer: bytes) -> bytes | None:
    derivation = Derivation.of_response(binding.command, query.command)
    if derivation is None:
        return None
    reply = derivation.derive(query.command.response.FromString(answer)).SerializeToString()
    return None if binding.flaw(reply) else reply
