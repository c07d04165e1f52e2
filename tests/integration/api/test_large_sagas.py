"""Sagas that have become larger than one message of gRPC's own size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest

from orchestrator.contract.command import Effect
from orchestrator.journal.entries import CommandCompleted, CommandIntended, ValueRecorded
from orchestrator.journal.state import Status
from orchestrator.ports.journal import Append, NewSaga
from saga.v1 import saga_service_pb2 as pb
from tests.integration.api.situations import start

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.integration.api.conftest import Answer, Api

    AnOrder = Callable[..., StartOrderRequest]
    Orchestrator = Callable[..., Awaitable[Answer]]

SAGA = "a-large-one"
RESERVE = "shop.inventory.v1.InventoryService.ReserveStock"


@pytest.fixture
async def entries(api: Api, an_order: AnOrder) -> int:
    """How many a saga has whose journal is larger than 4 MiB."""
    model = (await start(api, an_order(), wait=10)).saga_id
    first, *_, last = await api.journal.read(model)
    drawn = [ValueRecorded(first.at, f"uuid4#{number}", f"<{number}>" + "x" * 500_000) for number in range(10)]
    entries = [first, *drawn, last]
    new = NewSaga("place_order", 1, b"", first.at, ())
    await api.journal.append(Append(SAGA, "another", 1, 0, entries, Status.COMPLETED, first.at, new=new))
    return len(entries)


@pytest.mark.usefixtures("entries")
async def test_the_command_line_shows_a_journal_of_any_size(orchestrator: Orchestrator) -> None:
    shown = await orchestrator("journal", SAGA)

    assert (shown.code, shown.err) == (0, "")
    assert len(shown.out) > 5_000_000
    for command in ("show", "watch"):
        assert (await orchestrator(command, SAGA)).code == 0


async def test_a_client_pages_through_a_journal(entries: int, api: Api) -> None:
    request = pb.GetSagaRequest(saga_id=SAGA, include_journal=True, journal_page_size=5)
    sequences = []
    while True:
        answer = await api.sagas.GetSaga(request)
        sequences.append([entry.sequence for entry in answer.saga.journal])
        if not answer.next_journal_page_token:
            break
        request.journal_page_token = answer.next_journal_page_token

    assert sequences == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12]]
    assert entries == 12


@pytest.mark.parametrize("token", ["0", "-1", "x", "9" * 30, "1 "])
async def test_a_page_token_that_was_never_given_is_refused(api: Api, token: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.sagas.GetSaga(pb.GetSagaRequest(saga_id=SAGA, include_journal=True, journal_page_token=token))

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_reply_of_an_older_version_that_cannot_be_read_hides_no_journal(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    model = (await start(api, an_order(), wait=10)).saga_id
    first, *_ = await api.journal.read(model)
    key = "InventoryService.ReserveStock#1"
    intended = CommandIntended(first.at, key, RESERVE, Effect.COMPENSABLE, b"")
    entries = [first, intended, CommandCompleted(first.at, key, 1, first.at, b"\x0a\x03\xff\xfeA")]
    new = NewSaga("place_order", 1, b"", first.at, ())
    await api.journal.append(Append(SAGA, "another", 1, 0, entries, Status.RUNNING, new=new))

    journal, preview = await orchestrator("journal", SAGA), await orchestrator("preview", SAGA)

    assert (journal.code, preview.code) == (0, 0)
    assert "5 bytes that cannot be read as shop.inventory.v1.ReserveStockResponse" in journal.out
    assert "ReleaseStock" in preview.out
