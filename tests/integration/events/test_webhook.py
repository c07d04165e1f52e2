"""The webhook: what a receiver gets, what its answers mean, and that nobody else is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import ssl
from typing import TYPE_CHECKING

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat

from orchestrator.connections.nats_security import NatsSecurity
from orchestrator.errors import SettingsError
from orchestrator.events.addresses import read_address
from orchestrator.events.http.signing import SecretsFile
from orchestrator.events.http.sink import Webhook
from orchestrator.events.opening import SinkFiles, open_sinks
from orchestrator.journal.events import OutboxEvent
from orchestrator.ports.outbox import KeptEvent
from orchestrator.ports.sink import NotTaken
from shop.order.v1.events_pb2 import OrderPlaced
from tests.support.certificate_files import Authority, put
from tests.support.webhooks import answer, receiving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.webhooks import Receiver

SECRET = b"\x01\x02" * 16
PLACED = OrderPlaced(order_id="o-1", customer_id="ada")
EVENT = KeptEvent(
    7,
    OutboxEvent(
        "0123456789abcdef" * 2,
        "saga/ünï",
        "place_order",
        "shop.order.v1.OrderPlaced",
        1_700_000_000_123_456_789,
        False,
        "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        PLACED.SerializeToString(),
    ),
)


def webhook(receiver: Receiver, query: str = "", timeout: float = 5.0) -> Webhook:
    return Webhook(
        read_address("billing", receiver.url + query), lambda _: [SECRET], None, timeout, now=lambda: 1_700_000_555
    )


async def told(receiver: Receiver, query: str = "", event: KeptEvent = EVENT, timeout: float = 5.0) -> NotTaken | None:  # noqa: ASYNC109 - the sink's
    sink = webhook(receiver, query, timeout)
    try:
        return await sink.tell(event)
    finally:
        await sink.close()


async def test_the_authorities_of_a_receiver_are_exchanged_without_a_restart(tmp_path: Path) -> None:
    first, second = (Authority(tmp_path / name) for name in ("first", "second"))
    shown, trusted = first.issue("127.0.0.1"), tmp_path / "ca"
    put(trusted, second.pem())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown.certificate, shown.key)
    async with receiving(context) as receiver:
        files = SinkFiles({}, trusted)
        [sink] = open_sinks({"billing": receiver.url}, files, NatsSecurity(), insecure=False)
        refused = await sink.tell(EVENT)
        assert refused is not None
        assert "certificate verify failed" in refused.error
        assert not receiver.posts

        put(trusted, first.pem())
        assert await sink.tell(EVENT) is None

        put(trusted, b"half of a certi")
        receiver.answer = lambda _post: answer("204 No Content", connection="close")
        assert await sink.tell(EVENT) is None  # by the connection that stands
        assert await sink.tell(EVENT) is None  # by a new one, for which the last good content is in force
        await sink.close()
        assert len(receiver.posts) == 3


async def test_the_name_of_a_receiver_must_be_that_of_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    shown = authority.issue("hooks.example")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown.certificate, shown.key)
    async with receiving(context) as receiver:
        [sink] = open_sinks({"billing": receiver.url}, SinkFiles({}, shown.ca), NatsSecurity(), insecure=False)
        refused = await sink.tell(EVENT)
        await sink.close()
        assert refused is not None
        assert "IP address mismatch" in refused.error
        assert not receiver.posts


@pytest.mark.parametrize("query", ["", "?mode=binary", "?format=protobuf", "?mode=binary&format=protobuf"])
async def test_a_receiver_reads_with_any_library_what_happened(query: str) -> None:
    async with receiving() as receiver:
        assert await told(receiver, query) is None

        (post,) = receiver.posts
        assert post.target == "/hook", "what is said for us is not sent"
        event = from_http(HTTPMessage(headers=post.headers, body=post.body), JSONFormat())
        about = (event.get_id(), event.get_source(), event.get_type(), event.get_subject())
        assert about == (EVENT.event.event_id, "/sagas/place_order", "shop.order.v1.OrderPlaced", "saga/ünï")
        assert event.get_extension("traceparent") == EVENT.event.traceparent
        assert event.get_extension("provisional") is None
        data = event.get_data()
        if "protobuf" in query:
            serialized = data.encode() if isinstance(data, str) else data
            assert isinstance(serialized, bytes)
            assert OrderPlaced.FromString(serialized) == PLACED
        else:
            assert data == {"orderId": "o-1", "customerId": "ada"}


async def test_what_is_sent_is_signed_with_its_id_and_its_time() -> None:
    async with receiving() as receiver:
        await told(receiver)

        (post,) = receiver.posts
        signed = f"{EVENT.event.event_id}.1700000555.".encode() + post.body
        expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        assert post.headers["webhook-id"] == EVENT.event.event_id
        assert post.headers["webhook-timestamp"] == "1700000555"
        assert post.headers["webhook-signature"] == f"v1,{expected}"
        assert json.loads(post.body)["id"] == EVENT.event.event_id, "the signature covers what the event says"


async def test_secrets_are_exchanged_without_a_restart_and_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    file, second, seconds = tmp_path / "secrets", b"\x03" * 32, itertools.count(1_700_000_000, 2)

    def write(*secrets: bytes) -> None:
        put(file, "".join(f"whsec_{base64.b64encode(secret).decode()}\n" for secret in secrets).encode())

    write(SECRET)
    async with receiving() as receiver:
        secrets = SecretsFile("billing", file).at
        sink = Webhook(read_address("billing", receiver.url), secrets, None, now=lambda: next(seconds))

        async def signatures() -> int:
            for _ in range(2):  # a file that has just changed may not be whole yet
                await sink.tell(EVENT)
            return len(receiver.posts[-1].headers["webhook-signature"].split())

        assert await signatures() == 1
        write(second, SECRET)
        assert await signatures() == 2
        put(file, b"whsec_?")
        assert await signatures() == 2
        write(second)
        assert await signatures() == 1
        await sink.close()
        signed = f"{EVENT.event.event_id}.{receiver.posts[-1].headers['webhook-timestamp']}.".encode()
        expected = hmac.new(second, signed + receiver.posts[-1].body, hashlib.sha256).digest()
        assert receiver.posts[-1].headers["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (answer("500 Oops", "no\nroom"), NotTaken("500 Oops: no\nroom", answered=True)),
        (answer("404 Not Found"), NotTaken("404 Not Found", answered=True)),
        (answer("503 Busy", retry_after="120"), NotTaken("503 Busy", answered=False, retry_after=120)),
        (answer("429 Slow down", retry_after="7"), NotTaken("429 Slow down", answered=False, retry_after=7)),
        (answer("500 Oops", retry_after="tomorrow"), NotTaken("500 Oops", answered=True)),
    ],
)
async def test_what_the_answer_of_a_receiver_means(said: bytes, expected: NotTaken) -> None:
    async with receiving() as receiver:
        receiver.answer = lambda _post: said

        assert await told(receiver) == expected


async def test_a_redirect_is_not_followed() -> None:
    async with receiving() as elsewhere, receiving() as receiver:
        receiver.answer = lambda _post: answer("307 Elsewhere", location=elsewhere.url)

        assert await told(receiver) == NotTaken("307: redirects are not followed", answered=True)
        assert elsewhere.posts == []


async def test_a_receiver_that_does_not_answer_in_time_or_is_not_there_is_not_there() -> None:
    async with receiving() as receiver:
        receiver.answer = lambda _post: b""
        assert await told(receiver, timeout=0.05) == NotTaken("no answer within 0.05 s", answered=False)
        receiver.answer = lambda _post: b"no such thing as HTTP\r\n\r\n"
        broken = await told(receiver)
    assert broken is not None
    assert not broken.answered
    gone = await told(receiver)
    assert gone is not None
    assert not gone.answered


async def test_a_receiver_that_answers_without_an_end_is_not_read_without_an_end() -> None:
    async with receiving() as receiver:
        receiver.answer = lambda _post: b"HTTP/1.1 500 Oops\r\ncontent-length: 1000000000\r\n\r\n" + b"x" * 1_000_000

        failure = await told(receiver)

    assert failure is not None
    assert len(failure.error) < 300


async def test_a_receiver_wants_the_types_that_its_address_says() -> None:
    async with receiving() as receiver:
        for query, is_wanted in (("?type=saga.v1.*&type=shop.email.v1.Sent", False), ("?type=shop.order.*", True)):
            sink = webhook(receiver, query)
            assert sink.wants(EVENT.event.type) is is_wanted
            await sink.close()


async def test_an_event_whose_type_is_not_known_here_is_not_taken_as_json() -> None:
    strange = EVENT._replace(event=EVENT.event._replace(type="shop.order.v9.Unheard"))
    async with receiving() as receiver:
        with pytest.raises(Exception, match="no module of this process holds"):
            await told(receiver, event=strange)
        assert await told(receiver, "?format=protobuf", strange) is None


def test_events_do_not_leave_the_machine_unsigned_or_readable(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + base64.b64encode(SECRET).decode() + "\n")
    files, nats = SinkFiles({"a": secret}), NatsSecurity()
    with pytest.raises(SettingsError, match="without TLS"):
        open_sinks({"a": "http://hooks.example/x"}, files, nats, insecure=False)
    with pytest.raises(SettingsError, match="unsigned"):
        open_sinks({"a": "https://hooks.example/x"}, SinkFiles({}), nats, insecure=False)
    with pytest.raises(SettingsError, match="TLS"):
        open_sinks({"a": "nats://nats.example:4222"}, SinkFiles({}), nats, insecure=False)
    with pytest.raises(SettingsError, match="is no webhook"):
        open_sinks({"b": "https://hooks.example/x"}, files, nats, insecure=True)
    assert open_sinks({"a": "https://hooks.example/x"}, files, nats, insecure=False)[0].name == "a"


@pytest.mark.parametrize("text", ["", "whsec_c2hvcnQ=", "whsec_?", "\xff"])
def test_a_secret_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match="ORCHESTRATOR_EVENTS_SECRETS, a"):
        open_sinks({"a": "https://h.example"}, SinkFiles({"a": secret}), NatsSecurity(), insecure=False)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("Bad name", "http://127.0.0.1:1/"),
        ("a", "ftp://127.0.0.1/"),
        ("a", "127.0.0.1:4222"),
        ("a", "nats://127.0.0.1:4222/no good"),
        ("a", "http://ada:secret@127.0.0.1/"),
        ("a", "http://127.0.0.1/?color=red"),
        ("a", "http://127.0.0.1/?format=xml"),
        ("a", "http://127.0.0.1:99999/"),
    ],
)
def test_an_address_that_is_none_is_refused(name: str, url: str) -> None:
    with pytest.raises(SettingsError, match="ORCHESTRATOR_EVENTS_SINKS"):
        read_address(name, url)
