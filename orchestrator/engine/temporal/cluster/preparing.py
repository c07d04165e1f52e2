"""Makes a namespace ready for sagas, and looks whether it is: its search attributes, and how long it keeps sagas."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSystemInfoRequest, RegisterNamespaceRequest
from temporalio.service import RPCError, RPCStatusCode

from orchestrator.engine.temporal import keys
from orchestrator.errors import JournalUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporalio.client import Client

_RETENTION: Final = Duration(seconds=30 * 86_400)
_KNOWN_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 0.5

TYPES: Final[Mapping[str, IndexedValueType.ValueType]] = {
    each.name: IndexedValueType.ValueType(each.indexed_value_type.value) for each in keys.ALL
}
"""The search attributes of sagas, and the type of each."""


class Readiness(NamedTuple):
    """What a namespace has.

    Attributes:
        missing: search attributes that it lacks, or has with another type.
        retention_seconds: how long what has ended is kept, and a request that is repeated is known.
        has_schedules: its server keeps schedules.
    """

    missing: tuple[str, ...]
    retention_seconds: int
    has_schedules: bool


async def prepare(client: Client) -> tuple[str, ...]:
    """Make the namespace where there is none, and the search attributes that it lacks; those that were made.

    Raises:
        JournalUnavailable: the server refuses, or cannot be reached.
    """
    try:
        await _ensure_namespace(client)
        missing = (await _known(client)).missing
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=client.namespace, search_attributes={name: TYPES[name] for name in missing}
                )
            )
    except RPCError as error:
        raise JournalUnavailable(f"the namespace {client.namespace} cannot be prepared: {error}") from error
    return missing


async def readiness(client: Client) -> Readiness:
    """What the namespace has.

    Raises:
        JournalUnavailable: there is none, or the server cannot be reached.
    """
    try:
        attributes = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
        namespace = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace)
        )
        server = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    except RPCError as error:
        raise JournalUnavailable(f"the namespace {client.namespace} cannot be asked: {error}") from error
    missing = tuple(name for name, kind in TYPES.items() if attributes.custom_attributes.get(name) != kind)
    kept = namespace.config.workflow_execution_retention_ttl.seconds
    return Readiness(missing, kept, server.capabilities.supports_schedules)


async def _known(client: Client) -> Readiness:
    """What the namespace has, as soon as every part of the server knows of it: that takes seconds where it is new."""
    clock = asyncio.get_running_loop().time
    until = clock() + _KNOWN_SECONDS
    while True:
        try:
            return await readiness(client)
        except JournalUnavailable as error:
            is_new = isinstance(error.__cause__, RPCError) and error.__cause__.status == RPCStatusCode.NOT_FOUND
            if not is_new or clock() > until:
                raise
        await asyncio.sleep(_AGAIN_SECONDS)


async def _ensure_namespace(client: Client) -> None:
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(namespace=client.namespace, workflow_execution_retention_period=_RETENTION)
        )
