"""The door before every method: methods of all four shapes, streams that outlive their token, and the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

import grpc
import grpc.aio
import pytest

from orchestrator.access.authentication import Authentication
from orchestrator.access.fingerprints import fingerprint
from orchestrator.access.subject import current
from orchestrator.access.subjects_file import SubjectsFile
from orchestrator.api.calls.access_interceptor import AccessInterceptor, required_roles
from orchestrator.api.calls.refusal_log import RefusalLog
from orchestrator.contract.access import Role
from orchestrator.errors import DefinitionError
from orchestrator.testing.world.clock import JumpingClock
from tests.support.engine_world import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from orchestrator.ports.clock import Clock

TOYS: Final = "toy.v1.ToyService"
SUBJECTS: Final = "\n".join(
    f"{name}: {{sha256: {fingerprint(f'saga_{name}')}, roles: [{role}], expires_at: 2027-01-01T00:00:00Z}}"
    for name, role in (("ada", "operator"), ("bob", "viewer"))
)
NEW_YEAR: Final = 1_798_761_600_000_000_000
PATIENCE: Final = 60
SHAPES: Final = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


class Toys:
    """A server of toys, one for each shape of a method; each tells who plays with it, and with what."""

    def __init__(self, folder: Path) -> None:
        self.now = 0
        self.played: list[str] = []
        self.file = folder / "subjects.yaml"
        self.file.write_text(SUBJECTS)
        self.subjects = SubjectsFile(self.file, lambda: self.now)
        authentication = Authentication(self.subjects)
        roles: dict[str, tuple[Role, ...]] = {f"/{TOYS}/{shape}": (Role.OPERATOR,) for shape in (*SHAPES, "endless")}
        self.clock = JumpingClock()
        self.server = grpc.aio.server(
            interceptors=[AccessInterceptor(authentication, roles, cast("Clock", self.clock))]
        )
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        handlers: dict[str, Any] = {
            shape: getattr(grpc, f"{shape}_rpc_method_handler")(
                getattr(self, f"_{shape}"), request_deserializer=_read, response_serializer=_written
            )
            for shape in SHAPES
        }
        handlers["nobodys"] = handlers["unary_unary"]
        handlers["endless"] = grpc.unary_stream_rpc_method_handler(self._endless, _read, _written)
        self.ended = asyncio.Event()
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(TOYS, handlers),))

    def _play(self, toy: str) -> list[str]:
        self.played.append(toy)
        return [f"{current().name} plays with {toy}"]

    async def _unary_unary(self, toys: list[str], _context: object) -> list[str]:
        return self._play(*toys)

    async def _unary_stream(self, toys: list[str], _context: object) -> AsyncIterator[list[str]]:
        for number in range(3):
            yield self._play(f"{toys[0]} {number}")

    async def _stream_unary(self, toys: AsyncIterator[list[str]], _context: object) -> list[str]:
        return self._play(" and ".join([toy async for [toy] in toys]))

    async def _endless(self, toys: list[str], _context: object) -> AsyncIterator[list[str]]:
        try:
            yield self._play(*toys)
            await asyncio.Event().wait()
        finally:
            self.ended.set()

    async def _stream_stream(self, toys: AsyncIterator[list[str]], _context: object) -> AsyncIterator[list[str]]:
        async for [toy] in toys:
            yield self._play(toy)


# Not texts: gRPC encodes those itself, before it asks a serializer.
def _read(message: bytes) -> list[str]:
    return [message.decode()]


def _written(message: list[str]) -> bytes:
    return message[0].encode()


@pytest.fixture
async def toys(tmp_path: Path) -> AsyncIterator[Toys]:
    served = Toys(tmp_path)
    await served.server.start()
    yield served
    await served.server.stop(None)


@pytest.fixture
def play(toys: Toys) -> Callable[..., Awaitable[list[str]]]:
    """Play with a toy in a thread of its own; the client that blocks tells how a call has ended, whatever it sent."""

    def one(shape: str, subject: str, method: str) -> list[str]:
        metadata = (("authorization", f"Bearer saga_{subject}"),) if subject else ()
        with grpc.insecure_channel(f"127.0.0.1:{toys.port}") as channel:
            call: Any = getattr(channel, shape)(f"/{TOYS}/{method or shape}")
            request = iter([b"top", b"kite"]) if shape.startswith("stream") else b"top"
            answers = call(request, metadata=metadata, timeout=PATIENCE)
            return [each.decode() for each in (answers if shape.endswith("stream") else [answers])]

    async def play(shape: str, subject: str = "", method: str = "") -> list[str]:
        return await asyncio.to_thread(one, shape, subject, method)

    return play


PLAYED: Final = {
    "unary_unary": ["ada plays with top"],
    "unary_stream": [f"ada plays with top {number}" for number in range(3)],
    "stream_unary": ["ada plays with top and kite"],
    "stream_stream": ["ada plays with top", "ada plays with kite"],
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_caller_with_the_role_reaches_a_method_of_any_shape(play: Callable[..., Any], shape: str) -> None:
    for _ in range(2):  # the second call finds the handler that the first one wrapped
        assert await play(shape, "ada") == PLAYED[shape]


@pytest.mark.parametrize(
    ("subject", "code"), [("", "UNAUTHENTICATED"), ("eve", "UNAUTHENTICATED"), ("bob", "PERMISSION_DENIED")]
)
@pytest.mark.parametrize("shape", SHAPES)
async def test_nobody_else_reaches_a_method_of_any_shape(
    toys: Toys, play: Callable[..., Any], shape: str, subject: str, code: str
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        await play(shape, subject)

    assert refused.value.code().name == code
    assert toys.played == []


async def test_a_method_without_a_role_is_refused_to_everybody(play: Callable[..., Any]) -> None:
    with pytest.raises(grpc.RpcError, match="so nobody may") as refused:
        await play("unary_unary", "ada", "nobodys")

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_method_that_does_not_exist_is_unimplemented(play: Callable[..., Any]) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        await play("unary_unary", "ada", "missing")

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def expire(toys: Toys) -> None:
    toys.now = NEW_YEAR


def take_away(toys: Toys) -> None:
    toys.file.write_text("carl: {sha256: " + fingerprint("saga_carl") + ", roles: [viewer]}")


def demote(toys: Toys) -> None:
    toys.file.write_text(SUBJECTS.replace("operator", "viewer"))


def narrow(toys: Toys) -> None:
    toys.file.write_text(SUBJECTS.replace("[operator]", "[operator], definitions: [book_trip]"))


@pytest.mark.parametrize(
    ("change", "code", "why"),
    [
        (expire, "UNAUTHENTICATED", "have expired"),
        (take_away, "UNAUTHENTICATED", "not one that this orchestrator trusts"),
        (demote, "PERMISSION_DENIED", "you are viewer; endless needs operator"),
        (narrow, "PERMISSION_DENIED", "what you may do has changed"),
    ],
)
async def test_a_stream_that_has_nothing_to_tell_ends_when_its_caller_would_be_refused(
    toys: Toys, change: Callable[[Toys], None], code: str, why: str
) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{toys.port}") as channel:
        rpc: Any = channel.unary_stream(f"/{TOYS}/endless")
        call = rpc(b"top", metadata=[("authorization", "Bearer saga_ada")])
        assert await call.read() == b"ada plays with top"
        await until(toys.clock.is_held)
        change(toys)
        # A file that has just been written is looked at twice.
        for _ in range(2):
            toys.subjects.refresh()
            await asyncio.sleep(0)
        toys.clock.advance(16)

        with pytest.raises(grpc.aio.AioRpcError, match=why) as refused:
            await asyncio.wait_for(call.read(), PATIENCE)

    assert refused.value.code().name == code
    await asyncio.wait_for(toys.ended.wait(), PATIENCE)


async def test_a_stream_goes_on_as_long_as_its_caller_may(toys: Toys) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{toys.port}") as channel:
        rpc: Any = channel.unary_stream(f"/{TOYS}/endless")
        call = rpc(b"top", metadata=[("authorization", "Bearer saga_ada")])
        await call.read()
        for _ in range(3):
            await until(toys.clock.is_held)
            toys.clock.advance(16)
        await until(toys.clock.is_held)

        assert not call.done()
        assert not toys.ended.is_set()
        call.cancel()
    await asyncio.wait_for(toys.ended.wait(), PATIENCE)


async def test_two_tokens_are_as_good_as_none(toys: Toys) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{toys.port}") as channel:
        rpc: Any = channel.unary_unary(f"/{TOYS}/unary_unary")
        with pytest.raises(grpc.RpcError, match="is not `Bearer <token>`"):
            await rpc(b"top", metadata=[("authorization", "Bearer saga_ada"), ("authorization", "Bearer saga_bob")])


async def test_a_refusal_is_logged_with_who_what_and_why_and_without_the_token(
    play: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    for subject in ("bob", "eve"):
        with pytest.raises(grpc.RpcError):
            await play("unary_unary", subject)

    known, unknown = (record.getMessage() for record in caplog.records)
    assert known == (
        f"/{TOYS}/unary_unary is refused to 'bob' (token file): you are viewer; unary_unary needs operator"
    )
    assert unknown.startswith(f"/{TOYS}/unary_unary is refused to somebody at ipv4:127.0.0.1:")
    assert "saga_" not in caplog.text


def test_many_refusals_are_counted_and_not_told_one_by_one(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = [0.0]
    monkeypatch.setattr("orchestrator.api.calls.refusal_log.time.monotonic", lambda: time[0])
    log = RefusalLog()
    for _ in range(1000):
        log.tell("/a/b", "somebody", ValueError("no"))
    assert len(caplog.records) == 10
    time[0] = 2.0
    log.tell("/a/b", "somebody", ValueError("no"))

    assert [record.getMessage() for record in caplog.records[10:]] == [
        "990 further calls were refused in one second",
        "/a/b is refused to somebody: no",
    ]


def test_a_service_whose_contract_states_no_role_is_not_served() -> None:
    with pytest.raises(DefinitionError, match=r"not served, because of:\n.*InventoryService\.\w+: \[states-access\]"):
        required_roles(["saga.v1.SagaService", "shop.inventory.v1.InventoryService"])
