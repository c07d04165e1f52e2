"""Opens every gRPC channel of the orchestrator: the one place where credentials come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc.aio

from orchestrator.contract.addresses import channel_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.connections.tls import ClientTls, Refreshed, TokenFile


@dataclass(frozen=True)
class Security:
    """What the connections to participants are secured with.

    Attributes:
        tls: whom we trust and who we are; ``None`` for connections that are not encrypted.
        tokens: what is sent along to a service, by its full name.
    """

    tls: ClientTls | None = None
    tokens: Mapping[str, TokenFile] = field(default_factory=dict)

    def sources(self) -> list[Refreshed]:
        """What must be kept fresh."""
        return [*([] if self.tls is None else [self.tls]), *self.tokens.values()]


def open_channel(
    target: str,
    options: Iterable[tuple[str, Any]] = (),
    interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
    tls: ClientTls | None = None,
) -> grpc.aio.Channel:
    """A channel to a target; it connects when it is first used.

    Args:
        target: ``host:port``, or what else gRPC itself resolves.
        options: of the channel; what follows from where the target is comes by itself.
        interceptors: stand around every call.
        tls: what its connections are secured with, as long as it lives; ``None`` for nothing.
    """
    if tls is None:
        options = channel_options(target, *options)
        return grpc.aio.insecure_channel(target, options=options, interceptors=interceptors)
    options = channel_options(target, *options, *tls.options(target))
    return grpc.aio.secure_channel(target, tls.credentials(), options=options, interceptors=interceptors)
