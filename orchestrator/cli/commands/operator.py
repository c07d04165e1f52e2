"""``orchestrator cancel``, ``pause``, ``resume``, ``retry``, ``resolve`` and ``skip``: what operators decide.

These commands are clients of the operators' API, ``saga.v1.SagaService``, and can do no more than its other clients.
Each act says why, and the token says who acts; the saga's journal keeps both.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.connecting.address import DEFAULT_ADDRESS, Address
from orchestrator.cli.connecting.client import PATIENCE_SECONDS, SagaId, by_id, channel_to, whole_id
from orchestrator.cli.connecting.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.output.documents import Documents
from orchestrator.cli.output.exit import refuse
from orchestrator.cli.output.form import wants_json
from orchestrator.cli.output.payloads import reply_from_json
from orchestrator.cli.output.rendering import open_console, saga_page
from orchestrator.cli.output.text import say
from saga.v1 import saga_service_pb2 as api
from saga.v1.saga_service_pb2_grpc import SagaServiceStub

if TYPE_CHECKING:
    from google.protobuf.any_pb2 import Any as AnyMessage

    Request = (
        api.CancelSagaRequest
        | api.PauseSagaRequest
        | api.ResumeSagaRequest
        | api.RetryNowRequest
        | api.ResolveOutcomeRequest
        | api.ResolveCompensationRequest
        | api.SkipCompensationRequest
    )


Reason = Annotated[str, typer.Option(help="Why, in a sentence.")]
Evidence = Annotated[str, typer.Option(help="How that is known, in a sentence.", show_default=False)]
Step = Annotated[
    str,
    typer.Argument(
        help="The step, as `show` names it: PaymentService.CapturePayment, or with its number where there are more.",
        show_default=False,
    ),
]
UNSAID = "asked for on the command line"


def cancel(
    saga_id: SagaId, reason: Reason = UNSAID, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None
) -> None:
    """Roll one saga back; refused once its pivot was accepted."""
    request = api.CancelSagaRequest(saga_id=saga_id, reason=reason)
    asyncio.run(_ask("CancelSaga", request, address))


def pause(
    saga_id: SagaId, reason: Reason = UNSAID, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None
) -> None:
    """Suspend one saga once no attempt is in flight, until it is resumed."""
    request = api.PauseSagaRequest(saga_id=saga_id, reason=reason)
    asyncio.run(_ask("PauseSaga", request, address))


def resume(
    saga_id: SagaId, reason: Reason = UNSAID, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None
) -> None:
    """Carry on with one suspended saga, forward or backward, from where it stands."""
    request = api.ResumeSagaRequest(saga_id=saga_id, reason=reason)
    asyncio.run(_ask("ResumeSaga", request, address))


def retry(
    saga_id: SagaId, reason: Reason = UNSAID, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None
) -> None:
    """Attempt at once what one saga would attempt after its backoff."""
    request = api.RetryNowRequest(saga_id=saga_id, reason=reason)
    asyncio.run(_ask("RetryNow", request, address))


def resolve(
    saga_id: SagaId,
    step: Step,
    *,
    evidence: Evidence,
    took_effect: Annotated[
        bool | None,
        typer.Option("--took-effect/--no-effect", help="What came of a command in doubt.", show_default=False),
    ] = None,
    compensated: Annotated[
        bool,
        typer.Option("--compensated", help="Its effect, which its compensation cannot take back, was taken back."),
    ] = False,
    reply_json: Annotated[
        str | None, typer.Option(help="The reply, as JSON; needed to go forward with what took effect.")
    ] = None,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Tell one suspended saga what came of a command in doubt, or that an effect was already taken back."""
    if compensated == (took_effect is not None):
        refuse("say one of --took-effect, --no-effect and --compensated")
    if reply_json is not None and not took_effect:
        refuse("--reply-json goes with --took-effect: nothing else has a reply")
    if took_effect is None:
        undone = api.ResolveCompensationRequest(saga_id=saga_id, key=step, evidence=evidence)
        asyncio.run(_ask("ResolveCompensation", undone, address))
    else:
        request = api.ResolveOutcomeRequest(saga_id=saga_id, key=step, took_effect=took_effect, evidence=evidence)
        asyncio.run(_resolve(request, reply_json, address))
    _tell_how_to_go_on(saga_id)


def skip(
    saga_id: SagaId,
    step: Step,
    evidence: Evidence,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Let an effect stand that a suspended rollback cannot compensate."""
    request = api.SkipCompensationRequest(saga_id=saga_id, key=step, evidence=evidence)
    asyncio.run(_ask("SkipCompensation", request, address))
    _tell_how_to_go_on(saga_id)


async def _ask(rpc: str, request: Request, address: str) -> None:
    """Make a call that answers with the saga, and show it."""

    async def call(saga_id: str) -> Any:  # noqa: ANN401 - each call has an answer of its own
        request.saga_id = saga_id
        return await getattr(service, rpc)(request, timeout=PATIENCE_SECONDS)

    async with channel_to(address) as channel:
        service = SagaServiceStub(channel)
        answer = await by_id(service, request.saga_id, call)
        if wants_json():
            await Documents(channel).print(answer)
            return
    open_console().print(saga_page(answer.saga))


async def _resolve(request: api.ResolveOutcomeRequest, reply_json: str | None, address: str) -> None:
    if reply_json is not None:
        reply = await _typed_reply(request.saga_id, request.key, reply_json, address)
        if reply is not None:
            request.reply.CopyFrom(reply)
    await _ask("ResolveOutcome", request, address)


async def _typed_reply(saga_id: str, key: str, text: str, address: str) -> AnyMessage | None:
    """The reply of a command; ``None`` where the saga has none or several of them, which the orchestrator refuses."""
    async with channel_to(address) as channel:
        service = SagaServiceStub(channel)
        request = api.GetSagaRequest(saga_id=await whole_id(service, saga_id))
        answer = await service.GetSaga(request, timeout=PATIENCE_SECONDS)
        methods = {step.method for step in answer.saga.steps if key in {step.key, step.key.partition("#")[0]}}
        return await reply_from_json(channel, methods.pop(), text) if len(methods) == 1 else None


def _tell_how_to_go_on(saga_id: str) -> None:
    say(f"the saga stays suspended; carry on with: orchestrator resume {saga_id}")
