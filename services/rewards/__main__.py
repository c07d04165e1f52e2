"""Starts rewards: ``python -m services.rewards``."""

from pathlib import Path
from typing import Final

from services.chassis import Service, Settings, run
from services.rewards.service import RewardsService
from services.rewards.store import METADATA
from shop.rewards.v1.rewards_pb2 import DESCRIPTOR
from shop.rewards.v1.rewards_pb2_grpc import add_RewardsServiceServicer_to_server

SERVICE: Final = Service(
    name="rewards",
    contract=DESCRIPTOR.services_by_name["RewardsService"],
    create=RewardsService,
    register=add_RewardsServiceServicer_to_server,
    tables=METADATA,
    migrations=Path(__file__).parent / "migrations",
    settings=Settings,
)

if __name__ == "__main__":
    run(SERVICE)
