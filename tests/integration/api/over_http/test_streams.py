"""Streams over HTTP: as lines, as events; how they end, and that those who have gone are let go."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from google.protobuf import json_format

from orchestrator.api.calls import lasting
from orchestrator.api.over_http import streams
from saga.v1 import saga_pb2
from saga.v1 import saga_service_pb2 as pb
from tests.integration.api.conftest import an_order
from tests.integration.api.over_http.conftest import order_document
from tests.integration.api.situations import held_at
from tests.integration.console.conftest import following
from tests.support.served import entry

if TYPE_CHECKING:
    from tests.integration.console.conftest import Opened


async def test_lines_tell_a_saga_after_each_change_until_its_end(http: Opened) -> None:
    saga_id = await held_at(http.api, an_order(), "AuthorizePayment")
    async with http.caller("viewer") as viewer, viewer.stream("GET", f"/v1/sagas/{saga_id}:watch") as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
        lines = answer.aiter_lines()
        first = json_format.ParseDict(json.loads(await anext(lines))["result"], pb.WatchSagaResponse())
        assert (first.saga.saga_id, first.saga.status) == (saga_id, saga_pb2.STATUS_RUNNING)
        http.api.mocks.held["AuthorizePayment"].set()
        rest = [json.loads(line) async for line in lines if line]
    assert rest[-1]["result"]["saga"]["status"] == "STATUS_COMPLETED"


async def test_events_say_that_they_have_ended_so_that_a_browser_does_not_ask_again(http: Opened) -> None:
    async with http.caller("starter") as starter:
        order_id = (await starter.post("/v1/orders", json=order_document(wait="10s"))).json()["order"]["orderId"]
        async with following(starter, f"/v1/orders/{order_id}:watch") as events:
            told = [event async for event in events]
    assert json.loads(told[-2][0].removeprefix("data: "))["order"]["status"] == "STATUS_COMPLETED"
    assert told[-1] == ["event: end", "data:"]


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
async def test_a_refusal_at_once_has_a_status_of_its_own(http: Opened, accept: str) -> None:
    async with http.caller("viewer", accept=accept) as viewer:
        answer = await viewer.get("/v1/sagas/nobody:watch")
    assert (answer.status_code, answer.json()["reason"]) == (404, "SAGA_NOT_FOUND")


async def test_a_drain_ends_a_stream_with_a_refusal_in_it(http: Opened) -> None:
    saga_id = await held_at(http.api, an_order(), "AuthorizePayment")
    async with http.caller("viewer") as viewer, viewer.stream("GET", f"/v1/sagas/{saga_id}:watch") as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        draining = asyncio.create_task(http.server.drain(5))
        last = [json.loads(line) async for line in lines if line][-1]["error"]
        await draining
    assert (last["status"], last["code"], last["reason"]) == (503, "UNAVAILABLE", "DRAINING")


async def test_a_caller_whose_token_is_taken_away_is_told_no_more(
    http: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting, "_TRUSTED_SECONDS", 0.05)
    async with http.caller("viewer") as viewer, viewer.stream("GET", "/v1/sagas:watch") as answer:
        http.subjects.write_text(entry("somebody", "viewer"))
        last = [json.loads(line) async for line in answer.aiter_lines() if line][-1]["error"]
    assert (last["status"], last["reason"]) == (401, "TOKEN_NOT_KNOWN")


async def test_a_stream_with_nothing_to_tell_lives_and_a_reader_who_has_gone_is_let_go(
    http: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(streams, "_FIRST_SECONDS", 0.01)
    async with http.caller("viewer") as viewer:
        async with following(viewer, "/v1/sagas:watch") as events:
            assert [await anext(events) for _ in range(3)] == [[": heartbeat"]] * 3
            assert http.api.feed.statistics().watchers == 1
        await http.api.until(lambda: http.api.feed.statistics().watchers == 0)


async def test_a_stream_lasts_no_longer_than_its_caller_waits(http: Opened) -> None:
    async with http.caller("viewer") as viewer:
        answer = await viewer.get("/v1/sagas:watch", headers={"request-timeout": "0.1"})
    assert (answer.status_code, answer.json()["code"]) == (504, "DEADLINE_EXCEEDED")


async def test_a_call_whose_caller_has_gone_is_broken_off(http: Opened) -> None:
    http.api.mocks.hold("AuthorizePayment")
    async with http.caller("starter") as starter:
        asking = asyncio.create_task(starter.post("/v1/orders", json=order_document(wait="300s")))
        await http.api.called("AuthorizePayment")
        waiting = len(asyncio.all_tasks())
        asking.cancel()
        await http.api.until(lambda: len(asyncio.all_tasks()) < waiting - 1)
    assert len(http.api.worker.live) == 1
