"""What may go wrong on purpose, and what is asked of which service for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.analysis.plan.reader import read_plan
from orchestrator.shop.pages.rehearsal import (
    DOWN_FOR,
    FAULTS,
    NOTHING,
    PREPARED,
    SLOW_MOTION,
    Choice,
    Rehearsal,
    choices,
    chosen,
    faults_of,
)
from orchestrator.shop.pages.words import OF_STEPS
from orchestrator.shop.place_order import place_order_2
from shop.fault.v1.fault_pb2 import FAULT_DELAY, FAULT_DOWN, FAULT_LOST_REPLY

RESERVE = "shop.inventory.v1.InventoryService.ReserveStock"
RELEASE = "shop.inventory.v1.InventoryService.ReleaseStock"
COMMANDS = [step.command for step in read_plan(place_order_2).steps()]
STEPS, UNDOS = choices(COMMANDS)
SERVICES = sorted({command.service for command in COMMANDS})


def test_every_step_of_an_order_and_every_compensation_can_be_made_to_fail() -> None:
    assert [choice.rpc for choice in STEPS] == list(dict.fromkeys(command.name for command in COMMANDS))
    assert {choice.rpc.rpartition(".")[2] for choice in UNDOS} == {
        "CancelOrder",
        "ReleaseStock",
        "VoidAuthorization",
        "CancelShipment",
    }


def test_every_step_of_an_order_has_words_for_a_customer() -> None:
    assert {command.name for command in COMMANDS} == set(OF_STEPS)
    assert all(OF_STEPS[command.name].undone for command in COMMANDS if command.compensation)


@pytest.mark.parametrize("prepared", PREPARED, ids=lambda each: each.name)
def test_a_prepared_rehearsal_is_found_by_its_name_and_asks_for_what_there_is(prepared: Rehearsal) -> None:
    assert chosen(prepared.name, "", "", STEPS) is prepared
    assert prepared.misfortune is None or prepared.misfortune.rpc in OF_STEPS


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("choice", STEPS + UNDOS, ids=lambda choice: choice.rpc.rpartition(".")[2])
def test_any_step_can_go_wrong_in_any_way(choice: Choice, fault: str) -> None:
    rehearsal = chosen("step", choice.rpc, fault, STEPS + UNDOS)
    assert rehearsal is not None
    service, _, method = choice.rpc.rpartition(".")
    (planned,) = faults_of(rehearsal, SERVICES, slow_motion=False)[service]
    assert (planned.method, planned.fault) == (method, FAULTS[fault][0])


@pytest.mark.parametrize(
    "asked", [("other", "", ""), ("step", RESERVE, "other"), ("step", "shop.other.v1.Other.Do", "slow")]
)
def test_what_is_not_offered_cannot_be_asked_for(asked: tuple[str, str, str]) -> None:
    assert chosen(*asked, STEPS + UNDOS) is None


def test_a_service_that_is_down_is_back_after_a_while() -> None:
    rehearsal = chosen("step", RELEASE, "down", STEPS + UNDOS)
    assert rehearsal is not None
    ((planned,),) = faults_of(rehearsal, SERVICES, slow_motion=False).values()
    assert (planned.method, planned.fault, planned.lasting.ToTimedelta()) == ("ReleaseStock", FAULT_DOWN, DOWN_FOR)


def test_in_slow_motion_every_service_answers_later_and_the_chosen_fault_stays() -> None:
    rehearsal = chosen("step", RESERVE, "lost", STEPS)
    assert rehearsal is not None
    wanted = faults_of(rehearsal, SERVICES, slow_motion=True)
    assert sorted(wanted) == SERVICES
    assert [each.fault for each in wanted["shop.inventory.v1.InventoryService"]] == [FAULT_LOST_REPLY, FAULT_DELAY]
    assert [each.fault for each in wanted["shop.payment.v1.PaymentService"]] == [FAULT_DELAY]


def test_slow_motion_is_faster_than_the_shortest_deadline_of_a_step() -> None:
    assert min(command.timeout for command in COMMANDS) - SLOW_MOTION >= timedelta(milliseconds=300)


def test_where_nothing_goes_wrong_no_service_is_asked_for_anything() -> None:
    assert faults_of(NOTHING, SERVICES, slow_motion=False) == {}
