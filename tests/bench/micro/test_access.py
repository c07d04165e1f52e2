"""Who calls, and may they? What each call pays for that, by the way in which its caller is known.

The context is gRPC's, but for gRPC: what it hands over is made once. ``nothing`` is the loop alone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from cryptography import x509

from orchestrator.access.authentication import Authentication
from orchestrator.access.local_token import LocalToken
from orchestrator.access.signed_tokens import SignedTokens, TokenRules
from orchestrator.access.subjects_file import SubjectsFile
from orchestrator.access.trusted_keys import KeysInFile
from orchestrator.api.calls.access_interceptor import Door
from orchestrator.api.calls.refusal_log import RefusalLog
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.contract.access import Role
from tests.support.certificate_files import Authority
from tests.support.identity_provider import AUDIENCE, ISSUER, SigningKey, jwks
from tests.support.served import entry, token_of
from tests.support.tokens import TOKEN, keep_token

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

SUBJECTS: Final = 1000
NAME: Final = "spiffe://shop.example/checkout"


class Call:
    """A call that brings a token, or a certificate."""

    def __init__(self, token: str = "", certificate: bytes = b"") -> None:
        self._metadata = (("user-agent", "grpc"), *((("authorization", f"Bearer {token}"),) if token else ()))
        self._shown = {"x509_pem_cert": [certificate]} if certificate else {}

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata

    def auth_context(self) -> dict[str, list[bytes]]:
        return self._shown

    def peer(self) -> str:
        return "ipv4:127.0.0.1:40312"


def local(folder: Path) -> tuple[Authentication, Call]:
    keep_token(folder)
    return Authentication(local=LocalToken(folder, "ada")), Call(TOKEN)


def _subjects(folder: Path) -> Authentication:
    file = folder / "subjects.yaml"
    several = [entry(f"subject-{number}", "operator") for number in range(SUBJECTS)]
    file.write_text("".join([*several, f"checkout: {{certificate: '{NAME}', roles: [operator]}}\n"]))
    return Authentication(SubjectsFile(file, time.time_ns))


def one_of_many(folder: Path) -> tuple[Authentication, Call]:
    return _subjects(folder), Call(token_of("subject-700"))


def certificate(folder: Path) -> tuple[Authentication, Call]:
    issued = Authority(folder / "authority").certify("checkout", x509.UniformResourceIdentifier(NAME))
    return _subjects(folder), Call(certificate=issued.certificate.read_bytes())


def signed(folder: Path) -> tuple[Authentication, Call]:
    key, file = SigningKey("key"), folder / "keys.json"
    file.write_text(jwks([key]))
    tokens = SignedTokens(KeysInFile(file), TokenRules(ISSUER, AUDIENCE), time.time_ns)
    return Authentication(signed=tokens), Call(key.token(expires_at=time.time() + 3600, roles=["operator"]))


@pytest.mark.benchmark(group="access")
@pytest.mark.parametrize("known_by", [local, one_of_many, certificate, signed], ids=lambda each: each.__name__)
def test_a_call_that_is_let_in(
    benchmark: BenchmarkFixture,
    loop: asyncio.AbstractEventLoop,
    tmp_path: Path,
    known_by: Callable[[Path], tuple[Authentication, Any]],
) -> None:
    authentication, call = known_by(tmp_path)
    door = Door(authentication, "/saga.v1.SagaService/CancelSaga", (Role.OPERATOR,), RefusalLog(), SystemClock())
    benchmark(lambda: loop.run_until_complete(door.admit(call)))


@pytest.mark.benchmark(group="access")
def test_a_signed_token_that_was_not_seen_before(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, tmp_path: Path
) -> None:
    authentication, call = signed(tmp_path)
    door = Door(authentication, "/saga.v1.SagaService/CancelSaga", (Role.OPERATOR,), RefusalLog(), SystemClock())
    assert authentication._signed
    kept = authentication._signed._verified

    def admit() -> None:
        kept.clear()
        loop.run_until_complete(door.admit(call))  # type: ignore[arg-type]  # it has all that is asked of a context

    benchmark(admit)


@pytest.mark.benchmark(group="access")
def test_nothing(benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop) -> None:
    async def nothing() -> None:
        pass

    benchmark(lambda: loop.run_until_complete(nothing()))
