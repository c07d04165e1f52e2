"""A participant that is killed inside of a call: ``python -m tests.integration.participant.dying FOLDER KIND``."""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.participant import Kind, connection
from orchestrator.participant.driving import answer
from orchestrator.participant.metadata import CallMetadata
from orchestrator.participant.steps import Call
from tests.integration.participant.counter import driver_records


def call(kind: Kind) -> Call:
    return Call(kind, "Add", b"request", CallMetadata("key"))


def add() -> bytes:
    connection().execute("INSERT INTO effects (name) VALUES ('effect')")
    return b"reply"


def main(folder: Path, kind: Kind) -> None:
    def run() -> bytes:
        if kind is not Kind.FOREIGN:
            add()
        sys.stdout.write("inside\n")
        sys.stdout.flush()
        sys.stdin.read()
        return b"too late"

    answer(call(kind), driver_records(folder), run)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Kind(sys.argv[2]))
