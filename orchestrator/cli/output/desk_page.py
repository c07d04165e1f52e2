"""Shows what waits for a person: each cause with its sagas and the decisions as commands.

Pure, but for the age of things.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

from rich.padding import Padding
from rich.text import Text

from orchestrator.cli.output.guidance_page import offered_lines, pasted, situation_lines
from orchestrator.cli.output.instants import age_text, aged_text
from orchestrator.cli.output.terminal import whole_line
from orchestrator.contract.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from saga.v1.figures_service_pb2 import SuspendedGroup
    from saga.v1.guidance_pb2 import Guidance
    from saga.v1.saga_pb2 import Saga

_INDENT = (0, 0, 0, 2)


class Cause(NamedTuple):
    """Why some sagas are suspended.

    Attributes:
        group: how many there are, of what, and since when.
        sagas: the first ones, the oldest first; without their steps.
    """

    group: SuspendedGroup
    sagas: Sequence[Saga]


def cause_lines(cause: Cause, guidance: Guidance, given: Sequence[str]) -> Iterator[RenderableType]:
    """One cause: which sagas, what is the matter, and what can be done about the oldest of them, and about all.

    Args:
        cause: why they are suspended.
        guidance: of the oldest of them.
        given: the options of the connection, for each command.
    """
    group = cause.group
    yield group_title(group)
    for line in situation_lines(guidance):
        yield Padding(line, _INDENT, expand=False)
    for saga in cause.sagas:
        yield whole_line(Text(f"  {saga.saga_id}  started {age_text(saga.started_at)}", style="dim"))
    if group.count > len(cause.sagas):
        yield Text(f"  and {group.count - len(cause.sagas):,} more", style="dim")
    legal = [each for each in guidance.choices if not each.refusal]
    for each in [each for each in legal if each.helps] or legal:
        yield from offered_lines(each, given)
    see = pasted(f"orchestrator show {cause.sagas[0].saga_id}", given)
    yield whole_line(Text(f"  all that is possible: {see}", style="dim"))
    if group.count > 1:
        yield Padding(
            Text("The same for all of them: look first, then leave --dry-run out", style="cyan"), _INDENT, expand=False
        )
        yield whole_line(Text(f"    {pasted(_for_all(group), given)}", style="bold"))


def group_title(group: SuspendedGroup) -> Text:
    """What is the matter, with how many sagas, and since when."""
    title = Text(f"{group.definition}: ").append(group.reason_code, "bold red")
    if group.failed_command:
        title.append(f" at {'.'.join(group.failed_command.rsplit('.', 2)[-2:])}")
    title.append(f", {counted(group.count, 'saga')}")
    return title.append(f", the oldest since {aged_text(group.oldest_since)}", "dim")


def _for_all(group: SuspendedGroup) -> str:
    """The command that lets all of them go on."""
    words = ["orchestrator", "act", "resume", "--status", "suspended", "--definition", group.definition]
    words += ["--reason-code", group.reason_code]
    if group.failed_command:
        words += ["--failed-command", group.failed_command]
    return shlex.join([*words, "--reason", "WHY", "--dry-run"])
