"""`orchestrator simulate`: how fast, how it ended, and where to look."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from google.protobuf.json_format import MessageToJson
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.testing.samples import Sampler
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.unit.simulation.engine_flaws import compensations_are_reordered
from tests.unit.testing.matrix import selling_saga

if TYPE_CHECKING:
    from typer.testing import Result


def simulate(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["simulate", *arguments], catch_exceptions=False)


def test_a_run_tells_how_many_sagas_were_simulated_per_second() -> None:
    told = simulate("--seeds", "3", "--start", "4")

    assert told.exit_code == 0
    assert re.fullmatch(
        r"3 worlds, \d+ sagas: [\w ,]+; [\d,]+ sagas simulated per second; "
        r"every promise was kept with the seeds 4 to 6\n",
        told.stdout,
    )


SELL = "tests.unit.testing.matrix.selling_saga"
PARENT = "tests.unit.testing.matrix.parent_sagas"


def test_a_users_sagas_are_simulated_instead_of_ours() -> None:
    told = simulate("--sagas", PARENT, "--saga", "sell", "--seeds", "2")
    shown = simulate("--sagas", PARENT, "--saga", "sell", "--seed", "1")

    assert told.exit_code == shown.exit_code == 0, told.output
    assert "every promise was kept" in told.stdout
    assert "RewardsService" not in told.stdout
    assert "CreditPoints" in shown.stdout
    assert "ArrangeShipment" not in shown.stdout, "which only our own sagas send"


def test_a_users_saga_that_breaks_a_promise_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(selling_saga.__file__).read_text()
    flawed = source.replace("order_id=order_id, lines=order.lines", "order_id=str(time.time_ns()), lines=order.lines")
    (tmp_path / "flawed_sagas.py").write_text(
        flawed.replace("import dataclasses\n", "import dataclasses\nimport time\n")
    )
    monkeypatch.syspath_prepend(tmp_path)
    told = simulate("--sagas", "flawed_sagas", "--seeds", "50")

    assert told.exit_code == 1
    assert re.search(r"8\. Replay is silent: \S+ is suspended", told.stderr)
    assert "orchestrator simulate --sagas flawed_sagas --seed" in told.stderr


def test_an_input_and_replies_are_read_from_files(tmp_path: Path) -> None:
    order, examples = tmp_path / "order.json", tmp_path / "examples.json"
    order.write_text(MessageToJson(Sampler("file").message(StartOrderRequest)))
    examples.write_text('{"CapturePayment": {"payment_id": "P"}}')
    told = simulate("--sagas", SELL, "--input", str(order), "--examples", str(examples), "--seeds", "2")

    assert told.exit_code == 0, told.output


def test_a_saga_that_never_completes_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(selling_saga.__file__).read_text()
    (tmp_path / "refusing_sagas.py").write_text(
        source.replace(
            "    order_id, customer_id =", '    raise SagaRejected("NO", "rather not")\n    order_id, customer_id ='
        ).replace("from orchestrator import best_effort", "from orchestrator import SagaRejected, best_effort")
    )
    monkeypatch.syspath_prepend(tmp_path)
    told = simulate("--sagas", "refusing_sagas", "--seeds", "2")

    assert told.exit_code == 0, told.output
    assert "note: sell v1 has never completed; give an --input or --examples with which it does" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--sagas", "nowhere"), 2, "there is no module 'nowhere'"),
        (("--sagas", "json"), 2, "module json holds no saga"),
        (("--sagas", SELL, "--saga", "buy"), 2, "there is no saga 'buy'; there are: sell v1"),
        (("--sagas", SELL, "--input", "nowhere.json"), 1, "nowhere.json"),
        (
            ("--sagas", PARENT, "--input", "order.json"),
            2,
            "--input and --examples are for one saga; name it with --saga",
        ),
    ],
)
def test_what_cannot_be_simulated_is_told_in_one_line(arguments: tuple[str, ...], code: int, said: str) -> None:
    told = simulate(*arguments)

    assert told.exit_code == code
    assert told.stderr.startswith("error: ")
    assert said in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_one_seed_is_told_event_by_event() -> None:
    told = simulate("--seed", "4")

    assert told.exit_code == 0
    assert "opened" in told.stdout.splitlines()[0]
    assert "seed 4: " in told.stdout
    assert told.stdout.endswith("every promise was kept\n")


def test_the_first_seed_that_breaks_a_promise_is_explained_and_ends_the_run() -> None:
    with compensations_are_reordered():
        told = simulate("--seeds", "50")
        (seed,) = set(re.findall(r"seed (\d+) breaks", told.stderr))
        again = simulate("--seed", seed)

    assert told.exit_code == again.exit_code == 1
    assert "5. Compensations run in reverse order of start: saga-" in told.stderr
    assert f"orchestrator simulate --seed {seed}" in told.stderr
    (saga_id,) = set(re.findall(r"start: (saga-\d+)", told.stderr))
    others = set(re.findall(r"\bsaga-\d+", told.stdout)) - {saga_id}
    assert saga_id in told.stdout
    assert all(saga_id in line for line in told.stdout.splitlines() if any(other in line for other in others))
    assert set(told.stdout.splitlines()) <= set(again.stdout.splitlines()), "the same world, as far as it matters"
