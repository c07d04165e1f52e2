"""Every rpc x every kind of caller, over gRPC and over HTTP: made from the contracts, asked of a real orchestrator.

Each call brings bytes that are no message. So a caller who is let in is told INVALID_ARGUMENT by every rpc, of any
shape, at once; and a caller who is not is refused before anything is read.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import grpc
import httpx2
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_status import rpc_status

from orchestrator.channels.grpc.reflection import V1, V1ALPHA
from orchestrator.contract.access import Role, roles_of
from orchestrator.participant.http_answers import PROBLEM, STATUSES
from orchestrator.participant.transcoding import Rule
from saga.v1 import (
    access_service_pb2,
    bulk_service_pb2,
    definition_service_pb2,
    event_service_pb2,
    figures_service_pb2,
    saga_service_pb2,
    schedule_service_pb2,
)
from saga.v1.saga_service_pb2 import ListSagasRequest
from shop.order.v1 import order_service_pb2
from tests.support.identity_provider import AUDIENCE, ISSUER, SigningKey, jwks
from tests.support.served import ROLES, entry, served, subjects_of_every_role, token_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.protobuf.descriptor import MethodDescriptor

NO_MESSAGE: Final = b"\x0a\xff"
PATIENCE: Final = 60
FILES: Final = (
    access_service_pb2,
    bulk_service_pb2,
    definition_service_pb2,
    event_service_pb2,
    figures_service_pb2,
    saga_service_pb2,
    schedule_service_pb2,
    order_service_pb2,
)

INCLUDED: Final = {
    "viewer": {"VIEWER"},
    "starter": {"STARTER", "VIEWER"},
    "operator": {"OPERATOR", "VIEWER"},
    "approver": {"APPROVER", "VIEWER"},
    "admin": {"ADMIN", "APPROVER", "OPERATOR", "STARTER", "VIEWER"},
}
"""What each role may, as the contract says it; written here once more, because the code is what is tested."""

REFUSED: Final = {
    "no credentials": "NO_CREDENTIALS",
    "wrong": "TOKEN_NOT_KNOWN",
    "wrong scheme": "NO_TOKEN",
    "expired": "TOKEN_EXPIRED",
    "signed by somebody": "TOKEN_NOT_KNOWN",
    "signed, and expired": "TOKEN_EXPIRED",
    "signed, for another audience": "WRONG_AUDIENCE",
    "signed, by another issuer": "WRONG_ISSUER",
}
BOTH: Final = "signed operator+starter"
CALLERS: Final = (*REFUSED, *INCLUDED, *(f"signed {role}" for role in INCLUDED), BOTH)


class Rpc(NamedTuple):
    """One rpc of the API: its path, its shape, and the roles that it needs; none where everybody may call it."""

    path: str
    client_streams: bool
    server_streams: bool
    roles: frozenset[str]

    @classmethod
    def of(cls, method: MethodDescriptor, service: str = "", *roles: str) -> Rpc:
        needed = {role.name for role in roles_of(method)}
        path = f"/{service or method.containing_service.full_name}/{method.name}"
        streams = bool(method.client_streaming), bool(method.server_streaming)
        return cls(path, *streams, frozenset(needed or roles))


def rpcs() -> list[Rpc]:
    services: list[Any] = [service for file in FILES for service in file.DESCRIPTOR.services_by_name.values()]
    health: Any = health_pb2.DESCRIPTOR.services_by_name["Health"]
    reflecting: Any
    [reflecting] = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"].methods
    return [
        *(Rpc.of(method) for service in (*services, health) for method in service.methods),
        *(Rpc.of(reflecting, version, "VIEWER") for version in (V1, V1ALPHA)),
    ]


class Address(NamedTuple):
    """One way to call an rpc over HTTP."""

    verb: str
    path: str
    takes_body: bool
    rpc: Rpc

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"


def addresses() -> list[Address]:
    services: list[Any] = [service for file in FILES for service in file.DESCRIPTOR.services_by_name.values()]
    return [
        Address(
            binding.verb,
            binding.template.expand({each.field: "x" for each in binding.template.variables}),
            binding.body is not None,
            Rpc.of(method),
        )
        for service in services
        for method in service.methods
        for binding in Rule.of(method).bindings
    ]


class Table(NamedTuple):
    """A real orchestrator, over gRPC and over HTTP, and the ``authorization`` of every caller."""

    channel: grpc.Channel
    http: httpx2.Client
    callers: dict[str, str]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    folder = tmp_path_factory.mktemp("access")
    callers = {"no credentials": "", "wrong": "Bearer saga_of-nobody", "wrong scheme": "Basic YWRhOmFkYQ=="}
    callers |= {name: f"Bearer {token_of(name)}" for name in (*ROLES, "expired")} | signed(folder)
    long_ago = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")
    subjects = subjects_of_every_role() + entry("expired", "admin", f"expires_at: {long_ago}")
    identity_provider = {
        "ORCHESTRATOR_JWT_KEYS": str(folder / "keys.json"),
        "ORCHESTRATOR_JWT_ISSUER": ISSUER,
        "ORCHESTRATOR_JWT_AUDIENCE": AUDIENCE,
    }
    with (
        served(folder, subjects, **identity_provider) as orchestrator,
        grpc.insecure_channel(orchestrator.address) as channel,
        httpx2.Client(base_url=orchestrator.console) as http,
    ):
        yield Table(channel, http, callers)
    said = "".join(orchestrator.said)
    assert "Traceback" not in said
    assert not [each for each in callers.values() if each.startswith("Bearer") and each[7:] in said]
    assert not (folder / "token").exists(), "where subjects are configured, there is no local operator"


def signed(folder: Path) -> dict[str, str]:
    """Callers with a token of an identity provider."""
    ours, theirs = SigningKey("key"), SigningKey("key")
    (folder / "keys.json").write_text(jwks([ours]))
    later = time.time() + 3600
    admin = {"roles": ["admin"]}
    tokens = {
        **{f"signed {role}": ours.token(expires_at=later, roles=[role]) for role in INCLUDED},
        BOTH: ours.token(expires_at=later, roles=["operator", "starter"]),
        "signed by somebody": theirs.token(expires_at=later, **admin),
        "signed, and expired": ours.token(expires_at=time.time() - 3600, **admin),
        "signed, for another audience": ours.token(expires_at=later, aud="billing", **admin),
        "signed, by another issuer": ours.token(expires_at=later, iss="https://elsewhere.example", **admin),
    }
    return {name: f"Bearer {token}" for name, token in tokens.items()}


def expected(rpc: Rpc, caller: str) -> tuple[str, str]:
    """The status and the reason."""
    admitted = ("INVALID_ARGUMENT", "INVALID_INPUT")
    if not rpc.roles:
        return admitted
    if caller in REFUSED:
        return "UNAUTHENTICATED", REFUSED[caller]
    has = {role for each in caller.rsplit(maxsplit=1)[-1].split("+") for role in INCLUDED[each]}
    return admitted if rpc.roles <= has else ("PERMISSION_DENIED", "ROLE_MISSING")


def asked(channel: grpc.Channel, rpc: Rpc, authorization: str) -> grpc.RpcError:
    """How a call ends that brings no message."""
    request = iter([NO_MESSAGE]) if rpc.client_streams else NO_MESSAGE
    metadata = (("authorization", authorization),) if authorization else ()
    shape = f"{'stream' if rpc.client_streams else 'unary'}_{'stream' if rpc.server_streams else 'unary'}"
    call = getattr(channel, shape)(rpc.path)
    with pytest.raises(grpc.RpcError) as ended:
        _ = [*_answers(call(request, metadata=metadata, timeout=PATIENCE))]
    return ended.value


def _answers(answers: Any) -> Iterator[object]:  # noqa: ANN401 - bytes, or a stream of them
    yield from answers


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("rpc", rpcs(), ids=lambda rpc: rpc.path)
def test_each_rpc_answers_each_caller_as_its_contract_says(table: Table, rpc: Rpc, caller: str) -> None:
    ended = asked(table.channel, rpc, table.callers[caller])

    status = rpc_status.from_call(ended)  # type: ignore[arg-type]  # it is a call, too
    info = error_details_pb2.ErrorInfo()
    assert status
    assert any(detail.Unpack(info) for detail in status.details)
    assert (ended.code().name, info.reason) == expected(rpc, caller), ended.details()


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("address", addresses(), ids=str)
def test_each_address_answers_each_caller_as_its_contract_says(table: Table, address: Address, caller: str) -> None:
    authorization = table.callers[caller]
    ended = table.http.request(
        address.verb,
        address.path,
        params={"there_is_no_such_field": "1"},
        headers={"authorization": authorization} if authorization else {},
        json={} if address.takes_body else None,
    )

    problem = ended.json()
    assert (problem["code"], problem["reason"]) == expected(address.rpc, caller), problem
    assert (ended.status_code, ended.headers["content-type"]) == (STATUSES[problem["code"]], PROBLEM)


def test_each_rpc_of_the_api_has_an_address() -> None:
    assert {address.rpc for address in addresses()} == {rpc for rpc in rpcs() if not rpc.client_streams and rpc.roles}


def test_the_table_has_every_service_that_is_served_and_both_shapes_of_streams(table: Table) -> None:
    admin = (("authorization", table.callers["admin"]),)
    question = reflection_pb2.ServerReflectionRequest(list_services="")
    reflect = table.channel.stream_stream(
        f"/{V1}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    [answer] = reflect(iter([question]), metadata=admin, timeout=PATIENCE)

    asked_of = rpcs()
    assert {service.name for service in answer.list_services_response.service} == {
        rpc.path.split("/")[1] for rpc in asked_of
    }
    assert {(rpc.client_streams, rpc.server_streams) for rpc in asked_of} >= {
        (False, False),
        (False, True),
        (True, True),
    }
    assert {rpc.roles for rpc in asked_of} == {
        frozenset(roles)
        for roles in ((), ("VIEWER",), ("STARTER",), ("OPERATOR",), ("APPROVER",), ("ADMIN",), ("OPERATOR", "STARTER"))
    }


def test_the_table_has_journalled_nothing(table: Table) -> None:
    list_sagas = table.channel.unary_unary(
        "/saga.v1.SagaService/ListSagas",
        request_serializer=ListSagasRequest.SerializeToString,
        response_deserializer=saga_service_pb2.ListSagasResponse.FromString,
    )
    listed = list_sagas(
        ListSagasRequest(), metadata=(("authorization", table.callers["signed viewer"]),), timeout=PATIENCE
    )

    assert not listed.sagas


def test_every_role_of_the_contract_is_in_the_table() -> None:
    assert {role.name.lower() for role in Role} == {*INCLUDED}
