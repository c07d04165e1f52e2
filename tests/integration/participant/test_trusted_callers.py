"""Each form of the guard refuses callers whom it is not told to trust, before anything else is done."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from orchestrator.participant import Kind
from orchestrator.participant.asgi import GuardMiddleware
from orchestrator.participant.engines import AsyncEngineRecords
from orchestrator.participant.security.trust import TrustedCallers
from tests.integration.participant.counter import Counter, call, serving
from tests.support.certificate_files import Authority, put

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.participant.asgi import Message, Receive, Scope, Send

ORCHESTRATOR = {"authorization": "Bearer saga_orchestrator"}
OPERATOR = {"authorization": "Bearer saga_operator"}
STRANGER = {"authorization": "Bearer saga_another"}


@pytest.fixture
def trusts(tmp_path: Path) -> TrustedCallers:
    hashes = {role: hashlib.sha256(f"saga_{role}".encode()).hexdigest() for role in ("orchestrator", "operator")}
    lines = [f"{role} sha256={fingerprint}" for role, fingerprint in hashes.items()]
    put(tmp_path / "callers", "\n".join([*lines, "orchestrator certificate=orchestrator.example"]).encode())
    return TrustedCallers(tmp_path / "callers")


@pytest.mark.parametrize("form", ["coroutines", "functions", "threads"])
async def test_each_form_of_grpc_lets_in_whom_it_is_told_to_trust(
    form: str, trusts: TrustedCallers, tmp_path: Path
) -> None:
    counter = Counter()
    undo = {"compensates": "k"}
    async with serving(form, counter, tmp_path, trusts) as channel:
        for said in ({}, STRANGER, OPERATOR):
            refused = await call(channel, "Add", key="k", said=said)
            assert (refused.code, refused.echo) == ("PERMISSION_DENIED", ())
        for said in ({**undo}, {**STRANGER, **undo}, {**OPERATOR, **undo}, ORCHESTRATOR):
            assert (await call(channel, "Remove", key="u", said=said)).code == "PERMISSION_DENIED"
        assert (await call(channel, "Show", said={"verifies": "k"})).code == "PERMISSION_DENIED"
        assert counter.runs == 0

        assert (await call(channel, "Add", key="k", said=ORCHESTRATOR)).code == "OK"
        assert (await call(channel, "Show")).value == 1
        assert (await call(channel, "Remove", said=OPERATOR)).code == "OK"
        assert (await call(channel, "Show")).value == 0


async def test_an_asgi_application_lets_in_by_token_and_by_the_certificate_that_its_server_tells_of(
    trusts: TrustedCallers, tmp_path: Path
) -> None:
    runs = 0

    async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
        nonlocal runs
        runs += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/rooms.db")
    records = AsyncEngineRecords(engine)
    await records.create_table()
    guarded = GuardMiddleware(application, records, {("POST", "/rooms"): Kind.COMMAND}, trusts=trusts)

    async def sent(headers: dict[str, str], certificate: str = "") -> tuple[int, Any]:
        answered: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        async def send(message: Message) -> None:
            answered.append(message)

        scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": "/rooms",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "extensions": {"tls": {"client_cert_chain": [certificate] if certificate else []}},
        }
        await guarded(scope, receive, send)
        return answered[0]["status"], json.loads(answered[1]["body"])

    ours, another = (Authority(tmp_path).issue(name) for name in ("orchestrator.example", "another.example"))
    refusals = [await sent({}), await sent(STRANGER), await sent({}, another.certificate.read_text())]
    assert [(status, problem["reason"]) for status, problem in refusals] == [(403, "CALLER_NOT_TRUSTED")] * 3
    assert runs == 0

    assert (await sent(ORCHESTRATOR))[0] == 200
    assert (await sent({}, ours.certificate.read_text()))[0] == 200
    assert runs == 2
    await engine.dispose()
