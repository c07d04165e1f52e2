from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ContractError
from orchestrator.testing.discovery import find_service, pick_service
from shop.payment.v1.payment_pb2 import DESCRIPTOR

if TYPE_CHECKING:
    from pathlib import Path


def test_a_service_is_found_in_the_stubs_of_its_package() -> None:
    assert find_service("shop.payment.v1.PaymentService") == DESCRIPTOR.services_by_name["PaymentService"]


@pytest.mark.parametrize(
    "name", ["shop.payment.v1.PaymentServce", "shop.payment.v1.Payment", "shop.payments.v1.PaymentService"]
)
def test_a_misspelt_service_gets_the_nearest_ones(name: str) -> None:
    with pytest.raises(ContractError, match=rf"declare the service {name}; did you mean .*shop.payment.v1.PaymentServ"):
        find_service(name)


def test_a_name_without_similar_services_gets_advice() -> None:
    with pytest.raises(ContractError, match="name it in full, such as"):
        find_service("Xyz")


def test_a_module_of_stubs_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "elsewhere_pb2.py").write_text("from shop.payment.v1.payment_pb2 import *\n")

    found = find_service("shop.payment.v1.PaymentService", ["elsewhere_pb2"])

    assert found.full_name == "shop.payment.v1.PaymentService"
    assert "elsewhere_pb2" in sys.modules
    del sys.modules["elsewhere_pb2"]


def test_a_module_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ContractError, match="the module nowhere_pb2 cannot be imported"):
        find_service("shop.payment.v1.PaymentService", ["nowhere_pb2"])


def test_a_service_of_compiled_files_is_picked() -> None:
    assert pick_service("shop.payment.v1.PaymentService", [DESCRIPTOR]).name == "PaymentService"
    with pytest.raises(ContractError, match=r"no \.proto file declares .* did you mean shop.payment.v1.PaymentService"):
        pick_service("shop.payment.v1.PaymentServices", [DESCRIPTOR])
