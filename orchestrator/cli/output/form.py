"""In which form a command answers: as pages for people, or as JSON alone.

With ``--json``, stdout holds JSON and nothing else, and each line on stderr is a JSON object of its own: an error or a
note. JSON is written in ASCII, so that it says every text as it is, in any encoding, and moves no cursor.
"""

from __future__ import annotations

import contextlib
import io
import json
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | float | bool | None"

OPTION = "--json"

_as_json: ContextVar[bool] = ContextVar("as_json", default=False)


def choose_json(wanted: bool) -> None:
    """Let this command answer in JSON, or in pages."""
    _as_json.set(wanted)


def wants_json() -> bool:
    """Whether this command answers in JSON."""
    return _as_json.get()


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Nothing is said on stderr in this block."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield


def print_json(document: Any) -> None:  # noqa: ANN401 - Json, and what the library makes of a message
    """Print the one answer of a command."""
    typer.echo(json.dumps(document, indent=2))


def print_json_line(document: Any, *, err: bool = False) -> None:  # noqa: ANN401 - as above
    """Print one of many answers, in a line of its own."""
    typer.echo(json.dumps(document), err=err)
