"""How a command ends its process."""

from __future__ import annotations

import logging
import os
import sys
from types import ModuleType

import pytest

from orchestrator.cli.leaving import leave


class Gone(Exception):
    """The process would be gone now."""


@pytest.fixture
def with_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def exit_at_once(code: int) -> None:
        raise Gone(code)

    monkeypatch.setitem(sys.modules, "temporalio.bridge", ModuleType("temporalio.bridge"))
    monkeypatch.setattr(os, "_exit", exit_at_once)
    monkeypatch.setattr(logging, "shutdown", lambda: None)


@pytest.mark.usefixtures("with_client")
@pytest.mark.parametrize(("said", "code"), [(None, 0), (0, 0), (3, 3)])
def test_beside_the_client_of_temporal_nothing_is_taken_down(said: int | None, code: int) -> None:
    with pytest.raises(Gone) as gone:
        leave(SystemExit(said))
    assert gone.value.args == (code,)


@pytest.mark.usefixtures("with_client")
def test_a_last_word_is_said_as_python_says_it() -> None:
    with pytest.raises(SystemExit, match="no such saga"):
        leave(SystemExit("no such saga"))


def test_without_that_client_python_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "temporalio.bridge", raising=False)
    with pytest.raises(SystemExit) as end:
        leave(SystemExit(3))
    assert end.value.code == 3
