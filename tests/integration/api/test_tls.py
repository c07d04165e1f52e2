"""A real orchestrator whose API has TLS, and the command line that connects to it."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.pages import PAGES
from tests.support.certificate_files import Authority, Files, put
from tests.support.processes import PATIENCE, end
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NAME = "orchestrator.example"
SUBJECTS = b"ada:\n  certificate: ada.example\n  roles: [viewer]\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


async def spawn(state: Path, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator", *arguments),
        cwd=ROOT,
        env=os.environ | {"STATE_DIR": str(state), "COLUMNS": "200"} | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@asynccontextmanager
async def serving(state: Path, **environment: str) -> AsyncIterator[tuple[str, list[str]]]:
    """An orchestrator; its port on this machine, and what it has said."""
    settings = {"ORCHESTRATOR_JOURNAL": "memory:", "ORCHESTRATOR_SAGAS": "orchestrator.shop"} | environment
    process = await spawn(state, "serve", "--no-drift-check", **settings)
    said: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while not said or " listening on " not in said[-1]:
                assert process.stdout is not None
                line = await process.stdout.readline()
                assert line, said
                said.append(line.decode().rstrip())
        yield f"127.0.0.1:{said[-1].rpartition(':')[2]}", said
    finally:
        await end(process)


async def asked(state: Path, address: str, *options: str, **environment: str) -> tuple[int, str]:
    process = await spawn(state, "whoami", "--address", address, *options, **environment)
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode is not None
    return process.returncode, output.decode()


def options(files: Files, *, name: str = NAME) -> list[str]:
    mine = ["--tls-certificate", str(files.certificate), "--tls-key", str(files.key)]
    return ["--tls-ca", str(files.ca), *mine, "--tls-name", name]


async def test_who_connects_with_a_certificate_is_known_by_it_on_a_network_too(
    authority: Authority, tmp_path: Path
) -> None:
    subjects = tmp_path / "subjects.yaml"
    put(subjects, SUBJECTS)
    environment = authority.issue(NAME).environment("ORCHESTRATOR_") | {"ORCHESTRATOR_SUBJECTS": str(subjects)}
    ada, eve = authority.issue("ada.example"), authority.issue("eve.example")
    stranger = Authority(tmp_path / "another").issue("ada.example")

    async with serving(tmp_path / "state", ORCHESTRATOR_LISTEN="0.0.0.0:0", **environment) as (address, said):
        known = await asked(tmp_path, address, *options(ada))
        variables = {
            "ORCHESTRATOR_CLIENT_TLS_CA": str(ada.ca),
            "ORCHESTRATOR_CLIENT_TLS_CERTIFICATE": str(ada.certificate),
            "ORCHESTRATOR_CLIENT_TLS_KEY": str(ada.key),
            "ORCHESTRATOR_CLIENT_TLS_NAME": NAME,
        }
        by_variables = await asked(tmp_path, address, **variables)
        unknown = await asked(tmp_path, address, *options(eve))
        misnamed = await asked(tmp_path, address, *options(ada, name="payment.example"))
        untrusted = await asked(tmp_path, address, *options(Files(stranger.certificate, stranger.key, ada.ca)))
        without = await asked(tmp_path, address, "--tls-ca", str(ada.ca), "--tls-name", NAME)
        plain = await asked(tmp_path, address)

    assert not [line for line in said if "INSECURE" in line]
    assert known == by_variables
    assert known[0] == 0
    assert "ada" in known[1]
    assert "certificate" in known[1]
    for (code, told), expected in (
        (unknown, "no subject has the certificate of eve.example"),
        (misnamed, f"its certificate is that of {NAME}, and payment.example was expected"),
        (untrusted, "take our certificate"),
        (without, "take a client without a certificate"),
        (plain, "name the authorities that you trust with --tls-ca"),
    ):
        assert code == 1
        assert expected in told


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ((), "without TLS and without a way to know who calls"),
        (("certificate", "key"), "without a way to know who calls"),
        (("certificate",), "ORCHESTRATOR_TLS_CERTIFICATE and ORCHESTRATOR_TLS_KEY are needed, both of them"),
    ],
    ids=["with nothing", "with TLS", "with half of it"],
)
async def test_an_orchestrator_on_a_network_does_not_start_without_tls_and_subjects(
    authority: Authority, tmp_path: Path, files: tuple[str, ...], told: str
) -> None:
    issued = authority.issue(NAME)._asdict()
    environment = {f"ORCHESTRATOR_TLS_{name.upper()}": str(issued[name]) for name in files}

    serve = ("serve", "--sagas", "orchestrator.shop", "--journal", "memory:", "--listen", "0.0.0.0:0")
    process = await spawn(tmp_path / "state", *serve, **environment)
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)

    assert process.returncode == 1
    assert told in output.decode()


async def test_the_steps_of_the_first_page_lead_to_an_orchestrator_with_tls(tmp_path: Path) -> None:
    [block] = [each for each in PAGES["README.md"].blocks("sh") if "trustme" in each.code]
    make, export, serve, look = block.commands
    variables = dict(pair.split("=") for pair in export.split()[1:])
    assert serve.startswith("orchestrator serve")
    tool = make.replace("python", sys.executable, 1)
    made = await asyncio.create_subprocess_shell(tool, cwd=tmp_path, stdout=asyncio.subprocess.DEVNULL)
    assert await made.wait() == 0

    environment = {name: str(tmp_path / path) for name, path in variables.items()}
    async with serving(tmp_path / "state", ORCHESTRATOR_LISTEN="127.0.0.1:0", **environment) as (address, _):
        command = [str(tmp_path / word) if word.startswith(".tls") else word for word in look.split()[1:]]
        process = await spawn(tmp_path / "state", *command, "--address", address)
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)

    assert process.returncode == 0, output.decode()
