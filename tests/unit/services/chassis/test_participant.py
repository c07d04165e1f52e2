"""Which of the guard's rules a decorated method runs behind."""

from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from sqlalchemy import Connection

from services.chassis import Participant, command, compensation, query, recording_query, retryable
from services.chassis.guard import Guard

RULES = {
    command: Guard.command,
    retryable: Guard.retryable,
    compensation: Guard.compensation,
    query: Guard.query,
    recording_query: Guard.recording_query,
}


class Context:
    """A call without metadata."""

    def invocation_metadata(self) -> tuple[()]:
        return ()


@pytest.mark.parametrize("decorator", RULES, ids=lambda it: it.__name__)
async def test_a_method_runs_behind_the_rule_that_its_decorator_names(
    decorator: Any,  # noqa: ANN401 - each is generic
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[str] = []
    # The decorator takes the rule's function itself, so the test compares the code that runs.
    for rule in RULES.values():
        name = rule.__name__

        async def noted(_guard: Guard, call: Any, name: str = name) -> StringValue:  # noqa: ANN401
            ran.append(f"{name} {call.method}")
            return StringValue()

        monkeypatch.setattr(Guard, name, noted)

    def Say(self: Participant, request: StringValue, connection: Connection) -> StringValue:  # noqa: ARG001, N802
        return request

    participant: Any = Participant(None, None)  # type: ignore[arg-type]  # neither is looked at
    await decorator(Say)(participant, StringValue(), Context())
    assert ran == [f"{decorator.__name__} Say"]
