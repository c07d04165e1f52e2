"""What an operator may do to a saga, by its status: the whole table, written once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from orchestrator.errors import ActRefused
from orchestrator.journal.acts import Act, refuse_illegal
from orchestrator.journal.state import SagaState, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

D, C, S, P = Status.COMPLETED, Status.COMPENSATED, Status.SUSPENDED, Status.PARTIALLY_COMPENSATED
_UNREFUSED: Final[Mapping[Status, str | None]] = dict.fromkeys(Status)
_SUSPENDED_ONLY: Final[Mapping[Status, str | None]] = {**dict.fromkeys(Status, "NOT_SUSPENDED"), S: None}
_ENDED: Final = dict.fromkeys((D, C, P), "SAGA_ENDED")
REFUSED: Final[Mapping[Act, Mapping[Status, str | None]]] = {
    Act.CANCEL: {**_UNREFUSED, D: "SAGA_ENDED"},
    Act.PAUSE: {**_UNREFUSED, **_ENDED},
    Act.RESUME: _SUSPENDED_ONLY,
    Act.RETRY_NOW: {**dict.fromkeys(Status, "NOTHING_WAITS"), **_ENDED},
    Act.RESOLVE_OUTCOME: _SUSPENDED_ONLY,
    Act.RESOLVE_COMPENSATION: _SUSPENDED_ONLY,
    Act.SKIP_COMPENSATION: _SUSPENDED_ONLY,
    Act.SIGNAL: {**_UNREFUSED, **_ENDED},
}


def refusal(act: Act, status: Status, *, backs_off: bool = False) -> str | None:
    state = SagaState("saga-1")
    state.status = status
    try:
        refuse_illegal(act, state, backs_off=backs_off)
    except ActRefused as refused:
        return refused.reason
    return None


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("act", Act)
def test_an_act_is_refused_as_the_table_says_and_not_otherwise(act: Act, status: Status) -> None:
    assert refusal(act, status) == REFUSED[act][status]


@pytest.mark.parametrize("status", Status)
def test_an_attempt_that_backs_off_may_be_made_now_unless_its_saga_has_ended(status: Status) -> None:
    assert refusal(Act.RETRY_NOW, status, backs_off=True) == _ENDED.get(status)
