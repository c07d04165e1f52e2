"""Opens every gRPC channel of the orchestrator: the one place where credentials come from.

There are none yet: connections are neither encrypted nor authenticated. An operator who needs that puts a mesh or a
proxy between. Certificates and tokens will be answered here, and no caller will change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc.aio

from orchestrator.contract.addresses import channel_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def credentials_for(target: str) -> grpc.ChannelCredentials | None:  # noqa: ARG001 - each address may have its own
    """What a connection to ``host:port`` is secured with; ``None`` for nothing."""
    return None


def open_channel(
    target: str,
    options: Iterable[tuple[str, Any]] = (),
    interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
) -> grpc.aio.Channel:
    """A channel to a target; it connects when it is first used.

    Args:
        target: ``host:port``, or what else gRPC itself resolves.
        options: of the channel; what follows from where the target is comes by itself.
        interceptors: stand around every call.
    """
    credentials, options = credentials_for(target), channel_options(target, *options)
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=options, interceptors=interceptors)
    return grpc.aio.secure_channel(target, credentials, options=options, interceptors=interceptors)
