"""Any servicer over HTTP: what it knows of a call, and each way in which it may end one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import grpc
import httpx2
import pytest
from google.api import http_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from orchestrator.access.authentication import Credentials
from orchestrator.access.opening import AccessSettings, open_authentication
from orchestrator.api.over_http.context import CERTIFICATE, CERTIFICATE_END, HttpContext
from orchestrator.api.over_http.door import HttpApi
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.errors import DefinitionError, InvalidInput
from shop.order.v1 import order_service_pb2 as pb
from shop.order.v1.order_service_pb2_grpc import add_OrderServiceServicer_to_server
from tests.support.served import subjects_of_every_role, token_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from google.protobuf.descriptor import MethodDescriptor

    Context = grpc.aio.ServicerContext[Any, Any]

ORDERS = "shop.order.v1.OrderService"


class Orders:
    """Ends each call as the order's id says, or tells what it knows of the call."""

    def __init__(self) -> None:
        self.heard: list[Context] = []

    def __getattr__(self, method: str) -> object:
        """Any other method; nobody calls it."""
        return method

    async def GetOrder(self, request: pb.GetOrderRequest, context: Context) -> pb.GetOrderResponse:  # noqa: N802 - see the contract
        self.heard.append(context)
        match request.order_id:
            case "aborted":
                await context.abort(grpc.StatusCode.ABORTED, "somebody was quicker")
            case "rich":
                status = status_pb2.Status(code=9, message="no")
                status.details.add().Pack(error_details_pb2.ErrorInfo(reason="NO", metadata={"a": "b"}))
                status.details.add(type_url="type.googleapis.com/nobody.knows.It", value=b"\xff")
                await context.abort_with_status(rpc_status.to_status(status))
            case "set":
                context.set_code(grpc.StatusCode.NOT_FOUND)
                context.set_details("it is gone")
            case "broken":
                raise RuntimeError("an inside that stays inside")
        return pb.GetOrderResponse()

    async def WatchOrder(self, _request: object, context: Context) -> AsyncIterator[pb.WatchOrderResponse]:  # noqa: N802 - as above
        yield pb.WatchOrderResponse()
        await context.abort(grpc.StatusCode.DATA_LOSS, "no more")


@pytest.fixture
def orders() -> Orders:
    return Orders()


@pytest.fixture
async def viewer(orders: Orders, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    file = tmp_path / "subjects.yaml"
    file.write_text(subjects_of_every_role())
    authentication = open_authentication(AccessSettings(tmp_path, file), SystemClock.now)
    services: dict[str, Callable[[Any], None]] = {
        ORDERS: lambda to: add_OrderServiceServicer_to_server(cast("Any", orders), to)
    }
    api = HttpApi(services, authentication, SystemClock(), 1000, lambda: b"{}")
    headers = {"authorization": f"Bearer {token_of('viewer')}", "cookie": "a=b", "x-tenant": "acme", "x-bin": "AA"}
    transport = httpx2.ASGITransport(app=api)
    async with httpx2.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
        yield client


@pytest.mark.parametrize(
    ("how", "status", "told"),
    [
        ("aborted", 409, {"code": "ABORTED", "detail": "somebody was quicker"}),
        ("rich", 422, {"code": "FAILED_PRECONDITION", "detail": "no", "reason": "NO", "metadata": {"a": "b"}}),
        ("set", 404, {"code": "NOT_FOUND", "detail": "it is gone"}),
        ("broken", 500, {"code": "INTERNAL", "detail": "internal error; the orchestrator's log tells more"}),
    ],
)
async def test_each_way_to_end_a_call_is_told(
    viewer: httpx2.AsyncClient, how: str, status: int, told: dict[str, Any]
) -> None:
    answer = await viewer.get(f"/v1/orders/{how}")
    problem = answer.json()
    assert (answer.status_code, {name: problem[name] for name in told}) == (status, told)


async def test_a_detail_of_a_type_that_is_not_known_is_told_in_its_bytes(viewer: httpx2.AsyncClient) -> None:
    details = (await viewer.get("/v1/orders/rich")).json()["details"]
    assert details[1] == {"@type": "type.googleapis.com/nobody.knows.It", "value": "/w=="}


async def test_a_stream_that_is_aborted_ends_with_the_refusal(viewer: httpx2.AsyncClient) -> None:
    first, last = (await viewer.get("/v1/orders/x:watch")).text.splitlines()
    assert first == '{"result":{}}'
    assert '"code":"DATA_LOSS"' in last


async def test_a_servicer_knows_the_headers_as_metadata_but_no_cookie(
    viewer: httpx2.AsyncClient, orders: Orders
) -> None:
    await viewer.get("/v1/orders/x", headers={"request-timeout": "7.5"})
    context = orders.heard[0]
    metadata = dict(context.invocation_metadata() or ())
    assert metadata["x-tenant"] == "acme"
    assert not {"cookie", "x-bin", "host"} & {*metadata}
    assert 0 < context.time_remaining() <= 7.5
    assert context.peer().startswith("127.0.0.1:")
    assert (context.code(), context.cancelled(), context.done()) == (grpc.StatusCode.OK, False, False)


def context_of(*headers: tuple[str, str], **scope: object) -> HttpContext:
    return HttpContext({"headers": [(name.encode(), value.encode()) for name, value in headers], **scope})


def test_a_certificate_that_has_ended_since_the_connection_was_made_is_told() -> None:
    told: dict[str, object] = {CERTIFICATE: ("ada.example",), CERTIFICATE_END: 1.0, "client": ("127.0.0.1", 7)}
    ended = context_of(**told).credentials()
    assert ended == Credentials("", ("ada.example",), "127.0.0.1:7", has_ended=True)
    assert not context_of(**told | {CERTIFICATE_END: 2.0**40}).credentials().has_ended


@pytest.mark.parametrize("said", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_that_makes_no_sense_is_refused(said: str) -> None:
    with pytest.raises(InvalidInput, match="number of seconds"):
        context_of(("request-timeout", said))


@pytest.mark.parametrize(
    ("path", "told"), [("/{order_id}", "begins with no name"), ("v1/{order_id}", "does not start with a slash")]
)
def test_an_address_that_makes_no_sense_is_an_error_at_the_start(
    tmp_path: Path, orders: Orders, monkeypatch: pytest.MonkeyPatch, path: str, told: str
) -> None:
    def annotated(method: MethodDescriptor) -> http_pb2.HttpRule | None:
        return http_pb2.HttpRule(get=path) if method.name == "GetOrder" else None

    for module in ("orchestrator.participant.transcoding.rules", "orchestrator.api.over_http.methods"):
        monkeypatch.setattr(f"{module}.annotated", annotated)
    services: dict[str, Callable[[Any], None]] = {
        ORDERS: lambda to: add_OrderServiceServicer_to_server(cast("Any", orders), to)
    }
    authentication = open_authentication(AccessSettings(tmp_path), SystemClock.now)
    with pytest.raises(DefinitionError, match=told):
        HttpApi(services, authentication, SystemClock(), 1000, lambda: b"{}")
