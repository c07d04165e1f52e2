"""Opens the queue that the settings describe.

Who may publish commands there, the broker decides: it should let the orchestrators do so, and nobody else.
"""

from services.chassis.answering import Answering
from services.chassis.over_nats.server import CommandQueue
from services.chassis.queue_address import QueueAddress
from services.chassis.queue_login import queue_login
from services.chassis.settings import Settings


def open_queue(answering: Answering, settings: Settings, *, prefix: str) -> CommandQueue:
    """The queue at ``settings.nats``.

    Args:
        answering: answers its commands.
        settings: of the service.
        prefix: what its variables begin with, such as ``INVENTORY_``.

    Raises:
        StartupError: see ``queue_login``.
    """
    address = QueueAddress.parse(settings.nats)
    login = queue_login(address, settings, variable=f"{prefix}NATS", prefix=prefix)
    return CommandQueue(answering, address, login)
