"""A trace is told once, however often the orchestrator is restarted."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING

from orchestrator.shop.demo.addresses import Addresses, settings_removed
from orchestrator.shop.demo.otlp import Collector, orphans, roots
from orchestrator.shop.demo.processes import Processes
from orchestrator.shop.demo.procfile import ORCHESTRATOR, SERVICES
from tests.acceptance.conftest import PATIENCE, buf_curl, order
from tests.support.tokens import keep_token

if TYPE_CHECKING:
    from pathlib import Path


def test_a_drained_orchestrator_tells_nothing_again_and_a_killed_one_its_last_moments_at_most(tmp_path: Path) -> None:
    addresses = Addresses.free()
    keep_token(tmp_path)
    with Collector() as collector:
        environment = {
            **settings_removed(os.environ),
            **addresses.environment,
            **collector.environment,
            "STATE_DIR": str(tmp_path),
        }

        def serving(processes: Processes, *where: str) -> None:
            processes.start()
            asyncio.run(asyncio.wait_for(processes.serving(where), PATIENCE))

        with (
            Processes(environment, tmp_path / "log", *SERVICES) as services,
            Processes(environment, tmp_path / "log", ORCHESTRATOR) as orchestrator,
        ):
            serving(services, *addresses.services.values())
            serving(orchestrator, addresses.orchestrator)
            url = f"http://{addresses.orchestrator}/shop.order.v1.OrderService/StartOrder"
            assert buf_curl(url, "-d", json.dumps(order())).code == 0
            for _ in range(2):
                orchestrator.stop()
                serving(orchestrator, addresses.orchestrator)
            orchestrator.stop()
            (trace,) = collector.traces.values()
            assert (len(roots(trace)), orphans(trace), collector.copies) == (1, (), 0)

            serving(orchestrator, addresses.orchestrator)
            orchestrator.kill()
            serving(orchestrator, addresses.orchestrator)
            orchestrator.stop()
            assert collector.conflicts == []
            told_after_the_crash = collector.copies
            serving(orchestrator, addresses.orchestrator)
            orchestrator.stop()
            assert collector.copies == told_after_the_crash
