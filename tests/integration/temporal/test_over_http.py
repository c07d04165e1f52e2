"""A saga on Temporal sends its commands to a participant over HTTP, as a saga on a replica does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from google.protobuf import json_format

from orchestrator.bootstrap.clock import SystemClock
from orchestrator.channels.http.channel import HttpChannel
from orchestrator.channels.router import Router
from orchestrator.contract.addresses import HTTP
from orchestrator.engine.temporal.cluster.connecting import connect
from orchestrator.engine.temporal.opening import WorkerOptions, opened
from orchestrator.journal.state import Status
from orchestrator.testing.conformance.engines.harness import Stage
from orchestrator.testing.conformance.engines.sagas import announced
from orchestrator.testing.world.observer import RecordingObserver
from orchestrator.testing.world.participants import ScriptedParticipants, sample
from tests.integration.temporal.test_from_outside import Workers
from tests.support.http_participant import HttpParticipant, Request, response

if TYPE_CHECKING:
    from tests.support.temporal import Namespaces

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

COMMANDS = {command.method: command for command in announced.commands.values()}


def method_of(request: Request) -> str:
    """The rpc in the key of a request, such as ``announced-1/InventoryService.ReserveStock#1``."""
    return request.headers["idempotency-key"].partition(".")[2].partition("#")[0]


async def answered(request: Request) -> bytes:
    reply = json_format.MessageToJson(sample(COMMANDS[method_of(request)].response))
    return response(200, reply, content_type="application/json")


async def test_a_participant_over_http_is_sent_each_command_once_with_its_key(temporal_namespaces: Namespaces) -> None:
    client = await connect(temporal_namespaces.take())
    async with HttpParticipant() as participant:
        participant.answer = answered
        where = dict.fromkeys(announced.services, f"http://{participant.address}")
        router = Router(where, {HTTP: partial(HttpChannel, HTTP)})
        observer = RecordingObserver()
        options = WorkerOptions(grace=0.0)
        async with opened(client, [announced], router, observer, SystemClock(), options) as sagas:
            state = await Stage(Workers(sagas, client), ScriptedParticipants(), observer).run(announced, "announced-1")
        await router.close()

    assert state.status is Status.COMPLETED, state.reason
    assert [method_of(request) for request in participant.requests] == [
        "ReserveStock",
        "CapturePayment",
        "SendConfirmation",
    ]
