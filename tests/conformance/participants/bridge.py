"""From gRPC to an ASGI application: JSON by protobuf's mapping, metadata as headers, statuses as codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from google.protobuf import json_format, message_factory
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

    from orchestrator.participant.asgi import App, Message

CODES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    422: "FAILED_PRECONDITION",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}


class Bridge(grpc.GenericRpcHandler):
    """Serves a contract by the routes of an application.

    Args:
        service: the contract.
        routes: method and path template of each rpc.
        app: the application.
        validate: asked first, as a gateway does.
    """

    def __init__(
        self,
        service: ServiceDescriptor,
        routes: Mapping[str, tuple[str, str]],
        app: App,
        validate: Callable[[Any], Any],
    ) -> None:
        self._methods = {f"/{service.full_name}/{method.name}": method for method in service.methods}
        self._routes = routes
        self._app = app
        self._validate = validate

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # noqa: ANN401 - generic for checkers only
        method = self._methods.get(handler_call_details.method)
        if method is None:
            return None

        async def behaviour(raw: bytes, context: Any) -> bytes:  # noqa: ANN401
            return await self._call(method, raw, context)

        untyped: Any = behaviour
        return grpc.unary_unary_rpc_method_handler(untyped)

    async def _call(self, method: MethodDescriptor, raw: bytes, context: Any) -> bytes:  # noqa: ANN401
        request: Any = message_factory.GetMessageClass(method.input_type)()
        try:
            request.ParseFromString(raw)
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no request")
        invalid = self._validate(request)
        if invalid is not None:
            await context.abort_with_status(rpc_status.to_status(invalid))
        verb, template = self._routes[method.name]
        fields = json_format.MessageToDict(request, preserving_proto_field_name=True)
        body = json.dumps(fields).encode() if verb == "POST" else b""
        headers = [(name, value) for name, value in context.invocation_metadata() if isinstance(value, str)]
        status, answered, content = await exchange(self._app, verb, template.format(**fields), headers, body)
        echo = [(name, value) for name, value in answered if name == "idempotency-key"]
        if status == 200:
            context.set_trailing_metadata(echo)
            reply: Any = json_format.Parse(content, message_factory.GetMessageClass(method.output_type)())
            return bytes(reply.SerializeToString())
        problem = json.loads(content or b"{}")
        info = error_details_pb2.ErrorInfo(reason=problem.get("reason", ""), metadata=problem.get("metadata", {}))
        code = code_pb2.Code.Value(CODES.get(status, "UNKNOWN"))
        rich = status_pb2.Status(code=code, message=problem.get("detail", ""))
        rich.details.add().Pack(info)
        plain = rpc_status.to_status(rich)
        await context.abort(plain.code, plain.details, (*plain.trailing_metadata, *echo))
        raise AssertionError("aborted")


async def exchange(
    app: App, verb: str, path: str, headers: list[tuple[str, str]] | None = None, body: bytes = b""
) -> tuple[int, list[tuple[str, str]], bytes]:
    """A request to an application and its response: status, headers and body."""
    path, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "method": verb,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers or ()],
    }
    sent: list[Message] = []
    parts: list[Message] = [
        {"type": "http.request", "body": body[: len(body) // 2], "more_body": True},
        {"type": "http.request", "body": body[len(body) // 2 :], "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    answered = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
    return start["status"], answered, b"".join(each["body"] for each in rest)
