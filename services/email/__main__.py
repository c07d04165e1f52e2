"""Starts email: ``python -m services.email``."""

from pathlib import Path
from typing import Final

from services.chassis import Service, run
from services.email.service import EmailService
from services.email.settings import EmailSettings
from services.email.store import METADATA
from shop.email.v1.email_pb2 import DESCRIPTOR
from shop.email.v1.email_pb2_grpc import add_EmailServiceServicer_to_server

SERVICE: Final = Service(
    name="email",
    contract=DESCRIPTOR.services_by_name["EmailService"],
    create=EmailService,
    register=add_EmailServiceServicer_to_server,
    tables=METADATA,
    migrations=Path(__file__).parent / "migrations",
    settings=EmailSettings,
)

if __name__ == "__main__":
    run(SERVICE)
