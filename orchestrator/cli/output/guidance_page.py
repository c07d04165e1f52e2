"""Shows what a person should know of a saga, and the commands that help, ready to paste. Pure, but for ages.

::

    It has waited for an operator since 2026-11-26 03:02:11 +01:00 (3 minutes ago): ada paused it: the bank is slow.
    next: Nothing, until an operator decides.
    do: Resume it when the cause of the pause is gone.

    what helps
      resume: …
        orchestrator resume 0b51… --reason WHY
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.text import Text

from orchestrator.cli.output.instants import aged_text
from orchestrator.cli.output.terminal import whole_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import RenderableType

    from saga.v1.guidance_pb2 import Choice, Guidance, Sentence

_INDENT: Final = 2


def sentence_text(sentence: Sentence) -> str:
    """A sentence, with its instants as this machine shows them."""
    return "".join(part.text if part.HasField("text") else aged_text(part.instant) for part in sentence.parts)


def situation_lines(guidance: Guidance) -> Iterator[Text]:
    """Where a saga stands, what it waits for, what comes next, and what to do first."""
    yield Text(sentence_text(guidance.standing), style="bold")
    for sentence in guidance.waits:
        yield Text(sentence_text(sentence), style="yellow")
    for sentence in guidance.coming:
        yield Text.assemble(("next: ", "bold"), sentence_text(sentence))
    if guidance.advice:
        yield Text.assemble(("do: ", "bold"), guidance.advice)


def choice_lines(guidance: Guidance, given: Sequence[str] = ()) -> Iterator[RenderableType]:
    """The commands that help, those that are possible too, and why the others are not.

    Args:
        guidance: of the saga.
        given: the options of the connection that was asked for here, such as ``--address``, for each command.
    """
    legal = [each for each in guidance.choices if not each.refusal]
    for heading, helping in (("what helps", True), ("also possible", False)):
        shown = [each for each in legal if each.helps is helping]
        if shown:
            yield Text()
            yield Text(heading, style="bold")
            for each in shown:
                yield from offered_lines(each, given)
    refused = _refusals(each for each in guidance.choices if each.refusal)
    if legal and refused:
        yield Text()
        yield Text(f"not now: {'; '.join(refused)}", style="dim")


def offered_lines(choice: Choice, given: Sequence[str] = ()) -> Iterator[RenderableType]:
    """One choice: what follows from it, and the command to paste."""
    told = Text.assemble((choice.title, "cyan"), f": {choice.consequence}" if choice.consequence else "")
    yield Padding(told, (0, 0, 0, _INDENT), expand=False)
    yield whole_line(Text(f"{'':{2 * _INDENT}}{pasted(choice.command, given)}", style="bold"))


def pasted(command: str, given: Sequence[str]) -> str:
    """A command with the options of the connection."""
    return " ".join(filter(None, (command, shlex.join(given))))


def _refusals(choices: Iterable[Choice]) -> list[str]:
    """Such as ``pause, because it is suspended already``; one for all acts that are refused for the same reason."""
    names: dict[str, list[str]] = {}
    for each in choices:
        if each.name not in names.setdefault(each.refusal, []):
            names[each.refusal].append(each.name)
    return [f"{', '.join(same)}, because {why}" for why, same in names.items()]
