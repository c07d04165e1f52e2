"""What is not needed is not imported: a participant loads neither the library, nor a protocol or store it has not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.repository import ROOT

LIBRARY = ["orchestrator.definition", "orchestrator.errors", "orchestrator.contract", "orchestrator.journal"]
HEAVY = ["sqlalchemy", "grpc", "google.protobuf", "google.rpc"]


def loaded(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_guard_loads_neither_the_library_nor_grpc_nor_sqlalchemy() -> None:
    assert not loaded("import orchestrator.participant") & {*LIBRARY, *HEAVY}


@pytest.mark.parametrize(
    ("module", "unneeded"),
    [
        ("guard", HEAVY),
        ("driving", HEAVY),
        ("asgi", HEAVY),
        ("drivers", HEAVY),
        ("engines", ["grpc", "google.protobuf", "google.rpc"]),
        ("aio", ["sqlalchemy"]),
        ("threads", ["sqlalchemy"]),
    ],
)
def test_a_module_of_the_guard_loads_what_it_is_for(module: str, unneeded: list[str]) -> None:
    assert not loaded(f"import orchestrator.participant.{module}") & {*LIBRARY, *unneeded}


def test_a_service_of_the_shop_loads_nothing_of_the_library() -> None:
    assert not loaded("import services.inventory.__main__") & {*LIBRARY}


def test_the_names_of_the_library_are_there_when_they_are_used() -> None:
    code = (
        "from orchestrator import *\nassert saga is not None and CommandRejected is not None\nimport orchestrator as o"
    )
    assert "orchestrator.definition" in loaded(f"{code}\nassert [getattr(o, name) for name in o.__all__]")


def test_a_name_that_the_library_does_not_have_is_an_error() -> None:
    code = "import orchestrator\ntry: orchestrator.nothing\nexcept AttributeError: pass\nelse: raise SystemExit(1)"
    assert loaded(code)


def test_the_wire_of_commands_over_a_queue_loads_neither_a_client_nor_grpc() -> None:
    modules = ["command", "dead_letter", "reply", "streams"]
    imports = "; ".join(f"import orchestrator.participant.queued.{module}" for module in modules)
    assert not loaded(imports) & {*LIBRARY, *HEAVY, "nats"}
