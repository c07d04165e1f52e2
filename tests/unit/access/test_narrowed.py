"""Nothing of the facades reaches the engine past the one who is narrowed: each method is written down here."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any, Final

import pytest

from orchestrator.access.narrowed import NarrowedSagas
from orchestrator.access.narrowed_bulk import NarrowedBulkActs
from orchestrator.access.narrowed_dead_commands import NarrowedDeadCommands
from orchestrator.access.narrowed_schedules import NarrowedSchedules
from orchestrator.access.subject import Subject, _current, enter
from orchestrator.contract.access import Role
from orchestrator.engine.bulk.facade import BulkActs
from orchestrator.engine.replica.bulk.control import BulkControl
from orchestrator.engine.sagas import Sagas
from orchestrator.engine.schedules.facade import Schedules
from orchestrator.errors import BulkActNotFound, NotAllowed, SagaNotFound, ScheduleNotFound
from orchestrator.journal.state import SagaState
from orchestrator.ports.bulk_acts import Reach
from orchestrator.ports.dead_commands import DeadCommands, FoundDeadCommands
from orchestrator.store.memory.journal import MemoryJournal
from orchestrator.testing.world.clock import JumpingClock
from tests.support.bulk_acts import PREPARED

ABOUT_NO_SAGA: Final = {"live", "served", "find", "contract", "flaw", "participants", "recovery"}
"""What they tell is of the process or of the code, and the same for everybody."""
OF_AN_ID: Final = {"is_live"}
"""Tells only whether this process advances what has this id, so that no turn is taken for it."""
OF_A_STATE: Final = {"waiting", "preview"}
"""They take a saga that somebody was given: who has it may see it."""
NARROWED: Final = {
    "start",
    "search",
    "count",
    "unclaimed",
    "watch_all",
    "loads",
    "all_waiting",
    "waiting_elsewhere",
    "figures",
    "suspended",
    "replicas",
}
"""Tested by what they answer, in tests/integration/api/test_narrowed.py."""
OF_ONE_SAGA: Final = {
    "get",
    "entries",
    "watch",
    "refuse_act",
    "act",
    "signal",
    "resolve_outcome",
    "resolve_compensation",
    "skip_compensation",
    "verify",
}
"""Each is about one saga, by its id: to a caller who may not see it, there is none."""
OF_SEVERAL: Final = {"inputs"}
"""Takes ids of sagas, and tells only of those that the caller may see."""
OF_ONE_SCHEDULE: Final = {"get", "pause", "resume", "delete", "run"}
OF_ONE_BULK_ACT: Final = {"get", "start", "stop", "watch", "sagas"}
FORGETTING: Final = {"forget", "forget_until"}
"""Of the commands given up, which are of all sagas: refused to whoever is narrowed."""


class Engine:
    """Has a saga and a schedule of trips, and fails the test where anything else is asked of it."""

    async def get(self, name: str) -> Any:  # noqa: ANN401 - a saga or a schedule
        state = SagaState(name)
        state.definition, state.attributes = "book_trip", (("customer_id", "bob"),)
        return state

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as above
        raise AssertionError(f"{name} of the engine was reached")


class EngineOfBulkActs(Engine):
    """Has a bulk act that somebody has prepared who sees every saga."""

    async def get(self, name: str) -> Any:  # noqa: ANN401 - a bulk act
        return replace(PREPARED, bulk_id=name)


@pytest.fixture(autouse=True)
def _narrowed_to_orders() -> Any:  # noqa: ANN401 - a generator of nothing
    before = _current.set(Subject("ada", frozenset({Role.ADMIN}), "token file", definitions=frozenset({"place_order"})))
    yield
    _current.reset(before)


def methods(facade: type) -> set[str]:
    return {name for name in vars(facade) if not name.startswith("_")}


def arguments(method: Any) -> dict[str, Any]:  # noqa: ANN401 - any method
    """Something for each of its parameters."""
    return dict.fromkeys(inspect.signature(method).parameters, "x")


async def ask(method: Any) -> object:  # noqa: ANN401 - as above
    asked = method(**arguments(method))
    return [each async for each in asked] if inspect.isasyncgen(asked) else await asked


def test_each_method_of_the_sagas_is_told_apart_on_purpose() -> None:
    assert methods(Sagas) == ABOUT_NO_SAGA | OF_AN_ID | OF_A_STATE | NARROWED | OF_ONE_SAGA | OF_SEVERAL
    assert methods(NarrowedSagas) == methods(Sagas)


def test_each_method_of_the_schedules_is_told_apart_on_purpose() -> None:
    assert methods(Schedules) == {"create", "list_after"} | OF_ONE_SCHEDULE
    assert methods(NarrowedSchedules) == methods(Schedules)


def test_each_method_of_the_bulk_acts_is_told_apart_on_purpose() -> None:
    assert methods(BulkActs) == {"prepare", "list_before"} | OF_ONE_BULK_ACT
    assert methods(NarrowedBulkActs) == methods(BulkActs)


def test_each_method_of_the_commands_given_up_is_told_apart_on_purpose() -> None:
    assert methods(NarrowedDeadCommands) == methods(DeadCommands) == {"newest"} | FORGETTING


async def test_no_broker_is_asked_for_a_narrowed_caller() -> None:
    engine: Any = Engine()
    assert await NarrowedDeadCommands(engine).newest(5) == FoundDeadCommands({}, [])


@pytest.mark.parametrize("name", sorted(FORGETTING))
async def test_a_narrowed_caller_has_nothing_forgotten(name: str) -> None:
    engine: Any = Engine()

    with pytest.raises(NotAllowed, match="you see some of them"):
        await ask(getattr(NarrowedDeadCommands(engine), name))
    enter(Subject("ada", frozenset({Role.ADMIN}), "token file"))
    with pytest.raises(AssertionError, match=f"{name} of the engine was reached"):
        await ask(getattr(NarrowedDeadCommands(engine), name))


@pytest.mark.parametrize("name", sorted(OF_ONE_SAGA))
async def test_a_saga_out_of_reach_is_not_there_for_any_method(name: str) -> None:
    engine: Any = Engine()

    with pytest.raises(SagaNotFound):
        await ask(getattr(NarrowedSagas(engine), name))


async def test_of_several_sagas_only_those_within_reach_tell_their_inputs() -> None:
    engine: Any = Engine()
    assert await NarrowedSagas(engine).inputs(["trip-1"]) == {}


@pytest.mark.parametrize("name", sorted(OF_ONE_SCHEDULE))
async def test_a_schedule_out_of_reach_is_not_there_for_any_method(name: str) -> None:
    engine: Any = Engine()

    with pytest.raises(ScheduleNotFound):
        await ask(getattr(NarrowedSchedules(engine, engine), name))


@pytest.mark.parametrize("name", sorted(OF_ONE_BULK_ACT))
async def test_a_bulk_act_out_of_reach_is_not_there_for_any_method(name: str) -> None:
    engine: Any = EngineOfBulkActs()

    with pytest.raises(BulkActNotFound):
        await ask(getattr(NarrowedBulkActs(engine), name))


@pytest.mark.parametrize(
    ("reach", "is_there"),
    [
        (Reach(), False),
        (Reach(("place_order",)), True),
        (Reach(("place_order", "book_trip")), False),
        (Reach((), (("customer_id", "ada"),)), False),
        (Reach(("place_order",), (("customer_id", "ada"),)), True),
    ],
)
async def test_a_bulk_act_is_there_where_the_caller_sees_all_that_its_caller_saw(reach: Reach, is_there: bool) -> None:
    kept: Any = MemoryJournal()
    await kept.create_bulk_act(replace(PREPARED, reach=reach))
    bulk = NarrowedBulkActs(BulkControl(kept, JumpingClock(), lambda: None))

    assert [each.reach for each in await bulk.list_before("", 10)] == ([reach] if is_there else [])


@pytest.mark.parametrize("name", sorted((OF_ONE_SAGA | OF_SEVERAL) - {"get"}))
async def test_a_caller_who_is_not_narrowed_reaches_every_method(name: str) -> None:
    enter(Subject("ada", frozenset({Role.ADMIN}), "token file"))
    engine: Any = Engine()

    with pytest.raises(AssertionError, match=f"{name} of the engine was reached"):
        await ask(getattr(NarrowedSagas(engine), name))


async def test_who_deleted_a_schedule_is_not_told_to_a_narrowed_caller() -> None:
    class Deleted(Engine):
        async def get(self, name: str) -> Any:  # noqa: ANN401 - it raises
            raise ScheduleNotFound(name, "the last one of this name was deleted by bob")

    engine: Any = Deleted()
    with pytest.raises(ScheduleNotFound) as refused:
        await NarrowedSchedules(engine, engine).get("trips")
    assert "bob" not in str(refused.value)
