"""One run of the fuzzer against a real orchestrator, over gRPC and HTTP in turn, and what must hold after it."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import grpc
import httpx2
import psutil  # type: ignore[import-untyped]  # it ships no types

from saga.v1.saga_service_pb2 import ListSagasRequest, ListSagasResponse
from tests.fuzz.fuzzer import Caller, Findings, contracts_at, fuzz
from tests.fuzz.over_http import fuzz_over_http
from tests.support.served import PATIENCE, served, token_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


NOBODY: Final = Caller("nobody", "")
VIEWER: Final = Caller("viewer", f"Bearer {token_of('viewer')}")

_WARM_UP: Final = 200
_CLOSING_SECONDS: Final = 10
_MOST_GROWTH: Final = 48 * 1024 * 1024
"""More bytes than caches that are filled once, and the arenas of the allocator, take; less than a leak in minutes."""


class Result(NamedTuple):
    """What came of a run.

    Attributes:
        calls: how many were made over gRPC, and as many over HTTP.
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
        with httpx2.Client(base_url=orchestrator.console, timeout=PATIENCE) as client:
            callers, chance = (NOBODY, VIEWER), random.Random(seed)
            over_grpc = fuzz(channel, methods, callers, chance, findings)
            over_http = fuzz_over_http(client, methods, callers, chance, findings)
            for number, _ in zip(over_grpc, over_http, strict=True):
                if number == _WARM_UP:
                    before = process.memory_info().rss
                if not goes_on(number):
                    break
        grown = process.memory_info().rss - before if before else 0
        if grown > _MOST_GROWTH:
            problems.append(f"the process has grown by {grown // 1024} KiB in {number} calls")
        if journalled := _journalled(channel):
            problems.append(f"{journalled} sagas are journalled")
        if connections := _connections_left(process):
            problems.append(f"{connections} connections more than ours are open")
    problems += findings.accidents
    problems += [f"it said: {line.strip()}" for line in orchestrator.said if _is_accident(line)]
    return Result(number, dict(findings.answers), problems)


def _connections_left(process: psutil.Process) -> int:
    """How many connections stay open besides that of gRPC; it takes a moment until both ends have closed one."""
    end = time.monotonic() + _CLOSING_SECONDS
    while True:
        open_ones = [each for each in process.net_connections("tcp") if each.status != psutil.CONN_LISTEN]
        if len(open_ones) <= 1 or time.monotonic() > end:
            return max(0, len(open_ones) - 1)
        time.sleep(0.05)


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
