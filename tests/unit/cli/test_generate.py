"""What ``orchestrator generate`` writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]


def stubs_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.suffix in {".py", ".pyi"}
    }


def test_the_committed_stubs_are_those_of_the_contracts(
    orchestrator: Callable[..., Any], protos: Path, tmp_path: Path
) -> None:
    answer = orchestrator("generate", "--protos", str(protos), "--out", "stubs")

    count = len(list(protos.rglob("*.proto")))
    assert answer.code == 0, answer.err
    assert answer.out == f"stubs: the stubs of {count} .proto files are up to date\n"
    assert stubs_in(tmp_path / "stubs") == stubs_in(ROOT / "generated")


def test_a_second_run_touches_nothing_and_a_removed_contract_takes_its_stubs_along(
    orchestrator: Callable[..., Any], tmp_path: Path
) -> None:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    for name in ("ferry", "train"):
        (contracts / f"{name}.proto").write_text(f'syntax = "proto3"; package {name}; message Seat {{}}')
    orchestrator("generate", "--protos", "contracts", "--out", "stubs")
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "stubs").glob("ferry*")}

    (contracts / "train.proto").unlink()
    orchestrator("generate", "--protos", "contracts", "--out", "stubs")

    left = {path: path.stat().st_mtime_ns for path in (tmp_path / "stubs").iterdir()}
    assert left == written


def test_stubs_that_come_from_elsewhere_are_left_alone(orchestrator: Callable[..., Any], tmp_path: Path) -> None:
    contract = tmp_path / "contracts/ferry/v1/ferry.proto"
    contract.parent.mkdir(parents=True)
    contract.write_text('syntax = "proto3"; package ferry.v1; message Seat {}')
    installed = tmp_path / ".venv/lib/site-packages/google/type/money_pb2.py"
    installed.parent.mkdir(parents=True)
    installed.touch()
    stale = tmp_path / "ferry/v1/train_pb2.pyi"
    stale.parent.mkdir(parents=True)
    stale.touch()

    orchestrator("generate", "--protos", "contracts", "--out", ".")

    assert installed.exists()
    assert not stale.exists()


def test_a_folder_that_does_not_exist_is_one_line_and_code_2(orchestrator: Callable[..., Any]) -> None:
    answer = orchestrator("generate", "--protos", "nowhere")

    assert answer.code == 2
    assert answer.err == "error: --protos nowhere: there is no such folder\n"
