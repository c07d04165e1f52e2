"""Starts warehouse: ``python -m services.warehouse``."""

from pathlib import Path
from typing import Final

from services.chassis import Service, Settings, run
from services.warehouse.service import WarehouseService
from services.warehouse.store import METADATA
from shop.warehouse.v1.warehouse_pb2 import DESCRIPTOR
from shop.warehouse.v1.warehouse_pb2_grpc import add_WarehouseServiceServicer_to_server

SERVICE: Final = Service(
    name="warehouse",
    contract=DESCRIPTOR.services_by_name["WarehouseService"],
    create=WarehouseService,
    register=add_WarehouseServiceServicer_to_server,
    tables=METADATA,
    migrations=Path(__file__).parent / "migrations",
    settings=Settings,
)

if __name__ == "__main__":
    run(SERVICE)
