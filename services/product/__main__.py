"""Starts the product service: ``python -m services.product``."""

from pathlib import Path
from typing import Final

from services.chassis import Service, Settings, run
from services.product.service import ProductService
from services.product.store import METADATA
from shop.product.v1.product_pb2 import DESCRIPTOR
from shop.product.v1.product_pb2_grpc import add_ProductServiceServicer_to_server

SERVICE: Final = Service(
    name="product",
    contract=DESCRIPTOR.services_by_name["ProductService"],
    create=ProductService,
    register=add_ProductServiceServicer_to_server,
    tables=METADATA,
    migrations=Path(__file__).parent / "migrations",
    settings=Settings,
)

if __name__ == "__main__":
    run(SERVICE)
