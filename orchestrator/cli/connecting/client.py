"""Connects the command line to a running orchestrator, and reports in one line why a connection or a call failed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import grpc
import grpc.aio
import typer
from google.protobuf.message import Message

from orchestrator.channels.grpc.bearer import with_token
from orchestrator.channels.grpc.credentials import open_channel
from orchestrator.cli.connecting.address import typed_address
from orchestrator.cli.connecting.certificates import tls_for, typed_options
from orchestrator.cli.connecting.completion import saga_ids
from orchestrator.cli.connecting.credentials import token_file, token_for
from orchestrator.cli.connecting.without_tls import why_unreached
from orchestrator.cli.output.exit import ExitCode, refuse
from orchestrator.cli.output.form import wants_json
from orchestrator.cli.output.text import made_visible, visible
from orchestrator.cli.remedies import remedy_for
from saga.v1.saga_service_pb2 import GetSagaRequest, ListSagasRequest, SagaFilter
from saga.v1.saga_service_pb2_grpc import SagaServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from orchestrator.connections.tls import ClientTls

T = TypeVar("T")

SagaId = Annotated[
    str,
    typer.Argument(
        help="The saga's identity, or the beginning of it; of an order, the order id.",
        show_default=False,
        autocompletion=saga_ids,
    ),
]

PATIENCE_SECONDS: Final = 10.0
"""How long a command waits for an answer."""

# A saga is shown whole, however large it has become.
_OPTIONS: Final = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

_NOT_THERE: Final = frozenset({grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT})
_SHORTEST_PREFIX: Final = 4
CANDIDATES: Final = 5
"""How many ids are listed, where the beginning of an id is not unique."""

_UNKNOWN: Final = (
    "the orchestrator at {address} does not know who you are: {why} (--token-file, ORCHESTRATOR_TOKEN, or STATE_DIR "
    "for the local operator's token in its state folder)"
)
_SILENT: Final = (
    "the orchestrator at {address} did not answer within {seconds:.0f} s; ask again, or look at its log and load"
)
_GONE: Final = "the orchestrator at {address} went away before it had answered; ask again"
# gRPC's own message is about its internals.
_WITHOUT_DETAILS: Final = {
    grpc.StatusCode.UNAVAILABLE: "no orchestrator answers at {address}; start one, or name another --address",
    grpc.StatusCode.UNIMPLEMENTED: (
        "what answers at {address} is no orchestrator, or an older one; name another --address"
    ),
    grpc.StatusCode.RESOURCE_EXHAUSTED: "the answer of the orchestrator at {address} is too large",
}


def given_options() -> list[str]:
    """What was typed to reach the orchestrator, and is not in the environment: other commands need it, too."""
    address, named = typed_address(), token_file()
    words = ["--address", address] if address else []
    if named is not None:
        words += ["--token-file", str(named)]
    return words + typed_options()


@contextlib.asynccontextmanager
async def channel_to(address: str) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the orchestrator at ``host:port``, with the caller's token. A call that fails ends the command.

    Raises:
        typer.Exit: with code 2, there is no such saga; with code 1, the call failed otherwise.
    """
    interceptors = [_HarmlessAnswer(), _HarmlessAnswers(), *with_token(token_for(address))]
    tls = tls_for(address)
    async with open_channel(address, _OPTIONS, interceptors, tls) as channel:
        try:
            yield channel
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE and not error.trailing_metadata():
                await _tell_why_unreached(address, tls)
            why, code = why_failed(error, address)
            refuse(why, code=code)


@contextlib.asynccontextmanager
async def sagas_at(address: str) -> AsyncIterator[SagaServiceStub]:
    """The operators' API at ``host:port``; ends as :func:`channel_to` does."""
    async with channel_to(address) as channel:
        yield SagaServiceStub(channel)


async def by_id(service: SagaServiceStub, saga_id: str, ask: Callable[[str], Awaitable[T]]) -> T:
    """The answer about one saga: the one with this id or, where there is none, the only one whose id begins with it.

    Args:
        service: the operators' API.
        saga_id: the id, or its beginning.
        ask: asks about the saga of an id; it changes nothing where there is no such saga.

    Raises:
        typer.Exit: with code 2, several ids begin so.
    """
    try:
        return await ask(saga_id)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND or len(saga_id) < _SHORTEST_PREFIX:
            raise
        request = ListSagasRequest(filter=SagaFilter(id_prefix=saga_id), page_size=CANDIDATES + 1)
        found = [saga.saga_id for saga in (await service.ListSagas(request, timeout=PATIENCE_SECONDS)).sagas]
        if not found:
            raise
    return await ask(only_one(saga_id, found))


async def whole_id(service: SagaServiceStub, saga_id: str) -> str:
    """The id of the only saga whose id is this or begins with it; see :func:`by_id`."""

    async def ask(each: str) -> str:
        await service.GetSaga(GetSagaRequest(saga_id=each), timeout=PATIENCE_SECONDS)
        return each

    return await by_id(service, saga_id, ask)


def only_one(beginning: str, found: Sequence[str]) -> str:
    """The only id that was found.

    Raises:
        typer.Exit: with code 2, several ids were found.
    """
    if len(found) > 1:
        told = "\n".join(f"  {each}" for each in found[:CANDIDATES])
        more = "\n  ..." if len(found) > CANDIDATES else ""
        refuse(f"{beginning} may be any of these sagas; say more of the id:\n{told}{more}")
    return found[0]


class _HarmlessAnswer(grpc.aio.UnaryUnaryClientInterceptor):
    """Makes the API's answers harmless, as they hold text from outside: of participants, saga code and callers.

    JSON makes every text harmless by itself.
    """

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:  # noqa: ANN401 - as in grpc
        """See grpc."""
        call = await continuation(client_call_details, request)
        answer = await call
        return answer if wants_json() else made_visible(answer)


class _HarmlessAnswers(grpc.aio.UnaryStreamClientInterceptor):
    """Makes the answers of a stream harmless."""

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:  # noqa: ANN401 - as in grpc
        """See grpc."""
        return _harmless(await continuation(client_call_details, request))


async def _harmless(answers: AsyncIterator[Message | bytes]) -> AsyncIterator[Message | bytes]:
    async for answer in answers:
        # Reflection reads its answers itself.
        yield made_visible(answer) if isinstance(answer, Message) and not wants_json() else answer


async def _tell_why_unreached(address: str, tls: ClientTls | None) -> None:
    """End the command with the reason, where one can be found out."""
    if tls is None:
        why = await why_unreached(address)
        refuse(f"no orchestrator answers at {address}: {visible(why)}", code=ExitCode.WRONG)
    from orchestrator.connections.handshake import meet  # noqa: PLC0415 - seldom needed

    met = await meet(address, tls)
    if met.is_there and met.why:
        refuse(f"no connection is made to the orchestrator at {address}: {visible(met.why)}", code=ExitCode.WRONG)


def why_failed(error: grpc.aio.AioRpcError, address: str) -> tuple[str, ExitCode]:
    """Why a call of the orchestrator at ``host:port`` failed, with what to do; and the exit code for that."""
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return _SILENT.format(address=address, seconds=PATIENCE_SECONDS), ExitCode.WRONG
    if error.code() is grpc.StatusCode.UNAUTHENTICATED:
        return _UNKNOWN.format(address=address, why=_details(error)), ExitCode.WRONG
    # An error of the orchestrator itself carries details.
    if not error.trailing_metadata():
        return _WITHOUT_DETAILS.get(error.code(), _GONE).format(address=address), ExitCode.WRONG
    code = ExitCode.NOT_THERE if error.code() in _NOT_THERE else ExitCode.WRONG
    why = _details(error) or error.code().name
    return "; ".join(filter(None, (why, remedy_for(error, why)))), code


def _details(error: grpc.aio.AioRpcError) -> str:
    return (error.details() or "") if wants_json() else visible(error.details() or "")
