"""Runs a saga through every fault of every command, on mocks made from its contracts.

First without any fault, which shows the commands, and must complete; then once for each command and fault. Each
run is a world of its own: an orchestrator, its journal, the participants, and virtual time. They come one after
another, as the engine's failpoints are the process's, and in a thread, so that the caller's event loop goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final

from orchestrator.analysis.plan.reader import read_plan
from orchestrator.errors import DefinitionError, InvalidInput
from orchestrator.journal.state import Status
from orchestrator.testing.examples import by_full_name
from orchestrator.testing.matrix.cell import Cell, Verdict
from orchestrator.testing.matrix.expectations import of_fragile, redelivered
from orchestrator.testing.matrix.fault_case import FaultKind
from orchestrator.testing.matrix.fault_cases import FAULT_CASES
from orchestrator.testing.matrix.oracle import faults_found, is_overdue, word
from orchestrator.testing.matrix.report import Matrix
from orchestrator.testing.matrix.saga_under_test import SagaUnderTest
from orchestrator.testing.matrix.scenario import Scenario
from orchestrator.testing.matrix.scenario_run import REDELIVERED, Observations, ScenarioRun
from orchestrator.testing.matrix.subjects import subjects_of, unreached
from orchestrator.testing.matrix.wait_cases import WAIT_CASES, waits_of
from orchestrator.testing.samples import Sampler, violations
from orchestrator.testing.world.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.message import Message

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.testing.matrix.fault_case import FaultCase
    from orchestrator.testing.matrix.subjects import Subject
    from orchestrator.testing.matrix.wait_cases import WaitCase, WaitSubject

_WAITS: Final = frozenset({Status.WAITING})
_one_at_a_time: Final = threading.Lock()


async def fault_matrix(
    definition: SagaDefinition[Any, Any, Any],
    saga_input: Message | None = None,
    examples: Mapping[str, Message] | None = None,
    *,
    over_queue: bool = False,
) -> Matrix:
    """Run a saga through every fault of every command.

    ``assert (await fault_matrix(place_order)).passed``

    Args:
        definition: the saga.
        saga_input: its input; made up from its contract by default.
        examples: replies, by the name of the rpc (``AssessOrder``, or in full where several participants have
            one); what they leave out is made up from the contract.
        over_queue: commands go to their participants over a queue, which keeps them and delivers again what is lost;
            without it, they are called.

    Raises:
        DefinitionError: without any fault the saga does not complete; then its replies need examples.
        InvalidInput: the order breaks its contract.
        ContractError: an example is for no rpc of the saga's participants, or is no reply of it.
    """
    if saga_input is None:
        saga_input = Sampler(str(definition)).message(definition.input)
    if wrong := violations(saga_input):
        raise InvalidInput(*wrong)
    saga_under_test = SagaUnderTest(
        definition, read_plan(definition), saga_input, by_full_name(definition, examples or {}), over_queue
    )
    baseline = await _run(saga_under_test, Scenario())
    _refuse_incomplete(definition, baseline)
    subjects = subjects_of(saga_under_test, baseline)
    cells = [
        await _cell(saga_under_test, subject, fault_case, subjects)
        for subject in subjects
        for fault_case in FAULT_CASES
    ]
    waits = [
        await _wait_cell(saga_under_test, wait, wait_case) for wait in waits_of(baseline) for wait_case in WAIT_CASES
    ]
    return Matrix(str(definition), tuple(cells), unreached(saga_under_test, subjects), tuple(waits))


async def _cell(
    saga_under_test: SagaUnderTest, subject: Subject, fault_case: FaultCase, subjects: Sequence[Subject]
) -> Cell:
    if not_applicable := fault_case.not_applicable(subject):
        return Cell(subject.key, fault_case.title, None, Verdict.NOT_APPLICABLE, not_applicable)
    scenario = fault_case.scenario(subject)
    observations = await _run(saga_under_test, scenario)
    fragile = of_fragile(each for each in subjects if each.key in observations.left_in_doubt)
    legal, during = fault_case.legal(subject) | fragile, fault_case.during(subject)
    if saga_under_test.over_queue and any(each.fault in REDELIVERED for each in scenario.injections):
        legal |= redelivered(in_rollback=fault_case.kind is FaultKind.COMPENSATION)
        during |= during and _WAITS
    wrong = faults_found(observations, legal, during)
    missing = [f"it did not happen: {what}" for what in observations.not_happened]
    if missing and not wrong and (fragile or is_overdue(observations.state)):
        # What the killed orchestrator had in doubt, or the deadline, has led the saga elsewhere.
        return Cell(subject.key, fault_case.title, None, Verdict.NOT_APPLICABLE, "; ".join(missing))
    verdict = Verdict.FAILED if missing + wrong else Verdict.PASSED
    explanation = "; ".join(missing + wrong) or _account(observations)
    return Cell(subject.key, fault_case.title, observations.state.status, verdict, explanation)


async def _wait_cell(saga_under_test: SagaUnderTest, wait: WaitSubject, wait_case: WaitCase) -> Cell:
    if not_applicable := wait_case.not_applicable(wait):
        return Cell(wait.key, wait_case.title, None, Verdict.NOT_APPLICABLE, not_applicable)
    observations = await _run(saga_under_test, wait_case.scenario(wait))
    wrong = [f"it did not happen: {what}" for what in observations.not_happened]
    wrong += faults_found(observations, wait_case.legal(wait))
    verdict = Verdict.FAILED if wrong else Verdict.PASSED
    explanation = "; ".join(wrong) or _account(observations)
    return Cell(wait.key, wait_case.title, observations.state.status, verdict, explanation)


async def _run(saga_under_test: SagaUnderTest, scenario: Scenario) -> Observations:
    return await asyncio.to_thread(_run_now, saga_under_test, scenario)


def _run_now(saga_under_test: SagaUnderTest, scenario: Scenario) -> Observations:
    async def run() -> Observations:
        return await ScenarioRun(saga_under_test, scenario).run()

    with _one_at_a_time, contextlib.closing(VirtualLoop()) as loop:
        try:
            return loop.run_until_complete(run())
        finally:
            loop.sweep()


def _account(observations: Observations) -> str:
    """What was seen, in a few words."""
    reason = observations.state.reason
    because = f"{reason.code}: {reason.message}; " if reason else ""
    return because + observations.ledger.summary()


def _refuse_incomplete(definition: SagaDefinition[Any, Any, Any], baseline: Observations) -> None:
    state = baseline.state
    if state.status is Status.COMPLETED:
        return
    why = f" because of {state.reason.code}: {state.reason.message}" if state.reason else ""
    raise DefinitionError(
        f"without any fault, {definition} is {word(state.status)}{why}; give an input with which it completes, "
        "and examples of the replies that it needs"
    )
