"""The console's own pages over HTTP, before a replica whose participants are mocks."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from orchestrator.console.forgery import FIELD
from orchestrator.ports.outbox import DeadLetter, SinkProgress
from tests.integration.api.conftest import an_order
from tests.integration.console.conftest import form_token
from tests.support.journals import AT, told

if TYPE_CHECKING:
    import httpx2

    from tests.integration.console.conftest import Opened

REFUSED = "AuthorizePayment"


async def placed(console: Opened, *customers: str) -> list[str]:
    """Orders of these customers, which have ended; their ids."""
    answers = [await console.api.orders.StartOrder(an_order(customer_id=each, wait=10)) for each in customers]
    return [answer.order.order_id for answer in answers]


async def refused(console: Opened, customer: str) -> str:
    """An order whose card is declined."""
    console.api.mocks.refused[REFUSED] = 1
    (order_id,) = await placed(console, customer)
    return order_id


async def page(visitor: httpx2.AsyncClient, path: str) -> str:
    answer = await visitor.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("path", ["/", "/?period=week", "/sagas", "/bulk", "/definitions", "/schedules", "/events"])
async def test_every_page_can_be_seen_before_there_is_a_saga(console: Opened, path: str) -> None:
    async with console.visitor("viewer") as visitor:
        assert "<h1>" in await page(visitor, path)


async def test_the_overview_counts_sagas_and_tells_what_failed(console: Opened) -> None:
    await placed(console, "ada", "grace")
    await refused(console, "ada")
    async with console.visitor("viewer") as visitor:
        shown = await page(visitor, "/")
    assert '<a class="tile" href="/sagas?status=completed">\n      <span class="figure">2</span>' in shown
    assert '<a class="tile" href="/sagas?status=compensated">\n      <span class="figure">1</span>' in shown
    assert "PaymentService.AuthorizePayment</a>" in shown
    assert "Nothing needs a person." in shown
    assert "<dt>started</dt><dd>3</dd>" in shown


async def test_the_list_shows_what_the_address_asks_for(console: Opened) -> None:
    of_ada, of_grace = await placed(console, "ada", "grace")
    failed = await refused(console, "ada")
    wanted = {
        "": {of_ada, of_grace, failed},
        "?status=completed": {of_ada, of_grace},
        "?attribute=customer_id%3Dada": {of_ada, failed},
        "?command=AuthorizePayment": {failed},
        "?code=REJECTED&status=compensated": {failed},
        "?reason=told+to+refuse": {failed},
        "?reason=never+said": set(),
        "?version=1": {of_ada, of_grace, failed},
        "?version=2": set(),
        f"?id={of_grace[:-4]}": {of_grace},
        "?from=2999-01-01T00:00": set(),
    }
    async with console.visitor("viewer") as visitor:
        for query, ids in wanted.items():
            shown = await page(visitor, f"/sagas{query}")
            assert {each for each in (of_ada, of_grace, failed) if f'href="/sagas/{each}"' in shown} == ids, query


async def test_a_mistake_in_the_filter_is_told_beside_it(console: Opened) -> None:
    async with console.visitor("viewer") as visitor:
        assert "there is no status &#39;asleep&#39;" in await page(visitor, "/sagas?status=asleep")
        assert "has no attribute &#39;colour&#39;" in await page(visitor, "/sagas?attribute=colour%3Dred")


async def test_the_list_goes_on_where_a_page_ends(console: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.console.pages.sagas.PAGE_SIZE", 2)
    ids = await placed(console, "ada", "ada", "ada")
    async with console.visitor("viewer") as visitor:
        first = await page(visitor, "/sagas?status=completed")
        older = first.partition('<a class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
        second = await page(visitor, older)
    assert [each in first for each in ids] == [False, True, True]
    assert [each in second for each in ids] == [True, False, False]
    assert "the newest</a>" in second


async def test_a_bulk_act_is_tried_first_and_then_done_to_the_sagas_that_were_counted(console: Opened) -> None:
    held = console.api.mocks.hold("ReserveStock")
    for _ in range(3):
        await console.api.orders.StartOrder(an_order())
    async with console.visitor("operator") as visitor:
        token = await form_token(visitor)
        form = {FIELD: token, "status": "running", "act": "PAUSE"}
        prepared = await visitor.post("/bulk", data=form)
        assert prepared.status_code == 303
        where = prepared.headers["location"]
        async for act in console.api.replica.bulk.watch(where.rpartition("/")[2]):
            assert act.total == 3
        assert "Pause 3 sagas" in await page(visitor, where)
        await console.api.orders.StartOrder(an_order())
        assert (await visitor.post(f"{where}/start", data={FIELD: token, "why": ""})).status_code == 400
        started = await visitor.post(f"{where}/start", data={FIELD: token, "why": "we move house"})
        assert started.status_code == 303
        held.set()  # a pause waits for what is under way
        async for act in console.api.replica.bulk.watch(where.rpartition("/")[2]):
            assert act.total == 3
        assert "we move house" in await page(visitor, where)
        rows = list(csv.DictReader((await page(visitor, f"{where}/results.csv")).splitlines()))
    assert [row["answer"] for row in rows] == ["DONE"] * 3


async def test_a_bulk_act_needs_an_operator_and_the_page_says_so(console: Opened) -> None:
    async with console.visitor("viewer") as visitor:
        shown = await page(visitor, "/sagas?status=running")
        assert "you are viewer; PrepareBulkAct needs operator" in shown
        form = {FIELD: await form_token(visitor), "status": "running", "act": "PAUSE"}
        assert (await visitor.post("/bulk", data=form)).status_code == 403


async def test_a_bulk_act_on_everything_is_refused(console: Opened) -> None:
    async with console.visitor("operator") as visitor:
        form = {FIELD: await form_token(visitor), "act": "PAUSE"}
        told = await visitor.post("/bulk", data=form)
    assert told.status_code == 400
    assert "restricts nothing" in told.text


async def test_a_definition_shows_its_plan_its_contracts_and_whether_its_code_fits(console: Opened) -> None:
    console.api.mocks.hold("ReserveStock")
    await console.api.orders.StartOrder(an_order())
    await console.api.called("ReserveStock")
    async with console.visitor("viewer") as visitor:
        listed = await page(visitor, "/definitions")
        assert 'href="/definitions/place_order/1"' in listed
        shown = await page(visitor, "/definitions/place_order/1?verify=now")
        assert (await visitor.get("/definitions/place_order/99")).status_code == 400
    assert "1 verified, all in line." in shown
    assert "<svg" in shown
    assert "PaymentService.VoidAuthorization" in shown


async def test_sagas_of_a_narrowed_caller_are_the_only_ones_that_the_caller_is_shown(console: Opened) -> None:
    of_ada, of_grace = await placed(console, "ada", "grace")
    narrowed = "\n  attributes: {customer_id: ada}"
    text = console.subjects.read_text().replace("roles: [viewer]", f"roles: [viewer]{narrowed}")
    console.subjects.write_text(text)
    async with console.visitor("viewer") as visitor:
        shown = await page(visitor, "/sagas")
        while of_grace in shown:
            shown = await page(visitor, "/sagas")
        assert of_ada in shown
        assert '<span class="figure">0</span>' in await page(visitor, "/")


async def test_a_sink_is_shown_with_what_it_has_not_taken_and_an_operator_has_that_tried_again(console: Opened) -> None:
    journal = console.api.journal
    journal.tell([told(1, "saga-1"), told(2, "saga-2")])
    claim = await journal.claim_sink("billing", "replica-1", 60 * 1_000_000_000)
    assert claim is not None
    dead = DeadLetter(1, "saga-1", 9, AT, AT, "410 <gone>")
    failing = SinkProgress(1, dead=[dead], failing_since=AT, error="nobody there")
    await journal.note_progress("billing", claim.token, failing)
    async with console.visitor("viewer") as visitor:
        shown = await page(visitor, "/events")
        for said in ("billing", "takes nothing", "nobody there", "410 &lt;gone&gt;", "shop.v1.Sold", "provisional"):
            assert said in shown
        refused = await visitor.post("/events/billing/retry", data={FIELD: await form_token(visitor)})
        assert refused.status_code == 403
    async with console.visitor("operator") as visitor:
        done = await visitor.post("/events/billing/retry", data={FIELD: await form_token(visitor)})
        assert done.status_code == 303
        assert "dead letters tried again: all" in await page(visitor, "/events")

    (letter,) = await journal.dead_letters("billing", 0, 9)
    assert letter.due_at is not None
