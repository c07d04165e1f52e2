"""A caller who is known by a client certificate that the server has verified, over real TLS."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
import pytest
from cryptography import x509

from orchestrator.access.authentication import Authentication
from orchestrator.access.fingerprints import fingerprint
from orchestrator.access.subject import current
from orchestrator.access.subjects_file import SubjectsFile
from orchestrator.api.calls.access_interceptor import AccessInterceptor
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.channels.grpc.bearer import with_token
from orchestrator.contract.access import Role
from tests.support.certificate_files import Authority, Files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PATH: Final = "/toy.v1.ToyService/WhoAmI"
SUBJECTS: Final = f"""
by-uri: {{certificate: 'spiffe://shop.example/checkout', roles: [viewer]}}
by-dns: {{certificate: checkout.shop.example, roles: [viewer]}}
by-common-name: {{certificate: checkout, roles: [viewer]}}
starter: {{certificate: starter, roles: []}}
by-token: {{sha256: {fingerprint("saga_token")}, roles: [viewer]}}
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whose certificates the server takes."""
    return Authority(tmp_path / "authority")


@pytest.fixture
async def address(tmp_path: Path, authority: Authority) -> AsyncIterator[str]:
    (tmp_path / "subjects.yaml").write_text(SUBJECTS)
    authentication = Authentication(SubjectsFile(tmp_path / "subjects.yaml", lambda: 0))
    server = grpc.aio.server(interceptors=[AccessInterceptor(authentication, {PATH: (Role.VIEWER,)}, SystemClock())])

    async def who_am_i(_request: bytes, _context: object) -> bytes:
        return f"{current().name}, {current().authority}".encode()

    handlers = {"WhoAmI": grpc.unary_unary_rpc_method_handler(who_am_i, bytes, bytes)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("toy.v1.ToyService", handlers),))
    own = authority.issue("localhost", "127.0.0.1")
    credentials = grpc.ssl_server_credentials(
        [(own.key.read_bytes(), own.certificate.read_bytes())], authority.pem(), require_client_auth=True
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def asked(address: str, client: Files, token: str = "") -> str:
    credentials = grpc.ssl_channel_credentials(
        *(file.read_bytes() for file in (client.ca, client.key, client.certificate))
    )
    async with grpc.aio.secure_channel(address, credentials, interceptors=with_token(token)) as channel:
        rpc: Any = channel.unary_unary(PATH)
        answer: bytes = await rpc(b"")
        return answer.decode()


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("by-uri", (x509.UniformResourceIdentifier("spiffe://shop.example/checkout"),)),
        ("by-dns", (x509.DNSName("other.example"), x509.DNSName("checkout.shop.example"))),
        ("by-common-name", ()),
    ],
)
async def test_a_subject_is_known_by_a_name_in_its_certificate(
    address: str, authority: Authority, name: str, names: tuple[x509.GeneralName, ...]
) -> None:
    assert await asked(address, authority.certify("checkout", *names)) == f"{name}, certificate"


async def test_a_certificate_of_nobody_is_refused_and_named(address: str, authority: Authority) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match=r"no subject has the certificate of nobody\.example\"") as refused:
        await asked(address, authority.certify("nobody", x509.DNSName("nobody.example")))

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_common_name_says_nothing_beside_alternative_names(address: str, authority: Authority) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match=r"the certificate of other\.example\""):
        await asked(address, authority.certify("checkout", x509.DNSName("other.example")))


async def test_a_certificate_without_a_role_opens_nothing(address: str, authority: Authority) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="but have no role; WhoAmI needs viewer"):
        await asked(address, authority.certify("starter"))


async def test_a_certificate_of_another_authority_does_not_come_in(
    address: str, authority: Authority, tmp_path: Path
) -> None:
    unknown = Authority(tmp_path / "another").certify("checkout")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asked(address, unknown._replace(ca=authority.certify("checkout").ca))

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_the_token_of_a_person_counts_before_the_certificate_of_a_proxy(
    address: str, authority: Authority
) -> None:
    proxy = authority.certify("checkout")

    assert await asked(address, proxy, "saga_token") == "by-token, token file"
    with pytest.raises(grpc.aio.AioRpcError, match="not one that this orchestrator trusts"):
        await asked(address, proxy, "saga_wrong")


class Later(datetime):
    """The time when certificates of today have ended."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Later:
        return cls.fromtimestamp(datetime.now(tz).timestamp() + timedelta(days=1000).total_seconds(), tz)


@pytest.mark.parametrize("token", ["", "saga_token"])
async def test_a_certificate_that_has_ended_opens_nothing_on_the_connection_that_it_made(
    address: str, authority: Authority, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    client = authority.certify("checkout")
    credentials = grpc.ssl_channel_credentials(
        *(file.read_bytes() for file in (client.ca, client.key, client.certificate))
    )
    async with grpc.aio.secure_channel(address, credentials, interceptors=with_token(token)) as channel:
        rpc: Any = channel.unary_unary(PATH)
        assert await rpc(b"")
        monkeypatch.setattr("orchestrator.participant.security.certificates.datetime", Later)

        with pytest.raises(grpc.aio.AioRpcError, match="the client certificate has ended") as refused:
            await rpc(b"")

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
