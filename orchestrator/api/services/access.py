"""``saga.v1.AccessService``: who the caller is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.access.subject import current
from saga.v1 import access_service_pb2 as api
from saga.v1.access_service_pb2_grpc import AccessServiceServicer

if TYPE_CHECKING:
    import grpc.aio

    Context = grpc.aio.ServicerContext[Any, Any]


class AccessService(AccessServiceServicer):
    """Answers questions about the caller. See the contract for each rpc."""

    async def WhoAmI(self, request: api.WhoAmIRequest, context: Context) -> api.WhoAmIResponse:
        """See the contract."""
        subject = current()
        return api.WhoAmIResponse(
            subject=subject.name,
            authority=subject.authority,
            peer=subject.peer,
            roles=[role.value for role in sorted(subject.roles, key=lambda role: role.value)],  # type: ignore[misc]
            definitions=sorted(subject.definitions),
            attributes=dict(subject.attributes),
        )
