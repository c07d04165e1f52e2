"""Shows what waits for a person: each cause with its sagas, and the decisions as commands to paste.

Pure, but for the age of things.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.text import Text

from orchestrator.cli.output.guidance_page import offered_lines, situation_lines
from orchestrator.cli.output.instants import age_text
from orchestrator.cli.output.terminal import whole_line
from orchestrator.contract.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from orchestrator.cli.causes import Cause
    from saga.v1.guidance_pb2 import Guidance

_LISTED: Final = 5
_INDENT: Final = (0, 0, 0, 2)


def cause_lines(cause: Cause, guidance: Guidance, given: Sequence[str]) -> Iterator[RenderableType]:
    """One cause: which sagas, what is the matter, and what can be done about the oldest of them.

    Args:
        cause: why they are suspended.
        guidance: of the oldest of them.
        given: the options of the connection, for each command.
    """
    yield cause_title(cause)
    for line in situation_lines(guidance):
        yield Padding(line, _INDENT)
    for saga in cause.sagas[:_LISTED]:
        yield whole_line(Text(f"  {saga.saga_id}  started {age_text(saga.started_at)}", style="dim"))
    if len(cause.sagas) > _LISTED:
        yield Text(f"  and {len(cause.sagas) - _LISTED:,} more", style="dim")
    legal = [each for each in guidance.choices if not each.refusal]
    for each in [each for each in legal if each.helps] or legal:
        yield from offered_lines(each, given)


def cause_title(cause: Cause) -> Text:
    """What is the matter, and how many sagas it is about."""
    title = Text(f"{cause.definition}: ").append(cause.code, "bold red")
    title.append(f" at {cause.step}" if cause.step else "")
    return title.append(f", {counted(len(cause.sagas), 'saga')}")
