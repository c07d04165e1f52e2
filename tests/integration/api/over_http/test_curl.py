"""The API over HTTP from a terminal: the commands of the README, against a real orchestrator."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.integration.api.over_http.conftest import order_document
from tests.support.served import served, token_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Terminal(NamedTuple):
    """A folder with an order in it, and the address of an orchestrator."""

    folder: Path
    address: str

    def curl(self, *arguments: str) -> str:
        command = ["curl", "--silent", "--show-error", "--max-time", "20", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    folder = tmp_path_factory.mktemp("curl")
    (folder / "order.json").write_text(json.dumps(order_document()))
    with served(folder) as orchestrator:
        yield Terminal(folder, orchestrator.console)
    assert "Traceback" not in "".join(orchestrator.said)


def test_curl_starts_an_order_from_a_file(terminal: Terminal) -> None:
    token = ("--oauth2-bearer", token_of("starter"))
    order = json.loads(terminal.curl(*token, "-d", "@order.json", f"{terminal.address}/v1/orders"))["order"]
    shown = json.loads(terminal.curl(*token, f"{terminal.address}/v1/orders/{order['orderId']}"))["order"]
    assert (shown["orderId"], shown["customerId"]) == (order["orderId"], "ada")
    listed = json.loads(terminal.curl(*token, f"{terminal.address}/v1/orders?customerId=ada&pageSize=10"))["orders"]
    assert order["orderId"] in {each["orderId"] for each in listed}


def test_curl_follows_an_order_line_by_line(terminal: Terminal) -> None:
    token = ("--oauth2-bearer", token_of("admin"))
    order_id = json.loads(terminal.curl(*token, "-d", "@order.json", f"{terminal.address}/v1/orders"))["order"][
        "orderId"
    ]
    command = ["curl", "--silent", "--no-buffer", *token, f"{terminal.address}/v1/orders/{order_id}:watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout
        first = json.loads(following.stdout.readline())["result"]["order"]
        following.terminate()
    assert first["orderId"] == order_id


def test_without_a_token_curl_is_told_what_to_send(terminal: Terminal) -> None:
    told = json.loads(terminal.curl("-d", "@order.json", f"{terminal.address}/v1/orders"))
    assert (told["status"], told["reason"]) == (401, "NO_CREDENTIALS")
