"""The inventory as one would write it without the chassis: a plain gRPC server, the same SQL, one transaction a call.

``python -m tests.bench.micro.bare_inventory FOLDER`` says where it listens, and serves until it is terminated.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc.aio
import uvloop

from services.chassis.database import Database
from services.chassis.migration import migrate
from services.inventory.__main__ import SERVICE
from services.inventory.service import InventoryService
from shop.inventory.v1.inventory_pb2_grpc import InventoryServiceServicer

if TYPE_CHECKING:
    from shop.inventory.v1.inventory_pb2 import ReserveStockRequest, ReserveStockResponse

# What stands in the class, without what the decorator puts around it.
_reserve_stock = InventoryService.ReserveStock.__wrapped__  # type: ignore[attr-defined]


class BareInventory(InventoryServiceServicer):
    """Neither guarded nor validated nor traced."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ReserveStock(  # noqa: N802 - the contract's
        self, request: ReserveStockRequest, _context: grpc.aio.ServicerContext[Any, Any]
    ) -> ReserveStockResponse:
        return await self._database.transaction(partial(_reserve_stock, self, request))


async def serve(folder: str) -> None:
    prepare = partial(migrate, migrations=SERVICE.migrations)
    database = await Database.open(f"sqlite:///{folder}/inventory.db", prepare=prepare)
    server = grpc.aio.server()
    SERVICE.register(BareInventory(database), server)  # type: ignore[abstract]  # nobody calls the others
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"inventory listening on 127.0.0.1:{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
