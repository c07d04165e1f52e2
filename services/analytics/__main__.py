"""Starts analytics: ``python -m services.analytics``."""

from pathlib import Path
from typing import Final

from services.analytics.service import AnalyticsService
from services.analytics.store import METADATA
from services.chassis import Service, Settings, run
from shop.analytics.v1.analytics_pb2 import DESCRIPTOR
from shop.analytics.v1.analytics_pb2_grpc import add_AnalyticsServiceServicer_to_server

SERVICE: Final = Service(
    name="analytics",
    contract=DESCRIPTOR.services_by_name["AnalyticsService"],
    create=AnalyticsService,
    register=add_AnalyticsServiceServicer_to_server,
    tables=METADATA,
    migrations=Path(__file__).parent / "migrations",
    settings=Settings,
)

if __name__ == "__main__":
    run(SERVICE)
