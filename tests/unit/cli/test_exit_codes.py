"""The exit codes: one table, in the code and on the page."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import orchestrator.cli
from orchestrator.cli.endings import end_code
from orchestrator.cli.output.exit import ExitCode
from orchestrator.cli.output.rendering import ENDED
from saga.v1 import saga_pb2

CLI = Path(orchestrator.cli.__file__).parent


def test_the_page_holds_the_table_of_the_exit_codes() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", (CLI / "README.md").read_text(), re.MULTILINE)

    assert {(int(code), meaning) for code, meaning in rows} == {(each.value, each.meaning) for each in ExitCode}


def test_no_command_ends_with_a_code_that_is_not_in_the_table() -> None:
    for file in CLI.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Exit":
                for code in node.args:
                    assert not isinstance(code, ast.Constant) or code.value in {*ExitCode}, f"{file}:{node.lineno}"


def test_each_end_of_a_saga_has_a_code_of_its_own() -> None:
    codes = [end_code(status) for status in (*ENDED, saga_pb2.STATUS_SUSPENDED, saga_pb2.STATUS_RUNNING)]

    assert len({*codes}) == len(codes)
    assert end_code(saga_pb2.STATUS_COMPLETED) is ExitCode.DONE
