"""Starts the payment service: ``python -m services.payment``."""

from pathlib import Path
from typing import Final

from services.chassis import Service, Settings, run
from services.payment.service import PaymentService
from services.payment.store import METADATA
from shop.payment.v1.payment_pb2 import DESCRIPTOR
from shop.payment.v1.payment_pb2_grpc import add_PaymentServiceServicer_to_server

SERVICE: Final = Service(
    name="payment",
    contract=DESCRIPTOR.services_by_name["PaymentService"],
    create=PaymentService,
    register=add_PaymentServiceServicer_to_server,
    tables=METADATA,
    migrations=Path(__file__).parent / "migrations",
    settings=Settings,
)

if __name__ == "__main__":
    run(SERVICE)
