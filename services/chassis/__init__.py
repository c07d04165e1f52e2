"""What every service of the shop is built on.

A service declares itself as a ``Service`` and is run by ``run``; its servicer is a ``Participant`` whose methods are
plain functions of a request and a transaction, marked ``@command``, ``@compensation``, ``@retryable`` or ``@query``. It
refuses by raising ``Rejection``, and asks the caller to try later by raising ``Unavailable``.
"""

from services.chassis.errors import InvalidRequest, Rejection, Unavailable
from services.chassis.participant import Participant, command, compensation, query, recording_query, retryable
from services.chassis.process import run
from services.chassis.server import Service, serving
from services.chassis.settings import Settings, load_settings

__all__ = [
    "InvalidRequest",
    "Participant",
    "Rejection",
    "Service",
    "Settings",
    "Unavailable",
    "command",
    "compensation",
    "load_settings",
    "query",
    "recording_query",
    "retryable",
    "run",
    "serving",
]
