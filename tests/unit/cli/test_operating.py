"""What the operators' commands say when no orchestrator answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    "command",
    [
        ("list",),
        ("show", "x"),
        ("watch", "x"),
        ("feed",),
        ("journal", "x"),
        ("preview", "x"),
        ("stats",),
        ("cancel", "x"),
        ("pause", "x"),
        ("resume", "x"),
        ("retry", "x"),
        ("resolve", "x", "A.B", "--no-effect", "--evidence", "e"),
        ("resolve", "x", "A.B", "--took-effect", "--reply-json", "{}", "--evidence", "e"),
        ("skip", "x", "A.B", "--evidence", "e"),
        ("act", "cancel", "--definition", "place_order", "--reason", "r"),
        ("bulk", "list"),
        ("bulk", "show", "x"),
        ("bulk", "start", "x", "--reason", "r"),
        ("bulk", "watch", "x"),
        ("bulk", "stop", "x"),
        ("bulk", "export", "x"),
    ],
)
def test_an_unreachable_orchestrator_is_one_line_on_stderr(
    orchestrator: Callable[..., Any], command: tuple[str, ...]
) -> None:
    answer = orchestrator(*command, "--address", "127.0.0.1:1")

    assert (answer.code, answer.out) == (1, "")
    assert answer.err == (
        "error: no orchestrator answers at 127.0.0.1:1: nobody listens there; start one (`orchestrator serve`), or "
        "name another --address\n"
    )
