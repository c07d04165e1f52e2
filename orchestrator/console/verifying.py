"""What a participant says at this moment of a command: the contract's verify query, asked for a person who decides.

The query changes nothing. It is asked as the engine asks it, with the metadata ``verifies``; but once, and its answer
is shown, and not acted upon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from orchestrator.console.views.payloads import as_json
from orchestrator.contract.derivation import Derivation
from orchestrator.errors import CompensationUnderivable, DefinitionError
from orchestrator.journal.keys import idempotency_key, relation

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from orchestrator.api.application import Application
    from orchestrator.contract.command import Command
    from orchestrator.journal.state import CommandState

_PATIENCE_SECONDS: Final = 2.0
_NOT_SEEN: Final = "COMMAND_NOT_SEEN"


class Verified(NamedTuple):
    """What the participant says.

    Attributes:
        query: the name of the rpc that was asked.
        text: in a sentence.
        took_effect: whether the command did; ``None`` where the answer does not tell.
        answer: the query's answer, as JSON, masked; or empty.
        reply: the command's reply, as JSON, where the query's answer holds all of it; or empty.
    """

    query: str
    text: str
    took_effect: bool | None = None
    answer: str = ""
    reply: str = ""


async def verified(application: Application, saga_id: str, command: CommandState) -> Verified | None:
    """Ask whether a command took effect; ``None`` where its contract names no query for that.

    Args:
        application: knows the contracts, and reaches the participants.
        saga_id: the saga.
        command: of the saga.
    """
    contract = application.sagas.contract(command.method)
    if contract is None or contract.verify is None:
        return None
    query = contract.verify
    try:
        question = Derivation.of(contract, query).derive(contract.request.FromString(command.request))
        channel = application.channel(query.service)
    except (DecodeError, CompensationUnderivable, DefinitionError) as error:
        return Verified(query.short_name, f"{query.short_name} cannot be asked from here: {error}")
    about = relation("verifies", idempotency_key(saga_id, command.key), command.method, query)
    ask: grpc.aio.UnaryUnaryMultiCallable[Message, Message] = channel.unary_unary(
        query.path,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=query.response.FromString,
    )
    try:
        answer: Message = await ask(question, timeout=_PATIENCE_SECONDS, metadata=(about, ("saga-id", saga_id)))
    except grpc.aio.AioRpcError as error:
        return _refused(query, error)
    reply = _reply(contract, query, answer)
    text = f"{query.short_name} says: it took effect"
    return Verified(query.short_name, text, took_effect=True, answer=as_json(answer), reply=reply)


def _refused(query: Command, error: grpc.aio.AioRpcError) -> Verified:
    if error.code() is grpc.StatusCode.NOT_FOUND and _NOT_SEEN in _reasons(error):
        return Verified(query.short_name, f"{query.short_name} says: it never took effect", took_effect=False)
    if error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
        return Verified(query.short_name, f"{query.short_name} does not answer now")
    return Verified(query.short_name, f"{query.short_name} cannot tell: {error.code().name}: {error.details()}")


def _reasons(error: grpc.aio.AioRpcError) -> set[str]:
    """The reasons in the details of a status."""
    found: set[str] = set()
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin" or not isinstance(value, bytes):
            continue
        info = error_details_pb2.ErrorInfo()
        for detail in status_pb2.Status.FromString(value).details:
            if detail.Unpack(info):
                found.add(info.reason)
    return found


def _reply(contract: Command, query: Command, answer: Message) -> str:
    """The command's reply, where it can be made of the query's answer."""
    derivation = Derivation.of_response(contract, query)
    return "" if derivation is None else as_json(derivation.derive(answer))
