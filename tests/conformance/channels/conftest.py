"""Every kind of channel. A new one joins the suite by a line in ``CHANNELS``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.testing.conformance.channels import SCENARIOS
from tests.conformance.channels import over_grpc, over_http

if TYPE_CHECKING:
    import pytest

    from orchestrator.testing.conformance.channels import Mark, OpenChannel


class Kind(NamedTuple):
    """A kind of channel.

    Attributes:
        open: opens one.
        lacks: what it cannot do.
    """

    open: OpenChannel
    lacks: frozenset[Mark]


CHANNELS: Final = {
    "grpc": Kind(over_grpc.open_grpc, over_grpc.LACKS),
    "http": Kind(over_http.open_http, over_http.LACKS),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each channel meets each scenario."""
    if {"kind", "scenario"} <= set(metafunc.fixturenames):
        metafunc.parametrize("kind", CHANNELS.values(), ids=CHANNELS)
        metafunc.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
