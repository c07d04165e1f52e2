"""The rules of the guard, step by step: what is asked for, in which transaction, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.participant import GuardRefusal, Kind
from orchestrator.participant.errors import PostponedError, RefusedError
from orchestrator.participant.guard import guarded
from orchestrator.participant.metadata import CallMetadata
from orchestrator.participant.records import KeyTakenError, Outcome, Record
from orchestrator.participant.steps import Answer, Call, Find, Forget, Keep, Run, Settle, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.participant.steps import Rules, Step

REFUSED = RefusedError(b"no")
POSTPONED = PostponedError("later")


def call(
    kind: Kind = Kind.COMMAND, key: str | None = "key", *, compensates: str | None = None, verifies: str | None = None
) -> Call:
    return Call(kind, "Add", b"request", CallMetadata(key, compensates, verifies))


class World:
    """A table of records, and a handler that ends as it is told.

    Attributes:
        records: what is committed, by key.
        runs: how each run of the handler ends; a reply or an error. The last one is for all that follow.
        taken: how often inserts still lose a race to nobody.
        log: what was asked for; each transaction begins with its mode.
    """

    def __init__(self, *runs: bytes | Exception) -> None:
        self.records: dict[str, Record] = {}
        self.runs = list(runs or (b"reply",))
        self.taken = 0
        self.between: Callable[[], None] = lambda: None
        self.log: list[str] = []

    def answer(self, asked: Call) -> Answer:
        rules = guarded(asked)
        unit = next(rules)
        while True:
            try:
                result = self._execute(unit)
            except (KeyTakenError, PostponedError, RefusedError) as error:
                unit_or_end = self._go_on(lambda thrown=error: rules.throw(thrown))  # type: ignore[misc]
            else:
                unit_or_end = self._go_on(lambda sent=result: rules.send(sent))  # type: ignore[misc]
            if isinstance(unit_or_end, Answer):
                return unit_or_end
            unit = unit_or_end

    @staticmethod
    def _go_on(advance: Callable[[], Transaction | Run]) -> Transaction | Run | Answer:
        try:
            return advance()
        except StopIteration as end:
            answered: Answer = end.value
            return answered

    def _execute(self, unit: Transaction | Run) -> Any:  # noqa: ANN401
        if isinstance(unit, Run):
            return self._do(unit, {})
        self.log.append("write" if unit.writes else "read")
        changed = dict(self.records)
        steps = unit.steps()
        sent: Any = None
        while True:
            try:
                step = steps.send(sent)
            except StopIteration as end:
                self.records = changed
                self.between()
                return end.value
            sent = self._do(step, changed)

    def _do(self, step: Step, records: dict[str, Record]) -> Any:  # noqa: ANN401
        self.log.append(type(step).__name__)
        match step:
            case Find():
                return {key: records[key] for key in (step.key, step.other) if key in records}
            case Keep():
                if self.taken or step.record.key in records:
                    self.taken = max(0, self.taken - 1)
                    raise KeyTakenError(step.record.key)
                records[step.record.key] = step.record
            case Settle():
                if records[step.record.key].outcome is not Outcome.IN_DOUBT:
                    raise KeyTakenError(step.record.key)
                records[step.record.key] = step.record
            case Forget():
                del records[step.key]
            case Run():
                ended = self.runs.pop(0) if len(self.runs) > 1 else self.runs[0]
                if isinstance(ended, Exception):
                    raise ended
                return ended
        return None


def refusal(world: World, asked: Call) -> tuple[str, str, bool]:
    with pytest.raises(GuardRefusal) as caught:
        world.answer(asked)
    return caught.value.code, caught.value.reason, caught.value.echo


def test_a_new_command_costs_two_statements_in_one_transaction() -> None:
    world = World()
    assert world.answer(call()) == Answer(b"reply")
    assert world.log == ["write", "Find", "Run", "Keep"]


def test_a_call_without_a_key_runs_in_a_transaction_and_keeps_nothing() -> None:
    for kind in (Kind.COMMAND, Kind.RETRYABLE, Kind.COMPENSATION):
        world = World()
        assert world.answer(call(kind, None)) == Answer(b"reply")
        assert (world.log, world.records) == (["write", "Run"], {})


def test_a_rejection_is_recorded_in_a_new_transaction_after_the_change_was_rolled_back() -> None:
    world = World(REFUSED)
    assert world.answer(call()) == Answer(b"no", rejected=True)
    assert world.log == ["write", "Find", "Run", "write", "Keep"]
    assert world.answer(call()) == Answer(b"no", rejected=True)


@pytest.mark.parametrize("kind", [Kind.RETRYABLE, Kind.COMPENSATION])
def test_a_rejection_that_may_be_followed_by_success_is_neither_recorded_nor_echoed(kind: Kind) -> None:
    world = World(REFUSED, b"reply")
    assert world.answer(call(kind)) == Answer(b"no", rejected=True, echo=False)
    assert world.answer(call(kind)) == Answer(b"reply")


def test_a_postponed_command_ends_with_its_error_and_leaves_nothing() -> None:
    world = World(POSTPONED)
    with pytest.raises(PostponedError):
        world.answer(call())
    assert world.records == {}


@pytest.mark.parametrize("taken", [1, 2])
def test_a_lost_race_runs_the_round_again(taken: int) -> None:
    world = World()
    world.taken = taken
    assert world.answer(call()) == Answer(b"reply")
    assert world.log.count("Run") == taken + 1


def test_a_key_that_is_taken_in_every_round_is_a_passing_failure() -> None:
    world = World()
    world.taken = 9
    assert refusal(world, call()) == ("UNAVAILABLE", "KEY_CONTESTED", False)
    assert world.log.count("Run") == 3


def test_a_rejection_that_lost_a_race_is_answered_from_the_record_that_won() -> None:
    world = World(REFUSED)
    asked = call()
    world.records["key"] = asked.record("key", Outcome.COMPLETED, b"won")
    rules: Rules = guarded(asked)
    next(rules)
    rules.throw(RefusedError(b"no"))  # the rejection is about to be recorded
    found = rules.throw(KeyTakenError("key"))
    assert isinstance(found, Transaction)
    with pytest.raises(StopIteration) as end:
        rules.send(world.records["key"])
    assert end.value.value == Answer(b"won")


def test_a_compensation_that_comes_first_does_nothing_and_keeps_its_command_out() -> None:
    world = World()
    undo = call(Kind.COMPENSATION, "undo", compensates="key")
    assert world.answer(undo) == Answer(b"")
    assert "Run" not in world.log
    assert refusal(world, call()) == ("FAILED_PRECONDITION", "COMMAND_COMPENSATED", True)
    assert world.answer(undo) == Answer(b"")


def test_a_compensation_undoes_a_completed_command_and_no_rejected_one() -> None:
    undo = call(Kind.COMPENSATION, "undo", compensates="key")
    completed, rejected = World(b"reply"), World(REFUSED, b"undone")
    for world in (completed, rejected):
        world.answer(call())
    completed.runs = [b"undone"]
    assert completed.answer(undo) == Answer(b"undone")
    assert rejected.answer(undo) == Answer(b"")


def test_a_query_reads_and_its_answers_are_echoed() -> None:
    world = World()
    assert world.answer(call(Kind.QUERY)) == Answer(b"reply")
    assert world.log == ["read", "Run"]
    assert World(REFUSED).answer(call(Kind.QUERY)) == Answer(b"no", rejected=True)


def test_a_verify_query_knows_only_a_completed_command() -> None:
    asked = call(Kind.QUERY, "key", verifies="key")
    world = World()
    assert refusal(world, asked) == ("NOT_FOUND", "COMMAND_NOT_SEEN", True)
    world.answer(call())
    assert world.answer(asked) == Answer(b"reply")


def test_the_intent_of_a_foreign_command_is_committed_before_it_runs() -> None:
    world = World()
    assert world.answer(call(Kind.FOREIGN)) == Answer(b"reply")
    assert world.log == ["write", "Find", "Keep", "Run", "write", "Settle"]
    assert world.answer(call(Kind.FOREIGN)) == Answer(b"reply")
    assert world.log.count("Run") == 1


def test_a_foreign_command_without_an_answer_is_in_doubt_for_everybody() -> None:
    world = World(RuntimeError("the answer was lost"), b"reply")
    with pytest.raises(RuntimeError):
        world.answer(call(Kind.FOREIGN))
    for asked in (
        call(Kind.FOREIGN),
        call(Kind.QUERY, verifies="key"),
        call(Kind.COMPENSATION, "undo", compensates="key"),
    ):
        assert refusal(world, asked) == ("UNKNOWN", "COMMAND_IN_DOUBT", False)
    assert world.log.count("Run") == 1


def test_a_foreign_command_that_had_no_effect_yet_may_run_again() -> None:
    world = World(POSTPONED, b"reply")
    with pytest.raises(PostponedError):
        world.answer(call(Kind.FOREIGN))
    assert world.records == {}
    assert world.answer(call(Kind.FOREIGN)) == Answer(b"reply")


def test_a_foreign_rejection_is_recorded() -> None:
    world = World(REFUSED)
    assert world.answer(call(Kind.FOREIGN)) == Answer(b"no", rejected=True)
    assert world.records["key"].outcome is Outcome.REJECTED


def test_the_word_of_a_person_who_settled_a_foreign_command_stands() -> None:
    world = World()

    def settle() -> None:
        world.records["key"] = call().record("key", Outcome.COMPLETED, b"settled by hand")
        world.between = lambda: None

    world.between = settle
    assert world.answer(call(Kind.FOREIGN)) == Answer(b"settled by hand")


def test_a_foreign_command_without_a_key_just_runs() -> None:
    world = World()
    assert world.answer(call(Kind.FOREIGN, None)) == Answer(b"reply")
    assert world.log == ["Run"]


def test_a_foreign_command_is_kept_out_by_its_compensation() -> None:
    world = World()
    world.answer(call(Kind.COMPENSATION, "undo", compensates="key"))
    assert refusal(world, call(Kind.FOREIGN)) == ("FAILED_PRECONDITION", "COMMAND_COMPENSATED", True)


@pytest.mark.parametrize("kind", [Kind.COMMAND, Kind.RETRYABLE, Kind.COMPENSATION, Kind.FOREIGN])
def test_a_key_that_comes_with_another_request_or_method_is_refused_without_an_echo(kind: Kind) -> None:
    world = World()
    world.answer(call())
    other_request = Call(kind, "Add", b"other", CallMetadata("key"))
    other_method = Call(kind, "Multiply", b"request", CallMetadata("key"))
    for asked in (other_request, other_method):
        assert refusal(world, asked) == ("FAILED_PRECONDITION", "IDEMPOTENCY_KEY_REUSED", False)
