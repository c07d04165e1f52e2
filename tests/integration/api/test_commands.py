"""The commands of operators, against an API in this process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from saga.v1 import saga_pb2
from tests.integration.api.situations import AUTHORIZE, ended, get, held_at, in_doubt, paused_at, start
from tests.support.tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shop.order.v1.order_service_pb2 import StartOrderRequest
    from tests.integration.api.conftest import Answer, Api

    AnOrder = Callable[..., StartOrderRequest]
    Orchestrator = Callable[..., Awaitable[Answer]]

RELEASE = "InventoryService.ReserveStock"


async def rolling_back_in_vain(api: Api, order: StartOrderRequest) -> str:
    """A saga that is suspended because its stock cannot be released."""
    api.mocks.refused.update({"ArrangeShipment": 1, "ReleaseStock": 1})
    return (await start(api, order, wait=10)).saga_id


async def test_journal_shows_each_entry_and_masks_what_is_sensitive(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    saga = await start(api, an_order(card_token="tok_secret"), wait=10)

    lines = (await orchestrator("journal", saga.saga_id)).out.splitlines()

    day, first, first_payload, *_ = lines
    assert day == f"{saga.started_at.ToDatetime():%Y-%m-%d} UTC"
    started = ["1", f"{saga.started_at.ToDatetime():%H:%M:%S.%f}"[:-3], "SagaStarted", "by ada (token file)"]
    assert first.split(maxsplit=3) == started
    assert '"customer_id": "ada", "email": "[redacted]"' in first_payload
    at = next(i for i, line in enumerate(lines) if line.endswith(f"CommandCompleted  {AUTHORIZE}"))
    assert '{"payment_id": "' in lines[at + 1]
    assert "tok_secret" not in "".join(lines)


async def test_journal_tells_refusals_and_who_decided_what(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    saga_id = await rolling_back_in_vain(api, an_order())
    await orchestrator("skip", saga_id, RELEASE, "--evidence", "sold by hand")

    told = [line.split(maxsplit=3)[2:] for line in (await orchestrator("journal", saga_id)).out.splitlines()]

    refusal = "FAILED_PRECONDITION: told to refuse"
    assert ["CommandRejected", f"ShippingService.ArrangeShipment#1, attempt 1: {refusal}"] in told
    assert ["CompensationSkipped", f"{RELEASE}#1, by ada (token file): SKIPPED: sold by hand"] in told


async def test_preview_lists_compensations_in_their_order_with_their_requests(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    saga_id = await held_at(api, an_order(), "ArrangeShipment")

    lines = (await orchestrator("preview", saga_id)).out.splitlines()

    assert lines[:3] == [
        "1. ShippingService.ArrangeShipment#1, in doubt, by CancelShipment",
        f'   {{"order_id": "{saga_id}"}}',
        "2. PaymentService.AuthorizePayment#1 by VoidAuthorization",
    ]


async def test_preview_says_why_there_is_no_way_back(api: Api, an_order: AnOrder, orchestrator: Orchestrator) -> None:
    saga_id = (await start(api, an_order(), wait=10)).saga_id

    assert (await orchestrator("preview", saga_id)).out == (f"it cannot be rolled back: saga {saga_id} has completed\n")


async def test_pause_and_resume_stop_a_saga_and_let_it_go_on(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    saga_id = await held_at(api, an_order(), "PriceOrder")
    pausing = asyncio.ensure_future(orchestrator("pause", saga_id, "--reason", "stocktaking"))
    await api.until(lambda: api.worker.live[saga_id]._run.stop_control.stop)
    api.mocks.held.pop("PriceOrder").set()
    assert "because PAUSED by ada: stocktaking" in (await pausing).out

    assert (await orchestrator("resume", saga_id)).code == 0

    assert (await ended(api, saga_id)).status == saga_pb2.STATUS_COMPLETED
    resumed = next(e for e in (await get(api, saga_id, journal=True)).journal if e.kind == "SagaResumed")
    assert resumed.reason.requested_by == "ada"


async def test_resolve_reads_the_reply_by_the_contract_and_tells_how_to_go_on(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    saga_id = await in_doubt(api, an_order(), "AuthorizePayment")
    evidence = ("--evidence", "the bank's page")

    reply = ("--took-effect", "--reply-json", '{"payment_id": "by-hand"}')
    done = await orchestrator("resolve", saga_id, "PaymentService.AuthorizePayment", *reply, *evidence)
    assert done.err == f"the saga stays suspended; carry on with: orchestrator resume {saga_id}\n"
    told = (await orchestrator("journal", saga_id)).out
    assert f"{AUTHORIZE}, took effect, by ada (token file): RESOLVED: the bank's page" in told
    assert '{"payment_id": "by-hand"}' in told
    await orchestrator("resume", saga_id)

    assert (await ended(api, saga_id)).status == saga_pb2.STATUS_COMPLETED


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--took-effect",), f"{AUTHORIZE} took effect: the saga needs its reply to go forward"),
        (("--no-effect", "--reply-json", "{}"), "--reply-json goes with --took-effect: nothing else has a reply"),
        (
            ("--took-effect", "--reply-json", '{"payment": 1}'),
            "--reply-json: this is no shop.payment.v1.AuthorizePaymentResponse: ",
        ),
        (("--took-effect", "--reply-json", "{"), "--reply-json: this is no shop.payment.v1.AuthorizePaymentResponse"),
    ],
)
async def test_what_cannot_be_resolved_so_is_one_line(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator, arguments: tuple[str, ...], complaint: str
) -> None:
    saga_id = await in_doubt(api, an_order(), "AuthorizePayment")

    done = await orchestrator("resolve", saga_id, AUTHORIZE, *arguments, "--evidence", "a guess")

    assert done.code
    assert done.err.startswith(f"error: {complaint}")
    assert len(done.err.splitlines()) == 1


async def test_resolve_of_a_step_that_is_not_there_names_those_that_are(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    saga_id = await in_doubt(api, an_order(), "AuthorizePayment")

    done = await orchestrator(
        "resolve", saga_id, "Nothing", "--took-effect", "--reply-json", "{}", "--evidence", "a guess"
    )

    assert (done.code, len(done.err.splitlines())) == (1, 1)
    assert done.err.startswith("error: no command 'Nothing'; there are: ")


async def test_skip_lets_an_effect_stand(api: Api, an_order: AnOrder, orchestrator: Orchestrator) -> None:
    saga_id = await rolling_back_in_vain(api, an_order())

    assert f"! {RELEASE}" in (await orchestrator("skip", saga_id, RELEASE, "--evidence", "sold by hand")).out
    await orchestrator("resume", saga_id)

    assert (await ended(api, saga_id)).status == saga_pb2.STATUS_PARTIALLY_COMPENSATED


async def test_act_tells_what_it_would_do_and_does_it(api: Api, an_order: AnOrder, orchestrator: Orchestrator) -> None:
    done = (await start(api, an_order(customer_id="bob"), wait=10)).saga_id
    running = await held_at(api, an_order(customer_id="bob"), "PriceOrder")
    await held_at(api, an_order(customer_id="eve"), "PriceOrder")
    bobs = ("act", "cancel", "--reason", "it's fraud", "--attribute", "customer_id=bob")

    dry = await orchestrator(*bobs, "--dry-run")
    title, _, summary, reason = dry.out.splitlines()
    bulk_id = title.split()[0]
    assert (dry.code, title.split()[1:]) == (1, ["cancel", "prepared"])
    assert dry.err == f"start it with: orchestrator bulk start {bulk_id} --reason 'it'\"'\"'s fraud'\n"
    assert summary == "2 match: 1 would be cancelled, 1 refused"
    assert reason == f"✗ 1  SAGA_ENDED, such as: saga {done} has completed"

    acting = asyncio.ensure_future(orchestrator(*bobs, "--status", "running"))
    await api.until(lambda: api.worker.live[running]._run.stop_control.stop)
    api.mocks.held["PriceOrder"].set()
    real = await acting
    assert (real.code, real.err) == (0, "")
    assert real.out.splitlines()[2:] == ["it's fraud", "1 matched: 1 cancelled, 0 refused"]
    assert (await get(api, running)).reason.message.startswith("it's fraud (bulk act ")


async def test_bulk_starts_what_was_prepared_shows_it_and_exports_what_came_of_it(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    done = (await start(api, an_order(customer_id="bob"), wait=10)).saga_id
    await orchestrator("act", "pause", "--reason", "r", "--attribute", "customer_id=bob", "--dry-run")
    bulk_id = (await orchestrator("bulk", "list")).out.splitlines()[1].split()[0]

    started = await orchestrator("bulk", "start", bulk_id, "--reason", "the bank is closed")

    assert (started.code, started.err) == (1, "")
    assert "1 matched: 0 paused, 1 refused" in started.out
    for look in ("show", "watch"):
        shown = await orchestrator("bulk", look, bulk_id)
        assert (shown.code, shown.out.splitlines()[2:]) == (0, started.out.splitlines()[2:])
    (line,) = (await orchestrator("bulk", "export", bulk_id, "--answer", "excluded")).out.splitlines()
    exported = json.loads(line)
    assert (exported["saga_id"], exported["answer"]) == (done, "BULK_ANSWER_EXCLUDED")
    assert (await orchestrator("bulk", "export", bulk_id, "--answer", "done")) == (0, "", "")
    assert (await orchestrator("bulk", "stop", bulk_id)) == (1, "", f"error: bulk act {bulk_id} has ended\n")


async def test_a_decision_for_many_names_a_step_and_says_one_thing_of_it(orchestrator: Orchestrator) -> None:
    for said, told in {
        ("cancel", "--step", "A.B"): "--step, --took-effect, --no-effect and --compensated go with resolve and skip",
        ("skip",): "skip is about one step of each saga: say --step",
        ("resolve", "--step", "A.B"): "say one of --took-effect, --no-effect and --compensated",
    }.items():
        done = await orchestrator("act", *said, "--reason", "r", "--status", "suspended")
        assert done == (2, "", f"error: {told}\n")


async def test_act_on_everything_is_refused(orchestrator: Orchestrator) -> None:
    done = await orchestrator("act", "pause", "--reason", "a whim")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: filter: restricts nothing")


async def test_retry_needs_an_attempt_that_waits(api: Api, an_order: AnOrder, orchestrator: Orchestrator) -> None:
    saga_id = await paused_at(api, an_order(), "PriceOrder")

    done = await orchestrator("retry", saga_id)

    remedy = f"see what can be done: orchestrator show {saga_id}"
    assert (done.code, done.err) == (1, f"error: saga {saga_id} has no attempt that waits; {remedy}\n")


async def test_stats_count_sagas_and_show_participants(api: Api, an_order: AnOrder, orchestrator: Orchestrator) -> None:
    await held_at(api, an_order(), "PriceOrder")

    told = [line.split() for line in (await orchestrator("stats")).out.splitlines()]

    assert ["place_order", "running", "1"] in [line[:3] for line in told]
    assert ["shop.pricing.v1.PricingService", "1", "0", "up"] in told


@pytest.mark.parametrize(
    "command",
    [
        ("show", "nobody"),
        ("watch", "nobody"),
        ("journal", "nobody"),
        ("preview", "nobody"),
        ("cancel", "nobody"),
        ("pause", "nobody"),
        ("resume", "nobody"),
        ("retry", "nobody"),
        ("resolve", "nobody", "A.B", "--no-effect", "--evidence", "e"),
        ("resolve", "nobody", "A.B", "--took-effect", "--reply-json", "{}", "--evidence", "e"),
        ("skip", "nobody", "A.B", "--evidence", "e"),
    ],
)
async def test_an_unknown_saga_is_one_line_on_stderr(orchestrator: Orchestrator, command: tuple[str, ...]) -> None:
    assert await orchestrator(*command) == (2, "", "error: there is no saga 'nobody'; see: orchestrator list\n")


async def test_an_attribute_without_a_value_is_one_line(orchestrator: Orchestrator) -> None:
    done = await orchestrator("act", "pause", "--reason", "r", "--attribute", "customer_id")
    assert done == (2, "", "error: --attribute customer_id: expected name=value\n")


async def test_feed_tells_what_changes_until_it_is_interrupted(api: Api, an_order: AnOrder) -> None:
    feed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator", "feed", "--attribute", "customer_id=bob", "--address", api.address),
        env=os.environ | {"ORCHESTRATOR_TOKEN": TOKEN},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await api.until(lambda: api.worker._watchers._feeds)
    await start(api, an_order(customer_id="eve"), wait=10)
    api.mocks.refused["ArrangeShipment"] = 1
    saga_id = (await start(api, an_order(customer_id="bob"), wait=10)).saga_id

    assert feed.stdout
    told = ""
    while "compensated" not in told:
        told = (await feed.stdout.readline()).decode()
        assert told.startswith(saga_id)
    feed.send_signal(signal.SIGINT)
    assert (await feed.communicate())[1].decode() == ""
    assert feed.returncode == 130


async def test_list_finds_what_failed_and_refuses_a_command_that_is_none(
    api: Api, an_order: AnOrder, orchestrator: Orchestrator
) -> None:
    completed = (await start(api, an_order(), wait=10)).saga_id
    api.mocks.refused["AuthorizePayment"] = 1
    saga_id = (await start(api, an_order(), wait=10)).saga_id

    failed = ("--failed-command", "AuthorizePayment", "--reason", "told to", "--version", "1", "--ended-after", "1h")
    found = (await orchestrator("list", *failed)).out
    assert saga_id[:8] in found
    assert completed not in found
    assert completed in (await orchestrator("list", "--started-after", "1h", "--oldest-first")).out
    assert completed not in (await orchestrator("list", "--ended-before", "1h")).out
    mistaken = await orchestrator("list", "--failed-command", "AuthorisePayment")
    assert mistaken.code == 2
    assert "'AuthorisePayment' names no command; there are: shop." in mistaken.err
