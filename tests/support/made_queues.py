"""The command that makes what commands need at a broker, as an operator gives it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from orchestrator.contract.addresses import NATS
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from tests.support.nats import NatsServer


def run_channels(
    server: NatsServer, prefix: str, *options: str, scheme: str = NATS, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``orchestrator channels`` for the whole shop."""
    places = [
        f"shop.{name}.v1.{name.title()}Service={scheme}://{server.address}/{prefix}" for name in ("inventory", "email")
    ]
    environment = {**os.environ, "ORCHESTRATOR_PARTICIPANTS": ",".join(places), **environment}
    command = [sys.executable, "-m", "orchestrator", "channels", *options, "--sagas", "orchestrator.shop"]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
