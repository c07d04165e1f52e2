"""Ends the process, with the exit code that the command has said.

The threads of Temporal's client hold the interpreter for a moment after their last answer. An interpreter that ends in
that moment aborts the process ("Fatal Python error: PyGILState_Release"), and the exit code is 134. So this function
writes what is buffered, and ends the process without ending the interpreter.
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
