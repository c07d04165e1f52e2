from __future__ import annotations

from collections import Counter

import pytest

from orchestrator.contract.command import Command, Effect
from orchestrator.contract.reader import read_service
from orchestrator.testing.mock import Dials, Fault
from orchestrator.testing.mock.dials import Troubles, read_latency, read_share
from shop.inventory.v1.inventory_pb2 import DESCRIPTOR

COMMANDS = read_service(DESCRIPTOR.services_by_name["InventoryService"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("20ms", (0.02, 0.02)), ("5ms-50ms", (0.005, 0.05)), ("1s", (1, 1)), ("0.5s - 1s", (0.5, 1)), ("0ms", (0, 0))],
)
def test_a_latency_is_a_span_or_a_range(text: str, seconds: tuple[float, float]) -> None:
    assert read_latency(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["20", "", "50ms-5ms", "1ms-2ms-3ms", "-1ms", "soon"])
def test_an_invalid_latency_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no latency; write 20ms"):
        read_latency(text)


@pytest.mark.parametrize(("text", "share"), [("1%", 0.01), ("0.01", 0.01), ("100%", 1), ("0", 0), ("2.5 %", 0.025)])
def test_a_share_is_a_percentage_or_a_fraction(text: str, share: float) -> None:
    assert read_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["101%", "2", "-1%", "few", ""])
def test_an_invalid_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no share; write 1%"):
        read_share(text)


def test_the_sum_of_shares_is_at_most_one() -> None:
    with pytest.raises(ValueError, match="between 0 and 1 in all"):
        Dials(reject=0.6, unavailable=0.6)
    with pytest.raises(ValueError, match="least latency"):
        Dials(latency=(2, 1))


def drawn(command: Command, dials: Dials, calls: int = 2000) -> Counter[Fault]:
    troubles = Troubles(dials)
    return Counter(troubles.draw(command)[0] for _ in range(calls))


def test_the_shares_are_those_of_the_dials() -> None:
    faults = drawn(COMMANDS["ReserveStock"], Dials(reject=0.1, lose_reply=0.2, unavailable=0.3))

    shares = {Fault.REJECT: 0.1, Fault.FAIL_AFTER: 0.2, Fault.FAIL_BEFORE: 0.3, Fault.NONE: 0.4}
    assert {fault: count / 2000 for fault, count in faults.items()} == pytest.approx(shares, abs=0.04)


@pytest.mark.parametrize("name", ["ReleaseStock", "GetStock"])
def test_only_commands_that_may_be_refused_are_refused(name: str) -> None:
    assert COMMANDS[name].effect in {Effect.RETRYABLE, Effect.QUERY}
    assert set(drawn(COMMANDS[name], Dials(reject=1.0))) == {Fault.NONE}


def test_the_same_seed_draws_the_same_faults() -> None:
    first, second, other = (
        [Troubles(Dials((0, 1), 0.3, 0.3, 0.3, seed)).draw(COMMANDS["ReserveStock"]) for _ in range(1)]
        for seed in (7, 7, 8)
    )
    assert first == second != other
