"""With which exit code a command ends that has followed a saga: by the status of the saga."""

from __future__ import annotations

from typing import Final

from orchestrator.cli.output.exit import ExitCode
from saga.v1 import saga_pb2

_CODES: Final[dict[int, ExitCode]] = {
    saga_pb2.STATUS_COMPLETED: ExitCode.DONE,
    saga_pb2.STATUS_COMPENSATED: ExitCode.COMPENSATED,
    saga_pb2.STATUS_PARTIALLY_COMPENSATED: ExitCode.PARTIALLY_COMPENSATED,
    saga_pb2.STATUS_SUSPENDED: ExitCode.SUSPENDED,
}


def end_code(status: int) -> ExitCode:
    """The code for a saga that was followed until it had this status."""
    return _CODES.get(status, ExitCode.STILL_GOING)
