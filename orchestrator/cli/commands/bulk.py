"""``orchestrator act`` and ``orchestrator bulk``: the same act on many sagas, done by the orchestrator.

These commands are clients of ``saga.v1.BulkActService``, and can do no more than its other clients. A bulk act goes on
without them: who ends a command that follows one ends nothing else.
"""

from __future__ import annotations

import asyncio
import shlex
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from google.protobuf.json_format import MessageToDict

from orchestrator.cli import bulk_acts
from orchestrator.cli.bulk_acts import bulk_acts_at
from orchestrator.cli.connecting.address import DEFAULT_ADDRESS, Address
from orchestrator.cli.connecting.certificates import connecting
from orchestrator.cli.connecting.client import PATIENCE_SECONDS
from orchestrator.cli.connecting.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.filters import (
    BackingOff,
    FailedCommand,
    MoreCriteria,
    OfDefinition,
    OfStatus,
    ReasonCode,
    WaitingFor,
    WithAttribute,
    saga_filter,
)
from orchestrator.cli.output.bulk_pages import (
    REFUSED,
    bulk_act_page,
    bulk_acts_table,
    refused,
)
from orchestrator.cli.output.exit import refuse
from orchestrator.cli.output.form import print_json, print_json_line, wants_json
from orchestrator.cli.output.rendering import open_console
from orchestrator.cli.output.text import say
from orchestrator.cli.registration import CommandLine
from saga.v1 import bulk_pb2
from saga.v1 import bulk_service_pb2 as api

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message

bulk_commands = CommandLine(no_args_is_help=True, help="Do the same to many sagas, and see what came of it.")


class ActionName(StrEnum):
    """The acts on many sagas, as they are typed."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    RESOLVE = "resolve"
    SKIP = "skip"


class AnswerName(StrEnum):
    """What sagas may have answered, as it is typed."""

    UNCHECKED = "unchecked"
    ALLOWED = "allowed"
    SECOND_PERSON_NEEDED = "second-person-needed"
    EXCLUDED = "excluded"
    DONE = "done"
    PROPOSED = "proposed"
    REFUSED = "refused"
    NOTED = "noted"
    FAILED = "failed"

    @property
    def number(self) -> bulk_pb2.BulkAnswer.ValueType:
        """The answer that the API knows."""
        return bulk_pb2.BulkAnswer.Value(f"BULK_ANSWER_{self.name}")


BulkId = Annotated[str, typer.Argument(help="The bulk act's identity.", metavar="ID", show_default=False)]
Why = Annotated[str, typer.Option("--reason", help="Why, in a sentence.", show_default=False)]


def act(
    action: Annotated[ActionName, typer.Argument(show_default=False)],
    reason: Annotated[
        str, typer.Option(help="Why, in a sentence; of resolve and skip, how that is known.", show_default=False)
    ],
    definition: OfDefinition = "",
    status: OfStatus = None,
    attribute: WithAttribute = None,
    *,
    backing_off: BackingOff = False,
    waiting_for: WaitingFor = None,
    failed_command: FailedCommand = "",
    reason_code: ReasonCode = "",
    step: Annotated[str, typer.Option(help="Of resolve and skip: the step of each saga, as `show` names it.")] = "",
    took_effect: Annotated[
        bool | None,
        typer.Option("--took-effect/--no-effect", help="Of resolve: what came of the step.", show_default=False),
    ] = None,
    compensated: Annotated[
        bool, typer.Option("--compensated", help="Of resolve: the step's effect was taken back by hand.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only prepare it: tell to how many sagas it would be done.")
    ] = False,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Do the same to all sagas that match now, as a bulk act; exit with 1 when one of them refuses.

    The orchestrator does it, and goes on without this command. Those that are noted are advanced by another
    orchestrator, which has not done it yet.
    """
    more = MoreCriteria(failed_command=failed_command, reason_code=reason_code)
    where = saga_filter(definition, status, attribute, backing_off=backing_off, waiting_for=waiting_for, more=more)
    number, decision = _decision(action, step, took_effect=took_effect, compensated=compensated)
    request = api.PrepareBulkActRequest(filter=where, action=number, decision=decision)
    prepared = asyncio.run(bulk_acts.prepare(request, address))
    if not dry_run:
        _end(_followed(prepared.bulk_act_id, reason, address), address)
    say(f"start it with: orchestrator bulk start {prepared.bulk_act_id} --reason {shlex.quote(reason)}")
    _end(prepared, address)


@bulk_commands.command("list")
@connecting
def list_bulk_acts(
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = 20,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """List bulk acts, the last one first."""
    asyncio.run(_list(limit, address))


@bulk_commands.command()
@connecting
def show(bulk_id: BulkId, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Show one bulk act: how far it has come, and why some sagas refuse it."""
    asyncio.run(_show(bulk_id, address))


@bulk_commands.command()
@connecting
def start(bulk_id: BulkId, reason: Why, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Start a prepared bulk act, and follow it to its end; exit with 1 when a saga refuses."""
    _end(_followed(bulk_id, reason, address), address)


@bulk_commands.command()
@connecting
def watch(bulk_id: BulkId, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Follow one bulk act until it is prepared, or over."""
    asyncio.run(_print(asyncio.run(bulk_acts.watch(bulk_id, address)), address))


@bulk_commands.command()
@connecting
def stop(bulk_id: BulkId, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Begin nothing more of one bulk act; what is done stays done."""
    asyncio.run(_print(asyncio.run(bulk_acts.stop(bulk_id, address)), address))


@bulk_commands.command()
@connecting
def export(
    bulk_id: BulkId,
    answer: Annotated[
        list[AnswerName] | None,
        typer.Option(
            "--answer", metavar="ANSWER", help=f"Only with this answer: {', '.join(AnswerName)}; may be repeated."
        ),
    ] = None,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Print what came of one bulk act, as JSON: one saga in each line."""
    asyncio.run(_export(bulk_id, answer or [], address))


def _decision(
    action: ActionName, step: str, *, took_effect: bool | None, compensated: bool
) -> tuple[bulk_pb2.Action.ValueType, bulk_pb2.CommandDecision | None]:
    """The action that the API knows, and what it says of a step.

    Raises:
        typer.Exit: with code 2, the options do not go with the action.
    """
    if action not in {ActionName.RESOLVE, ActionName.SKIP}:
        if step or compensated or took_effect is not None:
            refuse("--step, --took-effect, --no-effect and --compensated go with resolve and skip")
        is_retry = action is ActionName.RETRY
        return bulk_pb2.ACTION_RETRY_NOW if is_retry else bulk_pb2.Action.Value(f"ACTION_{action.name}"), None
    if not step:
        refuse(f"{action} is about one step of each saga: say --step")
    if action is ActionName.SKIP:
        return bulk_pb2.ACTION_SKIP_COMPENSATION, bulk_pb2.CommandDecision(key=step)
    if compensated == (took_effect is not None):
        refuse("say one of --took-effect, --no-effect and --compensated")
    if took_effect is None:
        return bulk_pb2.ACTION_RESOLVE_COMPENSATION, bulk_pb2.CommandDecision(key=step)
    return bulk_pb2.ACTION_RESOLVE_OUTCOME, bulk_pb2.CommandDecision(key=step, took_effect=took_effect)


def _followed(bulk_id: str, reason: str, address: str) -> bulk_pb2.BulkAct:
    """Start a bulk act, and follow it to its end."""
    try:
        return asyncio.run(bulk_acts.start(bulk_id, reason, address))
    except KeyboardInterrupt:
        say(f"the bulk act goes on; see orchestrator bulk watch {bulk_id}, or end it: orchestrator bulk stop {bulk_id}")
        raise


def _end(done: bulk_pb2.BulkAct, address: str) -> NoReturn:
    """Tell what it comes to, and end the command.

    Raises:
        typer.Exit: always; with code 1 where some sagas refuse.
    """
    asyncio.run(_print(done, address))
    raise typer.Exit(1 if refused(done) else 0)


async def _list(limit: int, address: str) -> None:
    async with bulk_acts_at(address) as service:
        answer = await service.ListBulkActs(api.ListBulkActsRequest(page_size=limit), timeout=PATIENCE_SECONDS)
    if wants_json():
        print_json(_document(answer))
        return
    if not answer.bulk_acts:
        say("no bulk acts")
        return
    open_console().print(bulk_acts_table(answer.bulk_acts))
    if answer.next_page_token:
        say(f"there are more than {limit}; see --limit")


async def _show(bulk_id: str, address: str) -> None:
    async with bulk_acts_at(address) as service:
        answer = await service.GetBulkAct(api.GetBulkActRequest(bulk_act_id=bulk_id), timeout=PATIENCE_SECONDS)
    await _print(answer.bulk_act, address)


async def _print(act: bulk_pb2.BulkAct, address: str) -> None:
    """Show a bulk act, and why it is not done to some of its sagas."""
    results: list[bulk_pb2.BulkResult] = []
    if refused(act):
        request = api.ExportBulkResultsRequest(bulk_act_id=act.bulk_act_id, answers=REFUSED)
        async with bulk_acts_at(address) as service:
            results = [each async for answer in service.ExportBulkResults(request) for each in answer.results]
    if wants_json():
        print_json({"bulk_act": _document(act), "results": list(map(_document, results))})
        return
    open_console().print(bulk_act_page(act, results))


async def _export(bulk_id: str, answers: Sequence[AnswerName], address: str) -> None:
    request = api.ExportBulkResultsRequest(bulk_act_id=bulk_id, answers=[each.number for each in answers])
    async with bulk_acts_at(address) as service:
        async for answer in service.ExportBulkResults(request):
            for result in answer.results:
                print_json_line(_document(result))


def _document(message: Message) -> dict[str, object]:
    """An answer in which nothing is packed, as JSON."""
    document: dict[str, object] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return document
