"""Starts the fraud service: ``python -m services.fraud``."""

from pathlib import Path
from typing import Final

from services.chassis import Service, Settings, run
from services.fraud.service import FraudService
from services.fraud.store import METADATA
from shop.fraud.v1.fraud_pb2 import DESCRIPTOR
from shop.fraud.v1.fraud_pb2_grpc import add_FraudServiceServicer_to_server

SERVICE: Final = Service(
    name="fraud",
    contract=DESCRIPTOR.services_by_name["FraudService"],
    create=FraudService,
    register=add_FraudServiceServicer_to_server,
    tables=METADATA,
    migrations=Path(__file__).parent / "migrations",
    settings=Settings,
)

if __name__ == "__main__":
    run(SERVICE)
