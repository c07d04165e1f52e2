"""Which calls of an order go wrong when that was planned."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.chassis.errors import Rejection, Unavailable
from services.chassis.faults import Fault, Kind, PlannedFaults

ORDER = "order-1"
A_WHILE = timedelta(seconds=10)


class Seconds:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def struck(faults: PlannedFaults, method: str = "ReserveStock", order: str | None = ORDER) -> frozenset[Kind]:
    mishap = faults.strike(order, method)
    return mishap.kinds if mishap else frozenset()


@pytest.mark.parametrize("kind", [Kind.REFUSED, Kind.SLOW, Kind.LOST_REPLY])
def test_a_fault_of_one_call_happens_to_the_first_call_alone(kind: Kind) -> None:
    faults = PlannedFaults(Seconds())
    faults.plan(ORDER, [Fault("ReserveStock", kind)])
    assert [struck(faults), struck(faults)] == [{kind}, frozenset()]
    assert faults.of(ORDER)[0].happened == 1


def test_a_service_is_down_for_a_while_from_its_first_call_on() -> None:
    clock = Seconds()
    faults = PlannedFaults(clock)
    faults.plan(ORDER, [Fault("", Kind.DOWN, A_WHILE)])
    clock.now += 1_000  # nobody calls before
    assert struck(faults) == {Kind.DOWN}
    clock.now += A_WHILE.total_seconds() - 0.1
    assert struck(faults, "ReleaseStock") == {Kind.DOWN}
    clock.now += 0.1
    assert struck(faults) == frozenset()


def test_a_delay_happens_to_every_call_beside_other_faults() -> None:
    faults = PlannedFaults(Seconds())
    faults.plan(ORDER, [Fault("ReserveStock", Kind.LOST_REPLY), Fault("", Kind.DELAY, A_WHILE)])
    first, second = faults.strike(ORDER, "ReserveStock"), faults.strike(ORDER, "ReserveStock")
    assert first is not None
    assert (set(first.kinds), first.delay) == ({Kind.LOST_REPLY, Kind.DELAY}, A_WHILE)
    assert second is not None
    assert (set(second.kinds), second.delay) == ({Kind.DELAY}, A_WHILE)


def test_a_fault_of_one_method_spares_the_others_and_other_orders() -> None:
    faults = PlannedFaults(Seconds())
    faults.plan(ORDER, [Fault("ReserveStock", Kind.REFUSED)])
    assert struck(faults, "ReleaseStock") == frozenset()
    assert struck(faults, order="order-2") == frozenset()
    assert struck(faults, order=None) == frozenset()
    assert struck(faults) == {Kind.REFUSED}


def test_a_new_plan_takes_the_place_of_the_old_one() -> None:
    faults = PlannedFaults(Seconds())
    faults.plan(ORDER, [Fault("ReserveStock", Kind.REFUSED)])
    faults.plan(ORDER, [])
    assert struck(faults) == frozenset()
    assert faults.of(ORDER) == []


def test_the_oldest_orders_are_forgotten_where_there_are_too_many() -> None:
    faults = PlannedFaults(Seconds())
    for number in range(10_001):
        faults.plan(f"order-{number}", [Fault("", Kind.REFUSED)])
    assert struck(faults, order="order-0") == frozenset()
    assert struck(faults, order="order-1") == {Kind.REFUSED}


def test_a_refused_call_and_one_that_finds_nobody_do_not_reach_the_guard() -> None:
    faults = PlannedFaults(Seconds())
    faults.plan(ORDER, [Fault("ReserveStock", Kind.REFUSED), Fault("ReleaseStock", Kind.DOWN, A_WHILE)])
    refused, down = faults.strike(ORDER, "ReserveStock"), faults.strike(ORDER, "ReleaseStock")
    assert refused is not None
    assert down is not None
    with pytest.raises(Rejection) as rejection:
        refused.before()
    assert rejection.value.reason == "FAULT_PLANNED"
    with pytest.raises(Unavailable):
        down.before()


def test_a_lost_reply_is_lost_on_the_way_back() -> None:
    faults = PlannedFaults(Seconds())
    faults.plan(ORDER, [Fault("ReserveStock", Kind.LOST_REPLY)])
    mishap = faults.strike(ORDER, "ReserveStock")
    assert mishap is not None
    mishap.before()
    with pytest.raises(Unavailable):
        mishap.after()
