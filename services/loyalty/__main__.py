"""Starts loyalty: ``python -m services.loyalty``."""

from pathlib import Path
from typing import Final

from services.chassis import Service, Settings, run
from services.loyalty.service import LoyaltyService
from services.loyalty.store import METADATA
from shop.loyalty.v1.loyalty_pb2 import DESCRIPTOR
from shop.loyalty.v1.loyalty_pb2_grpc import add_LoyaltyServiceServicer_to_server

SERVICE: Final = Service(
    name="loyalty",
    contract=DESCRIPTOR.services_by_name["LoyaltyService"],
    create=LoyaltyService,
    register=add_LoyaltyServiceServicer_to_server,
    tables=METADATA,
    migrations=Path(__file__).parent / "migrations",
    settings=Settings,
)

if __name__ == "__main__":
    run(SERVICE)
