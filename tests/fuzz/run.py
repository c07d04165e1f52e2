"""One run of the fuzzer against a real orchestrator, and what must hold after it."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import grpc
import psutil  # type: ignore[import-untyped]  # it ships no types

from saga.v1.saga_service_pb2 import ListSagasRequest, ListSagasResponse
from tests.fuzz.fuzzer import Caller, Findings, contracts_at, fuzz
from tests.support.served import PATIENCE, served, token_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


NOBODY: Final = Caller("nobody", "")
VIEWER: Final = Caller("viewer", f"Bearer {token_of('viewer')}")

_WARM_UP: Final = 200
_MOST_GROWTH: Final = 48 * 1024 * 1024
"""More bytes than caches that are filled once, and the arenas of the allocator, take; less than a leak in minutes."""


class Result(NamedTuple):
    """What came of a run.

    Attributes:
        calls: how many were made.
        answers: how often each caller was answered with each status.
        problems: what should not have been, in words.
    """

    calls: int
    answers: dict[tuple[str, str], int]
    problems: list[str]


def run(folder: Path, seed: int, goes_on: Callable[[int], bool]) -> Result:
    """Fuzz as nobody and as a viewer.

    Args:
        folder: for the state of the orchestrator.
        seed: draws the calls.
        goes_on: whether there is to be another call, by the number of those that were made.
    """
    problems: list[str] = []
    with served(folder) as orchestrator, grpc.insecure_channel(orchestrator.address) as channel:
        process = psutil.Process(orchestrator.pid)
        _, methods = contracts_at(channel, VIEWER)
        before = number = 0
        findings = Findings(Counter(), [])
        for number in fuzz(channel, methods, (NOBODY, VIEWER), random.Random(seed), findings):
            if number == _WARM_UP:
                before = process.memory_info().rss
            if not goes_on(number):
                break
        grown = process.memory_info().rss - before if before else 0
        if grown > _MOST_GROWTH:
            problems.append(f"the process has grown by {grown // 1024} KiB in {number} calls")
        if journalled := _journalled(channel):
            problems.append(f"{journalled} sagas are journalled")
        connections = [each for each in process.net_connections("tcp") if each.status != psutil.CONN_LISTEN]
        if len(connections) > 1:
            problems.append(f"{len(connections) - 1} connections more than ours are open")
    problems += findings.accidents
    problems += [f"it said: {line.strip()}" for line in orchestrator.said if _is_accident(line)]
    return Result(number, dict(findings.answers), problems)


def _is_accident(line: str) -> bool:
    return "Traceback" in line or " ERROR " in line or " CRITICAL " in line


def _journalled(channel: grpc.Channel) -> int:
    list_sagas = channel.unary_unary(
        "/saga.v1.SagaService/ListSagas",
        request_serializer=ListSagasRequest.SerializeToString,
        response_deserializer=ListSagasResponse.FromString,
    )
    return len(
        list_sagas(ListSagasRequest(), metadata=(("authorization", VIEWER.authorization),), timeout=PATIENCE).sagas
    )
