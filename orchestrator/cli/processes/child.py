"""What a replica knows of the process that started it: its standard input is a socket to that parent.

The end of that socket is the end of the parent, however the parent ended: so no replica outlives it. This works on
every system, where a signal at the parent's death (``PR_SET_PDEATHSIG``) is Linux's alone and comes without a drain.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_STDIN: Final = 0
LISTENING: Final = b"\n"
"""What a replica tells its parent once it takes calls."""

_log = logging.getLogger("orchestrator")


class ParentProcess:
    """The other end of the socket on standard input."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=_STDIN)
        self._socket.setblocking(False)

    def watch(self, gone: Callable[[], object]) -> None:
        """Call this once in the running loop when the parent has ended."""
        loop = asyncio.get_running_loop()

        def read() -> None:
            loop.remove_reader(self._socket)
            _log.warning("the parent process has ended")
            gone()

        loop.add_reader(self._socket, read)

    def tell_listening(self) -> None:
        """Tell the parent that this replica takes calls; a parent that has ended need not know."""
        try:
            self._socket.send(LISTENING)
        except OSError:
            return
