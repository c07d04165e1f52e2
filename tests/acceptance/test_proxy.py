"""A company's proxy in the environment is not asked for what is on this machine."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from orchestrator.shop.demo.addresses import Addresses, settings_removed
from orchestrator.shop.demo.otlp import Collector
from orchestrator.shop.demo.processes import Processes
from orchestrator.shop.demo.procfile import ORCHESTRATOR
from tests.acceptance.conftest import BIN, PATIENCE, buf_curl, run
from tests.support.tokens import keep_token

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = "http://127.0.0.1:9"
PROXY = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "grpc_proxy"), NOBODY)
ORDER = """{"customerId": "alice", "email": "alice@shop.example", "lines": [{"sku": "MUG-BLUE", "quantity": 1}],
"shipTo": {"name": "A", "street": "S 1", "city": "Berlin", "postalCode": "10115", "country": "DE"},
"cardToken": "tok_visa"}"""


def test_sagas_traces_and_commands_need_no_proxy_on_loopback(tmp_path: Path) -> None:
    addresses = Addresses.free()
    with Collector() as collector:
        environment = {
            **settings_removed(os.environ),
            **addresses.environment,
            **collector.environment,
            **PROXY,
            "STATE_DIR": str(tmp_path),
        }
        names = ("product", "inventory", ORCHESTRATOR)
        keep_token(tmp_path)
        with Processes(environment, tmp_path / "processes.log", *names) as processes:
            processes.start()
            where = [addresses.all[name] for name in names]
            asyncio.run(asyncio.wait_for(processes.serving(where), PATIENCE))
            url = f"http://{addresses.orchestrator}/shop.order.v1.OrderService/StartOrder"
            assert buf_curl(url, "-d", ORDER).code == 0
            listed = run(str(BIN / "orchestrator"), "list", "--address", addresses.orchestrator, **PROXY)
            assert listed.code == 0, listed.err
            # The participant's span, and the orchestrator's of the same call.
            collector.wait_for(lambda spans: {"product", "orchestrator"} <= {span.service for span in spans})
