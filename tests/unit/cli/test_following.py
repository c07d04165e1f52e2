"""A saga is followed over a restart of the orchestrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest

from orchestrator.cli.commands import follow
from saga.v1 import saga_pb2
from saga.v1.saga_service_pb2 import WatchSagaRequest, WatchSagaResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def away(code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "gone")


class Orchestrator:
    """The API of one that goes away: each call of WatchSaga tells some statuses, and breaks where it says so.

    Args:
        calls: what each call tells, one after the other; at last its error, if it breaks.
    """

    def __init__(self, *calls: list[Any]) -> None:
        self._calls = iter(calls)

    async def WatchSaga(self, request: WatchSagaRequest) -> AsyncIterator[WatchSagaResponse]:  # noqa: N802 - as in the API
        for told in next(self._calls):
            if isinstance(told, Exception):
                raise told
            yield WatchSagaResponse(saga=saga_pb2.Saga(saga_id=request.saga_id, status=told))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_AGAIN_SECONDS", 0)


async def seen(orchestrator: Any) -> list[int]:  # noqa: ANN401 - it stands for a stub
    return [saga.status async for saga in follow.watched(orchestrator, "order-1")]


async def test_a_saga_is_followed_on_when_the_orchestrator_is_back(capsys: pytest.CaptureFixture[str]) -> None:
    running, completed = saga_pb2.STATUS_RUNNING, saga_pb2.STATUS_COMPLETED
    orchestrator = Orchestrator([running, away()], [away()], [running, completed])

    assert await seen(orchestrator) == [running, running, completed]
    assert capsys.readouterr().err == "the orchestrator went away; this goes on when it is back\n"


async def test_an_orchestrator_that_stays_away_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_PATIENCE_SECONDS", -1)

    with pytest.raises(grpc.aio.AioRpcError):
        await seen(Orchestrator([away()]))


async def test_a_refusal_is_told_and_not_asked_for_again() -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await seen(Orchestrator([away(grpc.StatusCode.PERMISSION_DENIED)]))
