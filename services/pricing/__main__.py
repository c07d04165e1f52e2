"""Starts pricing: ``python -m services.pricing``."""

from pathlib import Path
from typing import Final

from services.chassis import Service, Settings, run
from services.pricing.service import PricingService
from services.pricing.store import METADATA
from shop.pricing.v1.pricing_pb2 import DESCRIPTOR
from shop.pricing.v1.pricing_pb2_grpc import add_PricingServiceServicer_to_server

SERVICE: Final = Service(
    name="pricing",
    contract=DESCRIPTOR.services_by_name["PricingService"],
    create=PricingService,
    register=add_PricingServiceServicer_to_server,
    tables=METADATA,
    migrations=Path(__file__).parent / "migrations",
    settings=Settings,
)

if __name__ == "__main__":
    run(SERVICE)
