"""Starts shipping: ``python -m services.shipping``."""

from pathlib import Path
from typing import Final

from services.chassis import Service, Settings, run
from services.shipping.service import ShippingService
from services.shipping.store import METADATA
from shop.shipping.v1.shipping_pb2 import DESCRIPTOR
from shop.shipping.v1.shipping_pb2_grpc import add_ShippingServiceServicer_to_server

SERVICE: Final = Service(
    name="shipping",
    contract=DESCRIPTOR.services_by_name["ShippingService"],
    create=ShippingService,
    register=add_ShippingServiceServicer_to_server,
    tables=METADATA,
    migrations=Path(__file__).parent / "migrations",
    settings=Settings,
)

if __name__ == "__main__":
    run(SERVICE)
