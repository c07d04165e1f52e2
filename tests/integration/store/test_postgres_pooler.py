"""Through a pooler in transaction mode: no statement relies on what an earlier one has left in its session."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ClaimLost, JournalUnavailable
from orchestrator.journal.state import Status
from orchestrator.ports.claims import Claim
from orchestrator.store.opening import open_store
from orchestrator.store.postgres.connecting import Connection
from tests.support.journals import EVERY_ENTRY, Writing, recovered
from tests.support.pgbouncer import pooled

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pooler_url(postgres_url: str) -> Iterator[str]:
    """A database through a pooler that has two connections to it."""
    with pooled(postgres_url, 2) as url:
        yield url


async def test_many_replicas_write_and_claim_through_a_pooler_with_fewer_connections(pooler_url: str) -> None:
    journals = await asyncio.gather(*(open_store(pooler_url) for _ in range(6)))
    pens = [
        Writing(journal, f"saga-{which}-{number}", owner=f"replica-{which}")
        for which, journal in enumerate(journals)
        for number in range(20)
    ]
    await asyncio.gather(*(writer.start() for writer in pens))
    await asyncio.gather(*(writer.write(recovered(number)) for number in range(5) for writer in pens))
    await asyncio.gather(*(journal.heartbeat(f"replica-{n}", 10**12) for n, journal in enumerate(journals)))
    await journals[0].release("replica-0")

    assert len(await journals[1].claim_unfinished("replica-1", 1000)) == 20
    with pytest.raises(ClaimLost):
        await pens[0].write(recovered(9))
    for writer in pens:
        assert await journals[2].read(writer.saga_id) == [EVERY_ENTRY[0], *map(recovered, range(5))]
    await asyncio.gather(*(journal.close() for journal in journals))


async def test_a_pooler_is_noticed_and_nothing_is_prepared_behind_it(pooler_url: str, postgres_url: str) -> None:
    through, direct = await Connection.open(pooler_url), await Connection.open(postgres_url)
    prepared = "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"
    for connection in (through, direct):
        for _ in range(3):
            await connection.fetch("SELECT 1")

    assert [tuple(row) for row in await through.fetch(prepared)] == [(0,)]
    ((number,),) = await direct.fetch(prepared)
    assert number > 0
    await through.close()
    await direct.close()


async def test_a_suspended_saga_is_claimed_and_goes_on_through_a_pooler(pooler_url: str) -> None:
    journal = await open_store(pooler_url)
    writer = Writing(journal)
    await writer.start()
    await writer.suspend()

    assert await journal.claim_resting("b", "saga-1") == Claim("saga-1", 2)
    await Writing(journal, owner="b", token=2, sequence=2).write(recovered(1), status=Status.COMPENSATING)
    await journal.close()


def signed_by_itself(folder: Path, name: str) -> Path:
    """A certificate for 127.0.0.1; its key lies beside it."""
    certificate = folder / name
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{certificate}.key", "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    Path(f"{certificate}.key").chmod(0o644)  # as root, the pooler runs as another user
    return certificate


@pytest.fixture
def certificates() -> Iterator[tuple[Path, Path]]:
    """That of a server, and another one."""
    folder = Path(tempfile.mkdtemp(prefix="saga-certificates-"))
    folder.chmod(0o755)
    yield signed_by_itself(folder, "server"), signed_by_itself(folder, "another")
    shutil.rmtree(folder)


async def test_a_server_is_trusted_by_the_root_that_the_url_names_and_by_no_other(
    postgres_url: str, certificates: tuple[Path, Path]
) -> None:
    server, another = certificates
    keys = {"client_tls_key_file": f"{server}.key", "client_tls_cert_file": str(server)}
    with pooled(postgres_url, 2, client_tls_sslmode="require", **keys) as url:
        journal = await open_store(f"{url}?sslmode=verify-full&sslrootcert={server}")
        await Writing(journal).start()
        await journal.close()

        with pytest.raises(JournalUnavailable, match="sslrootcert and the certificates"):
            await open_store(f"{url}?sslmode=verify-full&sslrootcert={another}")
        with pytest.raises(JournalUnavailable):
            await open_store(f"{url}?sslmode=disable")
