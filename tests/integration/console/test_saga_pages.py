"""The pages of one saga and the desk: who sees and does what there, and what is refused."""

from __future__ import annotations

import html
import re
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from orchestrator import approval, saga, signal
from orchestrator.api.guidance.advice import DEAD_COMMANDS
from orchestrator.console.forgery import FIELD
from orchestrator.journal.state import Status
from orchestrator.ports.dead_commands import FoundDeadCommands
from saga.v1 import saga_service_pb2 as pb
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest
from tests.integration.api.conftest import an_order
from tests.integration.api.situations import AUTHORIZE, held_at, in_doubt, packed, paused_at, start
from tests.integration.console.conftest import following, form_token, opened
from tests.support.dead_commands import INVENTORY, dead_command
from tests.support.engine_world import Shop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import httpx2

    from tests.integration.console.conftest import Opened

    Of = Callable[[str], httpx2.AsyncClient]

ORDER = an_order(card_token="tok_secret")


@saga("approved", version=1)
async def approved(order: StartOrderRequest, _shop: Shop) -> Receipt:
    """Somebody says yes or no."""
    answer = await approval()
    return Receipt(order_id=order.customer_id, carrier=answer.decided_by)


@saga("patient", version=1)
async def patient(order: StartOrderRequest, _shop: Shop) -> Receipt:
    """Somebody says something, twice."""
    first, second = await signal("note", StringValue), await signal("note", StringValue)
    return Receipt(order_id=order.customer_id, carrier=f"{first.value} {second.value}")


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Opened]:
    async with opened(tmp_path, others=[patient, approved], trace_url="http://jaeger/trace/{trace_id}") as console:
        yield console


@pytest.fixture
async def of(console: Opened) -> AsyncIterator[Of]:
    """The browser of the subject with this role."""
    async with AsyncExitStack() as stack:
        roles = ("viewer", "operator", "approver", "admin")
        browsers = {role: await stack.enter_async_context(console.visitor(role)) for role in roles}
        yield browsers.__getitem__


async def send(visitor: httpx2.AsyncClient, act: str, **fields: str) -> httpx2.Response:
    """Send the form of an act."""
    return await visitor.post(f"/acts/{act}", data={FIELD: await form_token(visitor), **fields})


async def begun(console: Opened, definition: str) -> str:
    """A saga of this definition; its id."""
    request = pb.StartSagaRequest(definition=definition, input=packed(ORDER))
    saga_id: str = (await console.api.sagas.StartSaga(request)).saga.saga_id
    return saga_id


async def status(console: Opened, saga_id: str) -> Status | None:
    return (await console.api.replica.get(saga_id)).status


async def test_a_page_of_a_saga_tells_its_steps_and_masks_what_is_sensitive(console: Opened, of: Of) -> None:
    saga_id = (await start(console.api, ORDER, wait=5)).saga_id
    page = await of("viewer").get(f"/sagas/{saga_id}")

    assert page.status_code == 200
    assert "tok_secret" not in page.text
    assert "[redacted]" in html.unescape(page.text)
    assert re.search(r'href="http://jaeger/trace/[0-9a-f]{32}"', page.text)
    assert page.text.count('<svg xmlns="http://www.w3.org/2000/svg" class="drawing') == 2
    assert " style=" not in page.text


async def test_who_only_looks_is_told_which_role_is_missing(console: Opened, of: Of) -> None:
    saga_id = await held_at(console.api, ORDER, "ArrangeShipment")
    page = html.unescape((await of("viewer").get(f"/sagas/{saga_id}")).text)

    assert "you are viewer; CancelSaga needs operator" in page
    assert "/acts/cancel" not in page
    assert (await of("viewer").get(f"/acts/cancel?saga={saga_id}")).status_code == 403
    assert (await send(of("viewer"), "cancel", saga=saga_id, reason="no")).status_code == 403


async def test_a_yes_needs_an_approver(console: Opened, of: Of) -> None:
    saga_id = await begun(console, "approved")
    no = await send(of("operator"), "approve", saga=saga_id, signal="approval", reason="yes")
    yes = await send(of("approver"), "approve", saga=saga_id, signal="approval", reason="yes")

    assert (no.status_code, yes.status_code) == (403, 303)
    await console.api.until(lambda: not console.api.replica.is_live(saga_id))
    assert await status(console, saga_id) is Status.COMPLETED
    assert b"approver" in ((await console.api.replica.get(saga_id)).result or b"")


async def test_a_signal_is_given_once_however_often_its_form_is_sent(console: Opened, of: Of) -> None:
    saga_id = await begun(console, "patient")
    operator = of("operator")
    asked = await operator.get(f"/acts/signal?saga={saga_id}&signal=note")
    request_id = re.search(r'name="request_id" value="([0-9a-f-]{36})"', asked.text)
    assert request_id
    form = {"saga": saga_id, "signal": "note", "message": '"first"', "request_id": request_id[1]}
    answers = [await send(operator, "signal", **form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert len((await console.api.replica.get(saga_id)).signals) == 1


async def test_a_signal_without_a_readable_message_is_refused(console: Opened, of: Of) -> None:
    saga_id = await begun(console, "patient")
    answer = await send(of("operator"), "signal", saga=saga_id, signal="note", message="{not json")

    assert answer.status_code == 400
    assert "is no google.protobuf.StringValue" in html.unescape(answer.text)


@pytest.mark.parametrize("act", ["cancel", "pause", "resume", "retry", "approve", "reject"])
async def test_an_act_without_a_reason_is_refused(console: Opened, of: Of, act: str) -> None:
    saga_id = await held_at(console.api, ORDER, "ArrangeShipment")
    answer = await send(of("admin"), act, saga=saga_id, reason="  ")

    assert answer.status_code == 400
    assert "say it in a sentence" in answer.text


async def test_a_form_that_is_not_the_callers_own_does_nothing(console: Opened, of: Of) -> None:
    saga_id = await held_at(console.api, ORDER, "ArrangeShipment")
    forged = await of("admin").post("/acts/cancel", data={"saga": saga_id, "reason": "x", FIELD: "0" * 64})

    assert forged.status_code == 403
    assert await status(console, saga_id) is Status.RUNNING


async def test_an_act_that_comes_too_late_is_refused_with_its_reason(console: Opened, of: Of) -> None:
    saga_id = (await start(console.api, ORDER, wait=5)).saga_id
    answer = await send(of("operator"), "cancel", saga=saga_id, reason="too late")

    assert answer.status_code == 409
    assert "has completed" in answer.text


async def test_a_page_of_a_saga_that_is_not_there_says_so(of: Of) -> None:
    for path in ("/sagas/nowhere", "/case/nowhere", "/acts/pause?saga=nowhere"):
        assert (await of("admin").get(path)).status_code == 404


async def test_a_case_holds_what_was_sent_and_that_nobody_can_be_asked(console: Opened, of: Of) -> None:
    saga_id = await in_doubt(console.api, ORDER, "AuthorizePayment")
    page = html.unescape((await of("operator").get(f"/case/{saga_id}")).text)

    assert "Find out at PaymentService whether PaymentService.AuthorizePayment took effect" in page
    assert '"card_token": "[redacted]"' in page
    assert "tok_secret" not in page
    assert "PaymentService.GetPayment cannot be asked from here" in page
    assert f'name="key" value="{AUTHORIZE}"' in page


async def test_a_decision_without_evidence_is_refused_and_one_with_it_is_journalled(console: Opened, of: Of) -> None:
    saga_id = await in_doubt(console.api, ORDER, "AuthorizePayment")
    said = {"saga": saga_id, "key": AUTHORIZE, "effect": "yes", "reply": '{"payment_id": "pay-1"}'}
    operator = of("operator")
    without = await send(operator, "resolve", **said, evidence="")
    wrong = await send(operator, "resolve", **{**said, "reply": '{"nothing": 1}'}, evidence="seen")
    resolved = await send(operator, "resolve", **said, evidence="seen at the bank", **{"from": "case"})

    assert (without.status_code, wrong.status_code) == (400, 400)
    assert (resolved.status_code, resolved.headers["location"]) == (303, f"/case/{saga_id}")
    state = await console.api.replica.get(saga_id)
    assert state.commands[AUTHORIZE].reply
    page = html.unescape((await operator.get(f"/sagas/{saga_id}?entries=decisions+of+people")).text)
    assert "took effect, by operator: RESOLVED: seen at the bank" in page


async def test_the_desk_groups_by_cause_and_leads_to_each_case(console: Opened, of: Of) -> None:
    saga_id = await paused_at(console.api, ORDER, "ArrangeShipment")
    desk = html.unescape((await of("viewer").get("/desk")).text)

    assert "Somebody paused it" in desk
    assert f"/case/{saga_id}" in desk
    assert "definition=place_order&command=&code=PAUSED" in desk


async def test_the_desk_shows_what_participants_have_given_up_with_its_error_and_its_saga(
    console: Opened, of: Of
) -> None:
    letters = [dead_command("saga-1", "it <crashed>"), *(dead_command(f"saga-{n}") for n in range(2, 10))]
    away = "The dead letters below commands cannot be read: NATS is away"
    console.api.dead_commands.found = FoundDeadCommands({INVENTORY: 12}, letters, [away])
    desk = (await of("viewer").get("/desk")).text

    advice = html.escape(DEAD_COMMANDS)
    for said in (f"{INVENTORY}: 12", "InventoryService.ReserveStock", "it &lt;crashed&gt;", away, advice):
        assert said in desk
    assert [f"/sagas/saga-{n}" in desk for n in (1, 5, 6)] == [True, True, False]


async def test_a_command_that_cannot_be_read_is_shown_by_its_participant(console: Opened, of: Of) -> None:
    console.api.dead_commands.found = FoundDeadCommands({INVENTORY: 1}, [dead_command("", method="")])

    desk = (await of("viewer").get("/desk")).text

    assert f'<th scope="row">{INVENTORY}</th>' in desk
    assert "not known" in desk


async def test_an_empty_desk_says_so(of: Of) -> None:
    desk = (await of("viewer").get("/desk")).text

    assert "Nothing waits for a person." in desk
    assert "Given up by participants" not in desk


async def test_a_cause_that_is_over_says_so(of: Of) -> None:
    page = await of("operator").get("/desk/cause?definition=place_order&code=PAUSED")

    assert "No saga of place_order waits for this any more." in page.text
    assert (await of("operator").get("/desk/cause")).status_code == 404


async def test_the_stream_of_a_page_shows_what_has_changed(console: Opened, of: Of) -> None:
    saga_id = await held_at(console.api, ORDER, "ArrangeShipment")
    visitor = of("operator")
    async with following(visitor, f"/sagas/{saga_id}") as events:
        async for event in events:
            if "in progress" in "\n".join(event):
                break
        console.api.mocks.held["ArrangeShipment"].set()
        async for event in events:
            if "It completed at" in "\n".join(event):
                break


async def test_an_id_with_a_slash_has_a_page(console: Opened, of: Of) -> None:
    request = pb.StartSagaRequest(definition="place_order", input=packed(ORDER))
    saga_id = (await console.api.sagas.StartSaga(request)).saga.saga_id
    child = f"{saga_id}/saga.fulfil#1"

    answer = await of("viewer").get(f"/sagas/{quote(child, safe='')}")
    assert answer.status_code == 404
    assert child in html.unescape(answer.text)
