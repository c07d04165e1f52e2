"""The guard for anybody's Python service: a saga's command takes effect once, whatever is repeated, late or racing.

A service keeps its handlers, and puts the guard before them::

    from orchestrator.participant.aio import GuardInterceptor      # before a grpc.aio server
    from orchestrator.participant.threads import GuardInterceptor  # before a grpc server
    from orchestrator.participant.asgi import GuardMiddleware      # before an ASGI application

Its records are in its own database::

    from orchestrator.participant.engines import AsyncEngineRecords, EngineRecords, guard_table  # SQLAlchemy
    from orchestrator.participant.drivers import DriverRecords                                   # PEP 249

What is in this module needs neither gRPC nor SQLAlchemy. The rules are in ``orchestrator.participant.guard``, for a
protocol or a store of your own.
"""

from orchestrator.participant.errors import DEFINITE, GuardRefusal, Refusal, Rejection
from orchestrator.participant.metadata import Kind
from orchestrator.participant.opened import connection
from orchestrator.participant.records import table_ddl

__all__ = ["DEFINITE", "GuardRefusal", "Kind", "Refusal", "Rejection", "connection", "table_ddl"]
