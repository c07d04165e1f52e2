"""The services of another team: what they answer, how they refuse, what they repeat, and what a test can see of it."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from orchestrator.cli.loading.protoc import describe
from tests.acceptance.foreign import SERVICES, SOURCE, Foreign

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

# Modules are fetched and compiled once for each machine, and that takes longer than any test.
pytestmark = pytest.mark.timeout(600)

CARD: Final = {"number": "4432-8015-6152-0454", "cvv": 672, "expiration_year": 2039, "expiration_month": 1}
AMOUNT: Final = {"currency_code": "EUR", "units": 17, "nanos": 500_000_000}
ADDRESS: Final = {"street_address": "Main Street 1", "city": "Berlin", "country": "DE", "zip_code": 10115}
ITEMS: Final = [{"product_id": "MUG", "quantity": 2}]


def refused(call: Callable[[], object]) -> tuple[grpc.StatusCode, str | None]:
    """How a call ends that does not succeed."""
    with pytest.raises(grpc.RpcError) as ended:
        call()
    return ended.value.code(), ended.value.details()


def charge(foreign: Foreign, **card: object) -> dict[str, Any]:
    return foreign.call("PaymentService/Charge", amount=AMOUNT, credit_card=CARD | card)


def test_the_contract_has_no_option_of_ours() -> None:
    [file] = describe(SOURCE / "protos").file
    options: list[Message] = [service.options for service in file.service]
    options += [message.options for message in file.message_type]
    options += [method.options for service in file.service for method in service.method]
    options += [field.options for message in file.message_type for field in message.field]
    assert file.dependency == []
    assert all(not each.ByteSize() for each in options)
    assert file.options == descriptor_pb2.FileOptions(go_package="boutique/boutiquepb")


def test_reflection_lists_the_services_of_each_process(foreign: Foreign) -> None:
    assert {*foreign.addresses} == {f"boutique.{name}" for names in SERVICES.values() for name in names}
    for names in SERVICES.values():
        full_names = {f"boutique.{name}" for name in names}
        [address] = {foreign.addresses[name] for name in full_names}
        with grpc.insecure_channel(address) as channel:
            listed = ProtoReflectionDescriptorDatabase(channel).get_services()
        assert full_names == {name for name in listed if name.startswith("boutique.")}


def test_a_cart_adds_up_what_is_put_into_it_and_is_emptied(foreign: Foreign) -> None:
    for product, quantity in (("MUG", 1), ("WATCH", 1), ("MUG", 2)):
        item = {"product_id": product, "quantity": quantity}
        foreign.call("CartService/AddItem", user_id="alice", item=item)
    cart = foreign.call("CartService/GetCart", user_id="alice")
    assert {item["product_id"]: item["quantity"] for item in cart["items"]} == {"MUG": 3, "WATCH": 1}

    foreign.call("CartService/EmptyCart", user_id="alice")
    assert "items" not in foreign.call("CartService/GetCart", user_id="alice")
    effects = [entry["effect"] for entry in foreign.ledger(user="alice")]
    assert effects == ["added", "added", "added", "emptied"]


def test_the_catalogue_lists_its_products_and_knows_no_other(foreign: Foreign) -> None:
    products = foreign.call("ProductCatalogService/ListProducts")["products"]
    assert {product["id"] for product in products} == {"SUNGLASSES", "MUG", "WATCH"}
    assert foreign.call("ProductCatalogService/GetProduct", id="MUG") in products
    unknown = refused(lambda: foreign.call("ProductCatalogService/GetProduct", id="HAT"))
    assert unknown == (grpc.StatusCode.NOT_FOUND, "no product with ID HAT")


def test_an_amount_is_converted(foreign: Foreign) -> None:
    codes = foreign.call("CurrencyService/GetSupportedCurrencies")["currency_codes"]
    assert codes == ["EUR", "USD", "JPY", "GBP", "CHF"]
    ten = {"currency_code": "USD", "units": 10}
    converted = foreign.call("CurrencyService/Convert", **{"from": ten, "to_code": "EUR"})
    assert converted == {"currency_code": "EUR", "units": "8", "nanos": 845_643_520}
    unknown = refused(lambda: foreign.call("CurrencyService/Convert", **{"from": ten, "to_code": "XXX"}))
    assert unknown == (grpc.StatusCode.UNKNOWN, "Unsupported currency: XXX")


def test_a_repeated_shipment_is_a_second_parcel_with_a_number_of_its_own(foreign: Foreign) -> None:
    quote = foreign.call("ShippingService/GetQuote", address=ADDRESS, items=ITEMS)
    assert quote["cost_usd"] == {"currency_code": "USD", "units": "8", "nanos": 990_000_000}
    tracked = [foreign.call("ShippingService/ShipOrder", address=ADDRESS, items=ITEMS)["tracking_id"] for _ in range(2)]
    assert all(re.fullmatch(r"[A-Z]{2}-\d{5}-\d{8}", tracking_id) for tracking_id in tracked)
    shipped = [foreign.ledger("shipped", tracking_id=tracking_id) for tracking_id in tracked]
    facts = {"effect": "shipped", "city": "Berlin", "items": {"MUG": 2}}
    assert shipped == [[facts | {"tracking_id": tracking_id}] for tracking_id in dict.fromkeys(tracked)]


def test_a_repeated_charge_takes_the_money_twice(foreign: Foreign) -> None:
    charged = {charge(foreign)["transaction_id"] for _ in range(2)}
    assert len(charged) == 2
    for transaction_id in charged:
        [entry] = foreign.ledger("charged", transaction_id=transaction_id)
        assert entry == {
            "effect": "charged",
            "transaction_id": transaction_id,
            "currency": "EUR",
            "units": 17,
            "nanos": 500_000_000,
            "card": "0454",
        }


@pytest.mark.parametrize(
    ("card", "text"),
    [
        ({"number": "4432-8015-6152-0455"}, "Credit card info is invalid"),
        ({"number": "0454"}, "Credit card info is invalid"),
        ({"expiration_year": 2020}, "Your credit card (ending 0454) expired on 1/2020"),
        (
            {"number": "3782 822463 10005"},
            "Sorry, we cannot process amex credit cards. Only VISA or MasterCard is accepted.",
        ),
    ],
)
def test_a_card_is_refused_by_a_text_alone_and_nothing_is_charged(
    foreign: Foreign, card: dict[str, object], text: str
) -> None:
    before = foreign.ledger("charged")
    assert refused(lambda: charge(foreign, **card)) == (grpc.StatusCode.UNKNOWN, text)
    assert foreign.ledger("charged") == before


def test_a_repeated_confirmation_is_a_second_mail(foreign: Foreign) -> None:
    for _ in range(2):
        foreign.call("EmailService/SendOrderConfirmation", email="alice@example.com", order={"order_id": "order-1"})
    mail = {"effect": "mailed", "email": "alice@example.com", "order_id": "order-1"}
    assert foreign.ledger("mailed", order_id="order-1") == [mail, mail]


def test_a_payment_that_is_killed_before_its_answer_has_taken_the_money(foreign: Foreign) -> None:
    address = foreign.addresses["boutique.PaymentService"]
    before = len(foreign.ledger("charged"))
    foreign.kill("payment")
    foreign.start("payment", PAYMENT_STALLS="1")
    ends: list[tuple[grpc.StatusCode, str | None]] = []
    caller = threading.Thread(target=lambda: ends.append(refused(lambda: charge(foreign))))
    caller.start()
    foreign.wait_for("charged", count=before + 1)
    foreign.kill("payment")
    caller.join()
    foreign.start("payment")

    assert [code for code, _ in ends] == [grpc.StatusCode.UNAVAILABLE]
    assert len(foreign.ledger("charged")) == before + 1
    assert foreign.addresses["boutique.PaymentService"] == address
    assert charge(foreign)["transaction_id"]
