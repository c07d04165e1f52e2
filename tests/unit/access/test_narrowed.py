"""Nothing of the facades reaches the engine past the one who is narrowed: each method is written down here."""

from __future__ import annotations

import inspect
from typing import Any, Final

import pytest

from orchestrator.access.narrowed import NarrowedSagas
from orchestrator.access.narrowed_schedules import NarrowedSchedules
from orchestrator.access.subject import Subject, _current, enter
from orchestrator.contract.access import Role
from orchestrator.engine.sagas import Sagas
from orchestrator.engine.schedules.facade import Schedules
from orchestrator.errors import SagaNotFound, ScheduleNotFound
from orchestrator.journal.state import SagaState

ABOUT_NO_SAGA: Final = {"live", "served", "find", "contract", "flaw", "participants", "recovery"}
"""What they tell is of the process or of the code, and the same for everybody."""
OF_AN_ID: Final = {"is_live"}
"""Tells only whether this process advances what has this id, so that no turn is taken for it."""
OF_A_STATE: Final = {"waiting", "preview"}
"""They take a saga that somebody was given: who has it may see it."""
NARROWED: Final = {"start", "search", "count", "unclaimed", "watch_all", "loads", "all_waiting", "waiting_elsewhere"}
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
}
"""Each is about one saga, by its id: to a caller who may not see it, there is none."""
OF_SEVERAL: Final = {"inputs"}
"""Takes ids of sagas, and tells only of those that the caller may see."""
OF_ONE_SCHEDULE: Final = {"get", "pause", "resume", "delete", "run"}


class Engine:
    """Has a saga and a schedule of trips, and fails the test where anything else is asked of it."""

    async def get(self, name: str) -> Any:  # noqa: ANN401 - a saga or a schedule
        state = SagaState(name)
        state.definition, state.attributes = "book_trip", (("customer_id", "bob"),)
        return state

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as above
        raise AssertionError(f"{name} of the engine was reached")


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


@pytest.mark.parametrize("name", sorted((OF_ONE_SAGA | OF_SEVERAL) - {"get"}))
async def test_a_caller_who_is_not_narrowed_reaches_every_method(name: str) -> None:
    enter(Subject("ada", frozenset({Role.ADMIN}), "token file"))
    engine: Any = Engine()

    with pytest.raises(AssertionError, match=f"{name} of the engine was reached"):
        await ask(getattr(NarrowedSagas(engine), name))
