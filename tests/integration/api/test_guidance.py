"""GetSaga says in plain words where a saga stands and what the caller can do, where it is asked for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saga.v1 import saga_service_pb2 as pb
from saga.v1.access_pb2 import ROLE_OPERATOR
from tests.integration.api.conftest import an_order
from tests.integration.api.situations import AUTHORIZE, in_doubt, start

if TYPE_CHECKING:
    from saga.v1.guidance_pb2 import Guidance
    from tests.integration.api.conftest import Api


async def guided(api: Api, saga_id: str) -> Guidance:
    return (await api.sagas.GetSaga(pb.GetSagaRequest(saga_id=saga_id, include_guidance=True))).guidance


async def test_of_a_saga_in_doubt_the_commands_that_help_come_first(api: Api) -> None:
    saga_id = await in_doubt(api, an_order(), "AuthorizePayment")
    guidance = await guided(api, saga_id)
    first = guidance.choices[0]

    assert guidance.advice.startswith("Find out at PaymentService")
    assert (first.name, first.key, first.took_effect, first.helps) == ("resolve", AUTHORIZE, True, True)
    assert first.command.startswith(f"orchestrator resolve {saga_id} '{AUTHORIZE}' --took-effect --reply-json")
    assert (first.rpc, first.role, first.refusal) == ("ResolveOutcome", ROLE_OPERATOR, "")
    assert all(choice.refusal for choice in guidance.choices[-2:])


async def test_without_being_asked_the_answer_holds_no_guidance(api: Api) -> None:
    saga_id = (await start(api, an_order(), wait=5)).saga_id

    assert not (await api.sagas.GetSaga(pb.GetSagaRequest(saga_id=saga_id))).HasField("guidance")
    assert (await guided(api, saga_id)).coming[0].parts[0].text == "Nothing: it has ended."
