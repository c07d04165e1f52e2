"""``orchestrator schedules``: sagas that start by themselves.

These commands are clients of ``saga.v1.ScheduleService``, and can do no more than its other clients.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from orchestrator.cli.commands.operator import UNSAID, Reason
from orchestrator.cli.connecting.address import DEFAULT_ADDRESS, Address
from orchestrator.cli.connecting.certificates import connecting
from orchestrator.cli.connecting.client import PATIENCE_SECONDS, channel_to
from orchestrator.cli.connecting.credentials import TokenFile  # noqa: TC001 - typer reads the annotation
from orchestrator.cli.output.documents import Documents
from orchestrator.cli.output.exit import refuse
from orchestrator.cli.output.form import wants_json
from orchestrator.cli.output.payloads import Payloads, self_named_from_json
from orchestrator.cli.output.rendering import open_console
from orchestrator.cli.output.schedule_pages import schedule_page, schedules_table
from orchestrator.cli.output.text import say
from orchestrator.cli.registration import CommandLine
from saga.v1 import schedule_pb2
from saga.v1 import schedule_service_pb2 as api
from saga.v1.schedule_service_pb2_grpc import ScheduleServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc.aio

    _OfOne = (
        api.CreateScheduleResponse | api.GetScheduleResponse | api.PauseScheduleResponse | api.ResumeScheduleResponse
    )

schedule_commands = CommandLine(no_args_is_help=True, help="Start sagas by themselves: once, or by cron.")


class OverlapName(StrEnum):
    """The overlap policies, as they are typed."""

    SKIP = "skip"
    BUFFER_ONE = "buffer-one"
    ALLOW_ALL = "allow-all"


class MissedName(StrEnum):
    """The policies for missed instants, as they are typed."""

    SKIP = "skip"
    RUN_LAST = "run-last"
    RUN_ALL = "run-all"


Name = Annotated[str, typer.Argument(help="The schedule's name.", show_default=False)]
RequestId = Annotated[str, typer.Option(help="A UUID that makes repeating the command safe.")]


@schedule_commands.command()
@connecting
def create(
    name: Name,
    saga: Annotated[str, typer.Option(help="The name of the saga's definition.", show_default=False)],
    saga_input: Annotated[
        str,
        typer.Option(
            "--input",
            help='The saga\'s input as JSON that names its type: {"@type": "type.googleapis.com/shop.order.v1.…", …}',
            show_default=False,
        ),
    ],
    cron: Annotated[
        str, typer.Option(help="Minute, hour, day of the month, month, day of the week, such as '30 9 * * MON-FRI'.")
    ] = "",
    at: Annotated[str, typer.Option(help="Once, at this instant, such as 2026-12-24T18:00:00+01:00.")] = "",
    zone: Annotated[str, typer.Option(help="The time zone of --cron, such as Europe/Berlin.")] = "UTC",
    version: Annotated[int, typer.Option(help="The version of the definition; 0 for the newest.", min=0)] = 0,
    overlap: Annotated[
        OverlapName, typer.Option(help="What becomes of an instant while the last saga has not ended.")
    ] = OverlapName.SKIP,
    missed: Annotated[
        MissedName, typer.Option(help="What becomes of instants at which no orchestrator was there.")
    ] = MissedName.RUN_LAST,
    missed_limit: Annotated[int, typer.Option(help="How many of them run-all starts.", min=1, max=1000)] = 10,
    window: Annotated[float, typer.Option(help="Seconds after which an instant counts as missed.", min=1)] = 60.0,
    request_id: RequestId = "",
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """Create a schedule."""
    if bool(cron) == bool(at):
        refuse("say either --cron or --at")
    schedule = schedule_pb2.Schedule(
        name=name,
        time_zone=zone,
        definition=saga,
        version=version,
        overlap_policy=schedule_pb2.OverlapPolicy.Value(f"OVERLAP_POLICY_{overlap.name}"),
        missed_policy=schedule_pb2.MissedPolicy.Value(f"MISSED_POLICY_{missed.name}"),
        missed_limit=missed_limit,
    )
    schedule.start_window.FromTimedelta(timedelta(seconds=window))
    if cron:
        schedule.cron = cron
    else:
        schedule.at.FromDatetime(_instant(at))
    request = api.CreateScheduleRequest(schedule=schedule, request_id=request_id)
    asyncio.run(_create(request, saga_input, address))


@schedule_commands.command("list")
@connecting
def list_schedules(
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = 50,
    address: Address = DEFAULT_ADDRESS,
    _token_file: TokenFile = None,
) -> None:
    """List schedules by name, with their next instant and their last start."""
    asyncio.run(_list(api.ListSchedulesRequest(page_size=limit), address))


@schedule_commands.command()
@connecting
def show(name: Name, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Show one schedule: what it starts, when next, and what became of the last instants."""
    asyncio.run(_show(name, address))


@schedule_commands.command()
@connecting
def pause(
    name: Name, reason: Reason = UNSAID, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None
) -> None:
    """Let one schedule start nothing until it is resumed."""
    asyncio.run(_pause(api.PauseScheduleRequest(name=name, reason=reason), address))


@schedule_commands.command()
@connecting
def resume(name: Name, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Let one schedule go on with the instants from now on."""
    asyncio.run(_resume(name, address))


@schedule_commands.command()
@connecting
def delete(name: Name, address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None) -> None:
    """Delete one schedule; the sagas that it has started go on."""
    asyncio.run(_delete(name, address))


@schedule_commands.command()
@connecting
def run(
    name: Name, request_id: RequestId = "", address: Address = DEFAULT_ADDRESS, _token_file: TokenFile = None
) -> None:
    """Start the saga of one schedule once, now; its id is printed."""
    asyncio.run(_run(api.RunScheduleRequest(name=name, request_id=request_id), address))


@contextlib.asynccontextmanager
async def _schedules_at(address: str) -> AsyncIterator[tuple[ScheduleServiceStub, grpc.aio.Channel]]:
    async with channel_to(address) as channel:
        yield ScheduleServiceStub(channel), channel


async def _create(request: api.CreateScheduleRequest, saga_input: str, address: str) -> None:
    async with _schedules_at(address) as (service, channel):
        request.schedule.input.CopyFrom(await self_named_from_json(channel, saga_input, "--input"))
        answer = await service.CreateSchedule(request, timeout=PATIENCE_SECONDS)
        await _print(answer, channel)


async def _list(request: api.ListSchedulesRequest, address: str) -> None:
    async with _schedules_at(address) as (service, channel):
        answer = await service.ListSchedules(request, timeout=PATIENCE_SECONDS)
        if wants_json():
            await Documents(channel).print(answer)
            return
    if not answer.schedules:
        say("no schedules")
        return
    open_console().print(schedules_table(answer.schedules))
    if answer.next_page_token:
        say(f"there are more than {request.page_size}; see --limit")


async def _show(name: str, address: str) -> None:
    async with _schedules_at(address) as (service, channel):
        answer = await service.GetSchedule(api.GetScheduleRequest(name=name), timeout=PATIENCE_SECONDS)
        await _print(answer, channel)


async def _pause(request: api.PauseScheduleRequest, address: str) -> None:
    async with _schedules_at(address) as (service, channel):
        answer = await service.PauseSchedule(request, timeout=PATIENCE_SECONDS)
        await _print(answer, channel)


async def _resume(name: str, address: str) -> None:
    async with _schedules_at(address) as (service, channel):
        answer = await service.ResumeSchedule(api.ResumeScheduleRequest(name=name), timeout=PATIENCE_SECONDS)
        await _print(answer, channel)


async def _delete(name: str, address: str) -> None:
    async with _schedules_at(address) as (service, channel):
        answer = await service.DeleteSchedule(api.DeleteScheduleRequest(name=name), timeout=PATIENCE_SECONDS)
        if wants_json():
            await Documents(channel).print(answer)
            return
    say(f"{name} is deleted; the sagas that it has started go on")


async def _run(request: api.RunScheduleRequest, address: str) -> None:
    async with _schedules_at(address) as (service, channel):
        answer = await service.RunSchedule(request, timeout=PATIENCE_SECONDS)
        if wants_json():
            await Documents(channel).print(answer)
            return
    open_console().print(Text(answer.saga_id))


async def _print(answer: _OfOne, channel: grpc.aio.Channel) -> None:
    if wants_json():
        await Documents(channel).print(answer)
        return
    schedule = answer.schedule
    payloads = await Payloads.known_at(channel, [schedule.input] if schedule.HasField("input") else [])
    open_console().print(schedule_page(schedule, payloads))


def _instant(text: str) -> datetime:
    """The instant that is typed; it must say its zone."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        refuse(f"--at: {text!r} is no instant; expected one such as 2026-12-24T18:00:00+01:00")
    if instant.tzinfo is None:
        refuse(f"--at: {text!r} does not say its time zone; expected one such as 2026-12-24T18:00:00+01:00")
    return instant.astimezone(UTC)
