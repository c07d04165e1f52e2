"""The parent's own program.

Its arguments: how many, ``host:port`` of the API, that of the console, patience, level and format of its log, and those
of each replica.

``orchestrator serve`` turns into it (exec). By then the command line has imported gRPC, and nothing of that is left.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from orchestrator.cli.processes.parent import ParentOfReplicas
from orchestrator.cli.processes.port import hold_port
from orchestrator.errors import SettingsError
from orchestrator.observability.logs import configure_logs

if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> int:
    """Run the replicas; the exit code."""
    count, address, console, patience, level, form, *arguments = sys.argv[1:]
    configure_logs(level, form=form)
    with ExitStack() as stack:
        try:
            held, taken = hold_port(address)
            stack.enter_context(closing(held))
            if console:
                held, console = hold_port(console, variable="ORCHESTRATOR_CONSOLE_LISTEN")
                stack.enter_context(closing(held))
        except SettingsError as error:
            sys.exit(f"error: {error}")
        logging.getLogger("orchestrator").info("starting %s replicas on %s", count, taken)
        # Safe path (-P): a folder of the user that is called as ours is not taken for ours.
        command = [sys.executable, "-P", "-m", "orchestrator", *arguments, "--listen", taken]
        command += ["--console-listen", console]
        return asyncio.run(_run(int(count), command, float(patience)))


async def _run(count: int, command: Sequence[str], patience: float) -> int:
    return await ParentOfReplicas(count, command, patience=patience).run()


if __name__ == "__main__":
    sys.exit(main())
