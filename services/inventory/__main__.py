"""Starts the inventory: ``python -m services.inventory``."""

from pathlib import Path
from typing import Final

from services.chassis import Service, Settings, run
from services.inventory.service import InventoryService
from services.inventory.store import METADATA
from shop.inventory.v1.inventory_pb2 import DESCRIPTOR
from shop.inventory.v1.inventory_pb2_grpc import add_InventoryServiceServicer_to_server

SERVICE: Final = Service(
    name="inventory",
    contract=DESCRIPTOR.services_by_name["InventoryService"],
    create=InventoryService,
    register=add_InventoryServiceServicer_to_server,
    tables=METADATA,
    migrations=Path(__file__).parent / "migrations",
    settings=Settings,
)

if __name__ == "__main__":
    run(SERVICE)
