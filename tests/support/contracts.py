"""Calls of services by nothing but their .proto files: no stubs are generated for them, nor imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory

from orchestrator.cli.loading.protoc import describe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PATIENCE: Final = 60


def pool(protos: Path) -> descriptor_pool.DescriptorPool:
    """What the .proto files of a folder declare, apart from all that this process knows."""
    known = descriptor_pool.DescriptorPool()
    for file in describe(protos).file:
        known.AddSerializedFile(file.SerializeToString())
    return known


def call(
    known: descriptor_pool.DescriptorPool,
    address: str,
    method: str,
    request: Mapping[str, Any],
    *metadata: tuple[str, str],
) -> dict[str, Any]:
    """The reply of a method, ``package.Service/Method``, as its fields; those that are not set are not in it.

    Raises:
        grpc.RpcError: any other end of the call.
    """
    service, _, name = method.partition("/")
    found = known.FindServiceByName(service).methods_by_name[name]
    asked, replied = (message_factory.GetMessageClass(each) for each in (found.input_type, found.output_type))
    with grpc.insecure_channel(address) as channel:
        send = channel.unary_unary(
            f"/{method}", request_serializer=asked.SerializeToString, response_deserializer=replied.FromString
        )
        reply = send(json_format.ParseDict(dict(request), asked()), timeout=_PATIENCE, metadata=metadata)
    return json_format.MessageToDict(reply, preserving_proto_field_name=True)
