"""Every kind of channel. A new one joins the suite by a line in ``CHANNELS``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from tests.conformance.channels import over_grpc, over_http, over_nats

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from orchestrator.testing.conformance.channels import ChannelUnderTest, Mark, OpenChannel
    from tests.support.nats import NatsServer


class Kind(NamedTuple):
    """A kind of channel.

    Attributes:
        opener: what opens one; made with the broker, where it has one.
        lacks: what it cannot do.
        has_broker: it goes over a broker.
    """

    opener: Callable[..., AbstractAsyncContextManager[ChannelUnderTest]]
    lacks: frozenset[Mark]
    has_broker: bool = False


CHANNELS: Final = {
    "grpc": Kind(over_grpc.open_grpc, over_grpc.LACKS),
    "http": Kind(over_http.open_http, over_http.LACKS),
    "nats": Kind(over_nats.open_nats, over_nats.LACKS, has_broker=True),
}


@pytest.fixture(params=CHANNELS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of channel."""
    return CHANNELS[request.param]


@pytest.fixture
def open_channel(kind: Kind, request: pytest.FixtureRequest) -> OpenChannel:
    """Opens a channel of this kind."""
    if not kind.has_broker:
        return kind.opener
    broker: NatsServer = request.getfixturevalue("shared_nats")
    return partial(kind.opener, broker)
