"""Turns what participants have given up, as messages of the API, into pages for a terminal. Pure, but for the age."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from orchestrator.cli.output.guidance_page import pasted
from orchestrator.cli.output.instants import age_text, instant_text
from orchestrator.cli.output.terminal import Records, whole_line
from orchestrator.contract.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import RenderableType

    from saga.v1.figures_service_pb2 import DeadCommand, DeadCommandCount, ListDeadCommandsResponse

_INDENT = (0, 0, 0, 2)


def dead_command_lines(dead: ListDeadCommandsResponse, given: Sequence[str]) -> Iterator[RenderableType]:
    """How many commands participants have given up, what helps, and the latest of them.

    Args:
        dead: what they have given up.
        given: the options of the connection, for each command that can be pasted.
    """
    yield from _counted_lines(dead, given)
    for letter in dead.newest:
        about = f"{'.'.join(_command(letter).rsplit('.', 2)[-2:])} of saga {letter.saga_id or '?'}"
        often = f"{age_text(letter.at)}, delivered {counted(letter.deliveries, 'time')}"
        yield whole_line(Text(f"  {about}, {often}: {letter.error}"))


def dead_commands_page(dead: ListDeadCommandsResponse, given: Sequence[str]) -> RenderableType:
    """The same with all that is known of each, so that one of them can be named."""
    return Group(*_counted_lines(dead, given), _table(dead.newest))


def _counted_lines(dead: ListDeadCommandsResponse, given: Sequence[str]) -> Iterator[RenderableType]:
    for sentence in dead.unread:
        yield Text(sentence, "yellow")
    for each in dead.counts:
        yield Text(f"{each.service} has given up ").append(counted(each.count, "command"), "bold red")
    if dead.advice:
        yield Padding(Text.assemble(("do: ", "bold"), dead.advice), _INDENT, expand=False)
    for each in dead.counts:
        yield whole_line(Text(f"    {pasted(_forgetting(each), given)}", style="bold"))


def _forgetting(each: DeadCommandCount) -> str:
    """The command that forgets what was counted, and nothing that came since."""
    words = ["orchestrator", "dead-commands", "forget", each.service, "--until", each.until.ToJsonString()]
    return shlex.join([*words, "--reason", "WHY"])


def _table(letters: Iterable[DeadCommand]) -> Records:
    table = Records(("id", "given up", "command", "saga", "deliveries", "error"), head=3, wrapped={"error"})
    for each in letters:
        at, often = instant_text(each.at), str(each.deliveries)
        table.add(each.id, at, _command(each), each.saga_id or "?", often, Text(each.error))
    return table


def _command(letter: DeadCommand) -> str:
    return f"{letter.service}.{letter.method}" if letter.method else letter.service
