"""The pages of the shop over real HTTP: who may do what, and what a form may ask for. The participants are mocks."""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import TYPE_CHECKING

import pytest

from orchestrator.console.forgery import FIELD
from orchestrator.shop.pages.routes import shop_pages
from tests.integration.console.conftest import form_token, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from tests.integration.console.conftest import Opened

ORDER = re.compile(r"/shop/orders/([0-9a-f-]{36})")
DISABLED = re.compile(r"<button[^>]*disabled[^>]*>(?:\s*<span class=\"name\">)?([^<]+)<")


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Opened]:
    async with opened(tmp_path, pages=[shop_pages]) as console:
        yield console


async def buy(visitor: httpx2.AsyncClient, **changes: str) -> httpx2.Response:
    form = {"request_id": str(uuid.uuid4()), "customer": "alice", "cart": "MUG-BLUE.2", "rehearsal": "nothing"}
    return await visitor.post("/shop/orders", data={**form, FIELD: await form_token(visitor), **changes})


async def bought(visitor: httpx2.AsyncClient, **changes: str) -> str:
    """The path of the order."""
    answer = await buy(visitor, **changes)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def ended(console: Opened, order_id: str) -> None:
    async for _ in console.api.replica.watch(order_id):
        pass


async def test_a_starter_buys_and_a_viewer_reads_how_the_order_fares(console: Opened) -> None:
    payment = console.api.mocks.hold("AuthorizePayment")
    async with console.visitor("starter") as starter, console.visitor("viewer") as viewer:
        path = await bought(starter)
        assert "We are at work on your order" in (await viewer.get(path)).text
        payment.set()
        order_id = ORDER.search(path)
        assert order_id
        await ended(console, order_id[1])
        assert "Your order is received" in (await viewer.get(path)).text


async def test_a_viewer_sees_why_nothing_can_be_bought_or_cancelled(console: Opened) -> None:
    console.api.mocks.hold("AuthorizePayment")
    async with console.visitor("starter") as starter, console.visitor("viewer") as viewer:
        front = (await viewer.get("/shop")).text
        assert "Buy" in DISABLED.findall(front)
        assert "To buy, you need the role starter." in front
        assert (await buy(viewer)).status_code == 403
        path = await bought(starter)
        order = (await viewer.get(path)).text
        assert "You need the role starter." in order
        answer = await viewer.post(f"{path.partition('?')[0]}/cancel", data={FIELD: await form_token(viewer)})
        assert answer.status_code == 403


async def test_nobody_buys_with_a_form_that_is_not_their_own(console: Opened) -> None:
    async with console.visitor("starter") as starter:
        assert (await buy(starter, **{FIELD: "forged"})).status_code == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"customer": "a b"},
        {"customer": ""},
        {"request_id": "1"},
        {"rehearsal": "other"},
        {"rehearsal": "step", "step": "shop.other.v1.Other.Do", "fault": "slow"},
    ],
    ids=str,
)
async def test_a_form_that_makes_no_sense_is_refused_and_places_nothing(
    console: Opened, changes: dict[str, str]
) -> None:
    async with console.visitor("starter") as starter:
        assert (await buy(starter, **changes)).status_code == 400
        assert console.api.mocks.called == []


async def test_the_same_request_id_with_another_cart_is_refused(console: Opened) -> None:
    async with console.visitor("starter") as starter:
        request_id = str(uuid.uuid4())
        first = await bought(starter, request_id=request_id)
        assert await bought(starter, request_id=request_id.upper()) == first
        assert (await buy(starter, request_id=request_id, cart="TEE-M.1")).status_code == 409


async def test_where_the_services_make_no_faults_the_buttons_say_so_and_nothing_is_placed(console: Opened) -> None:
    async with console.visitor("starter") as starter:
        front = (await starter.get("/shop")).text
        assert {"Service down", "Needs a person"} <= set(DISABLED.findall(front))
        assert "Declined card" not in DISABLED.findall(front)
        assert "SHOP_FAULTS=true" in front
        assert (await buy(starter, rehearsal="service-down")).status_code == 400
        assert console.api.mocks.called == []


async def test_a_catalogue_that_does_not_answer_is_told_and_everything_else_works(console: Opened) -> None:
    async with console.visitor("starter") as starter:
        assert "The catalogue does not answer now." in (await starter.get("/shop?cart=MUG-BLUE.2")).text
        await bought(starter, cart="")


async def test_only_orders_are_shown_as_orders(console: Opened) -> None:
    async with console.visitor("starter") as starter:
        assert (await starter.get("/shop/orders/no-such-order")).status_code == 404


async def test_only_an_approver_can_say_yes(console: Opened) -> None:
    console.api.mocks.hold("AuthorizePayment")
    async with console.visitor("starter") as starter, console.visitor("approver") as approver:
        path = (await bought(starter)).partition("?")[0]
        token = {FIELD: await form_token(starter)}
        assert (await starter.post(f"{path}/approve", data=token)).status_code == 403
        # It does not wait for a yes, so that comes at the wrong time.
        token = {FIELD: await form_token(approver)}
        assert (await approver.post(f"{path}/approve", data=token)).status_code == 409


async def test_a_customers_cancel_is_in_the_journal_with_who_did_it(console: Opened) -> None:
    payment = console.api.mocks.hold("AuthorizePayment")
    async with console.visitor("starter") as starter:
        path = await bought(starter)
        order_id = ORDER.search(path)
        assert order_id
        await console.api.called("AuthorizePayment")
        token = {FIELD: await form_token(starter)}
        cancelling = asyncio.create_task(
            starter.post(f"{path.partition('?')[0]}/cancel?rehearsal=cancel", data=token, timeout=30)
        )
        # The hold that is under way is not interrupted.
        await console.api.until(lambda: console.api.worker.live[order_id[1]]._run.stop_control.stop)
        payment.set()
        cancelled = await cancelling
        assert cancelled.headers["location"] == f"/shop/orders/{order_id[1]}?rehearsal=cancel"
        await ended(console, order_id[1])
        order = (await starter.get(path)).text
        assert "You cancelled the order." in order
        state = await console.api.replica.get(order_id[1])
        assert state.rollback is not None
        assert (state.rollback.requested_by, state.rollback.message) == (
            "starter",
            "the customer cancelled the order in the shop",
        )


@pytest.mark.parametrize("role", ["viewer", "starter", "operator", "approver", "admin"])
async def test_every_role_may_look(console: Opened, role: str) -> None:
    async with console.visitor(role) as visitor:
        for path in (
            "/shop",
            "/shop?cart=MUG-BLUE.1",
            "/shop/days",
            "/shop/days?days=90",
            "/shop/days?days=x&on=2026-01-01",
            "/shop/days?on=x",
        ):
            assert (await visitor.get(path)).status_code == 200
