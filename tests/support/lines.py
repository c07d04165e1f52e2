"""What a process says, read as it is said: who writes into a pipe that is full stands still."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Lines:
    """The lines that come out of a pipe, each with its end, to be gone through once; it ends where the pipe does.

    Attributes:
        said: those that were gone through.
    """

    def __init__(self, pipe: IO[str]) -> None:
        self.said: list[str] = []
        self._coming: SimpleQueue[str] = SimpleQueue()
        self._reading = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reading.start()

    def _read(self, pipe: IO[str]) -> None:
        for line in pipe:
            self._coming.put(line)
        self._coming.put("")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._coming.get()
        if not line:
            self._coming.put("")
            raise StopIteration
        self.said.append(line)
        return line
