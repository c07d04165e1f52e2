"""``saga.v1.EventService`` and ``orchestrator events``, against a real server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from orchestrator.access.fingerprints import fingerprint
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.channels.grpc.bearer import with_token
from orchestrator.journal.events import OutboxEvent, event_id
from orchestrator.ports.outbox import BlockedSaga, DeadLetter, SinkProgress
from orchestrator.store.memory.journal import MemoryJournal
from saga.v1 import event_service_pb2 as pb
from saga.v1.event_service_pb2_grpc import EventServiceStub
from shop.order.v1.events_pb2 import OrderPlaced
from tests.integration.api.conftest import Mocks, serving
from tests.support.journals import AT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.integration.api.conftest import Answer, Api

    Orchestrator = Callable[..., Awaitable[Answer]]

MINUTE = 60 * 1_000_000_000


@pytest.fixture
async def told(api: Api) -> Api:
    """An orchestrator whose sagas have told three events, of which a sink has not taken all."""
    for number in (1, 2, 3):
        payload = OrderPlaced(order_id=f"o-{number}").SerializeToString()
        about = event_id("s", str(number)), f"saga-{number}", "place_order", "shop.order.v1.OrderPlaced"
        api.journal.tell([OutboxEvent(*about, AT + number * MINUTE, number == 2, "", payload)])
    claim = await api.journal.claim_sink("billing", "replica-1", MINUTE)
    assert claim is not None
    blocked = [BlockedSaga("saga-2", 2, 3, AT, AT, "500: full")]
    dead = [DeadLetter(1, "saga-1", 9, AT, AT + MINUTE, "410: gone")]
    await api.journal.note_progress("billing", claim.token, SinkProgress(2, blocked, dead=dead))
    return api


async def test_events_are_listed_with_what_they_say(told: Api, orchestrator: Orchestrator) -> None:
    del told
    listed = await orchestrator("events", "list")
    assert listed.code == 0
    for expected in ("shop.order.v1.OrderPlaced", "saga-3", "provisional", event_id("s", "1")):
        assert expected in listed.out

    of_one = json.loads((await orchestrator("events", "list", "--saga", "saga-2", "--json")).out)
    (event,) = of_one["events"]
    assert (event["position"], event["provisional"], event["payload"]["order_id"]) == ("2", True, "o-2")
    assert "saga-1" not in (await orchestrator("events", "list", "--after", "1")).out


async def test_sinks_are_shown_with_how_far_they_were_told_and_what_was_done_to_them(
    told: Api, orchestrator: Orchestrator
) -> None:
    assert (await orchestrator("events", "replay", "billing", "--from", "2")).code == 0

    (sink,) = json.loads((await orchestrator("events", "sinks", "--json")).out)["sinks"]

    assert (sink["name"], sink["position"], sink["behind"]) == ("billing", "1", "2")
    assert sink["acts"][0]["act"] == "replayed from position 2"
    assert sink["acts"][0]["requested_by"].startswith("ada (")
    assert "billing" in (await orchestrator("events", "sinks")).out
    claim = await told.journal.claim_sink("billing", "replica-2", MINUTE)
    assert claim is not None
    assert claim.position == 1


async def test_a_replay_begins_at_an_instant(told: Api, orchestrator: Orchestrator) -> None:
    replayed = await orchestrator("events", "replay", "billing", "--from", "2023-11-14T22:15:00+00:00")

    assert replayed.err == "billing is told everything from position 2 on once more\n"
    (sink,) = await told.journal.sinks()
    assert sink.position == 1


async def test_dead_letters_are_listed_and_tried_again(told: Api, orchestrator: Orchestrator) -> None:
    listed = await orchestrator("events", "dead-letters", "billing")
    assert "410: gone" in listed.out
    assert "saga-1" in listed.out
    assert (await orchestrator("events", "retry", "billing")).code == 2, "which?"

    retried = await orchestrator("events", "retry", "billing", "1")

    assert retried.err == "1 dead letter of billing: tried again\n"
    (letter,) = await told.journal.dead_letters("billing", 0, 9)
    assert letter.due_at is not None
    assert "tried again; before" in (await orchestrator("events", "dead-letters", "billing")).out
    assert (await orchestrator("events", "retry", "billing", "--all")).code == 0


async def test_a_sink_is_forgotten(told: Api, orchestrator: Orchestrator) -> None:
    assert (await orchestrator("events", "forget", "billing")).code == 0

    assert await told.journal.sinks() == []
    assert (await orchestrator("events", "sinks")).err.startswith("nobody is told of events")
    for command in (("replay", "billing", "--from", "1"), ("retry", "billing", "--all"), ("forget", "billing")):
        refused = await orchestrator("events", *command)
        assert refused.code != 0
        assert "there is no sink 'billing'" in refused.err


async def test_who_sees_some_sagas_only_sees_no_events() -> None:
    subjects = f"ben: {{sha256: {fingerprint('saga_ben')}, roles: [admin], attributes: {{customer_id: ben}}}}"
    async with (
        serving(MemoryJournal(SystemClock().now), Mocks(), "test", subjects=subjects) as api,
        grpc.aio.insecure_channel(api.address, interceptors=with_token("saga_ben")) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await EventServiceStub(channel).ListEvents(pb.ListEventsRequest())

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    status = rpc_status.from_call(refused.value)  # type: ignore[arg-type]
    info = error_details_pb2.ErrorInfo()
    assert status is not None
    assert any(detail.Unpack(info) and info.reason == "NARROWED" for detail in status.details)
