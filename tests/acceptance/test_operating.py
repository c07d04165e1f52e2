"""The commands of operators against the running shop."""

from __future__ import annotations

import getpass
import json
import shlex
from typing import TYPE_CHECKING

from tests.acceptance.conftest import BIN, order, run
from tests.acceptance.page_commands import ShopWorld

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.conftest import Shop

AUTHORIZE = "PaymentService.AuthorizePayment"
START = "shop.order.v1.OrderService/StartOrder"


def place(shop: Shop, **changes: object) -> str:
    order_id: str = json.loads(shop.call(START, order(**changes)).out)["order"]["orderId"]
    return order_id


def test_show_tells_steps_outcomes_and_compensations(shop: Shop) -> None:
    order_id = place(shop, cardToken="tok_declined")
    shown = shop.orchestrator("show", order_id).out
    assert "compensated in" in shown
    assert "because REJECTED at PaymentService.AuthorizePayment#1" in shown
    assert "✗ PaymentService.AuthorizePayment  compensable  rejected: the card was declined" in shown
    assert "1. ReleaseStock" in shown
    assert "2. CancelOrder" in shown
    assert "- ShippingService.ArrangeShipment  compensable  skipped" in shown


def test_list_selects_by_status_and_attribute(shop: Shop) -> None:
    refused = place(shop, customerId="grace", cardToken="tok_declined")
    completed = place(shop, customerId="grace")
    place(shop, customerId="heidi")
    listed = shop.orchestrator("list", "--attribute", "customer_id=grace").out
    assert [line.split()[0] for line in listed.splitlines()[1:]] == [completed, refused]
    listed = shop.orchestrator("list", "--attribute", "customer_id=grace", "--status", "compensated").out
    assert [line.split()[0] for line in listed.splitlines()[1:]] == [refused]


def test_watch_follows_a_saga_to_its_end(shop: Shop) -> None:
    order_id = place(shop, wait="0s", cardToken="tok_fails_once")
    lines = shop.orchestrator("watch", order_id).out.splitlines()
    assert lines[-1] == "saga completed"
    assert any("ShippingService.ArrangeShipment completed" in line for line in lines)


def test_any_saga_is_started_by_its_name_and_its_end_is_the_exit_code(shop: Shop) -> None:
    completed = shop.orchestrator("start", "place_order", "--input", json.dumps(order()), "--wait")
    declined = shop.orchestrator(
        "start", "place_order", "--input", json.dumps(order(cardToken="tok_declined")), "--wait"
    )

    assert (completed.code, completed.out.splitlines()[-1]) == (0, "saga completed")
    assert (declined.code, declined.out.splitlines()[-1]) == (3, "saga compensated")
    assert shop.orchestrator("watch", declined.out.splitlines()[0]).code == 3


def test_a_stuck_order_is_found_on_the_desk_and_ended_by_what_is_offered_there(shop: Shop, tmp_path: Path) -> None:
    order_id = ShopWorld(tmp_path, {}, shop).paused("trent")

    desk = json.loads(shop.orchestrator("desk", "--json").out)
    (cause,) = [each for each in desk["causes"] if order_id in [saga["saga_id"] for saga in each["sagas"]]]
    assert cause["group"]["reason_code"] == "PAUSED"
    (cancel,) = [
        shlex.split(line)
        for line in shop.orchestrator("show", order_id).out.splitlines()
        if line.startswith(f"    orchestrator cancel {order_id} ")
    ]

    assert shop.orchestrator(*cancel[1 : cancel.index("--address")]).code == 0
    assert shop.orchestrator("watch", order_id).code == 3


def test_cancel_rolls_back(shop: Shop) -> None:
    order_id = place(shop, wait="0s", cardToken="tok_slow")
    cancelled = shop.orchestrator("cancel", order_id, "--reason", "a change of mind")
    assert cancelled.code == 0
    assert f"because CANCELLED by {getpass.getuser()}: a change of mind" in cancelled.out
    assert shop.orchestrator("watch", order_id).out.splitlines()[-1] == "saga compensated"


def test_cancel_is_refused_after_the_pivot(shop: Shop) -> None:
    done = shop.orchestrator("cancel", place(shop))
    assert done.code == 1
    assert done.err.startswith("error: ")
    assert len(done.err.splitlines()) == 1


def test_a_paused_saga_goes_on_with_the_outcome_that_an_operator_has_found_out(shop: Shop) -> None:
    order_id = place(shop, wait="0s", cardToken="tok_slow")
    paused = shop.orchestrator("pause", order_id, "--reason", "the bank is slow")
    assert "suspended" in paused.out
    assert f"because PAUSED by {getpass.getuser()}: the bank is slow" in paused.out
    assert f"1. {AUTHORIZE}#1, in doubt, by VoidAuthorization" in shop.orchestrator("preview", order_id).out

    found = ("--took-effect", "--reply-json", '{"payment_id": "pay_1"}', "--evidence", "the bank's page")
    assert shop.orchestrator("resolve", order_id, AUTHORIZE, *found).code == 0
    assert shop.orchestrator("resume", order_id).code == 0

    assert shop.orchestrator("watch", order_id).out.splitlines()[-1] == "saga completed"
    told = shop.orchestrator("journal", order_id).out
    assert '"card_token": "[redacted]"' in told
    assert f"{AUTHORIZE}#1, took effect, by {getpass.getuser()} (local token): RESOLVED: the bank's page" in told


def test_what_is_suspended_is_rolled_back_in_bulk(shop: Shop) -> None:
    order_id = place(shop, wait="0s", customerId="mallory", cardToken="tok_slow")
    shop.orchestrator("pause", order_id)
    mallorys = ("act", "cancel", "--attribute", "customer_id=mallory", "--status", "suspended", "--reason", "fraud")

    assert "1 match: 1 would be cancelled, 0 refused" in shop.orchestrator(*mallorys, "--dry-run").out
    assert "1 matched: 1 cancelled, 0 refused" in shop.orchestrator(*mallorys).out

    assert shop.orchestrator("watch", order_id).out.splitlines()[-1] == "saga compensated"


def test_an_orchestrator_that_is_not_there_is_one_line_on_stderr() -> None:
    done = run(str(BIN / "orchestrator"), "list", "--address", "127.0.0.1:1")
    assert done.code == 1
    assert done.err == (
        "error: no orchestrator answers at 127.0.0.1:1: nobody listens there; start one (`orchestrator serve`), or "
        "name another --address\n"
    )
