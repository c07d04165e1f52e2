"""Ends the process, with the exit code that the command has said.

Where the client of Temporal was used, its threads may still be about to let go of the interpreter. If that ends
meanwhile, the process is aborted ("Fatal Python error: PyGILState_Release"), and its exit code is 134. So nothing is
taken down then: what is buffered is written, and the process is gone.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

from orchestrator.cli.output.exit import ExitCode

_CLIENT = "temporalio.bridge"


def leave(end: SystemExit) -> NoReturn:
    """End the process as ``end`` says.

    Raises:
        SystemExit: that one, where no such threads are there.
    """
    if _CLIENT not in sys.modules or not isinstance(end.code, int | None):
        raise end
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # nobody reads it any more
            continue
    os._exit(ExitCode.DONE if end.code is None else end.code)
