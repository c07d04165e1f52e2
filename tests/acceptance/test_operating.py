"""The commands of operators against the running shop."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import BIN, order, run

if TYPE_CHECKING:
    from tests.acceptance.conftest import Shop

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


def test_cancel_rolls_back(shop: Shop) -> None:
    order_id = place(shop, wait="0s", cardToken="tok_slow")
    cancelled = shop.orchestrator("cancel", order_id, "--reason", "a change of mind", "--by", "judy")
    assert cancelled.code == 0
    assert "because CANCELLED by judy: a change of mind" in cancelled.out
    assert shop.orchestrator("watch", order_id).out.splitlines()[-1] == "saga compensated"


def test_cancel_is_refused_after_the_pivot(shop: Shop) -> None:
    done = shop.orchestrator("cancel", place(shop))
    assert done.code == 1
    assert done.err.startswith("error: ")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["show", "watch", "cancel"])
def test_an_unknown_saga_is_one_line_on_stderr(shop: Shop, command: str) -> None:
    done = shop.orchestrator(command, "nobody")
    assert (done.code, done.out, done.err) == (2, "", "error: there is no saga 'nobody'\n")


@pytest.mark.parametrize("command", [("list",), ("show", "x"), ("watch", "x"), ("cancel", "x")])
def test_an_orchestrator_that_is_not_there_is_one_line_on_stderr(command: tuple[str, ...]) -> None:
    done = run(str(BIN / "orchestrator"), *command, "--address", "127.0.0.1:1")
    assert done.code == 1
    assert done.err == (
        "error: no orchestrator answers at 127.0.0.1:1; start one (`make run`), or name another --address\n"
    )
