"""Runs a saga through every fault of every command, on mocks made from its contracts.

First without any fault, which shows the commands, and must complete; then once for each command and fault. Each
run is a world of its own: an orchestrator, its journal, the participants, and virtual time. They come one after
another, as the engine's failpoints are the process's, and in a thread, so that the caller's event loop goes on.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final

from orchestrator.analysis.plan.reader import read_plan
from orchestrator.errors import DefinitionError, InvalidInput
from orchestrator.journal.state import Status
from orchestrator.testing.matrix.examples import by_full_name
from orchestrator.testing.matrix.expectations import of_fragile
from orchestrator.testing.matrix.fault_cases import MISHAPS
from orchestrator.testing.matrix.oracle import faults_found, is_overdue, word
from orchestrator.testing.matrix.report import Cell, Matrix, Verdict
from orchestrator.testing.matrix.scenario import Scenario
from orchestrator.testing.matrix.scenario_run import Evidence, Production, Rehearsal
from orchestrator.testing.matrix.subjects import subjects_of, unreached
from orchestrator.testing.matrix.virtual_time import VirtualTimeLoop
from orchestrator.testing.samples import Sampler, violations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.message import Message

    from orchestrator.definition.saga import SagaDefinition
    from orchestrator.testing.matrix.fault_cases import Mishap
    from orchestrator.testing.matrix.subjects import Subject

_one_at_a_time: Final = threading.Lock()


async def fault_matrix(
    definition: SagaDefinition[Any, Any, Any],
    order: Message | None = None,
    examples: Mapping[str, Message] | None = None,
) -> Matrix:
    """Run a saga through every fault of every command.

    ``assert (await fault_matrix(place_order)).passed``

    Args:
        definition: the saga.
        order: its input; made up from its contract by default.
        examples: replies, by the name of the rpc (``AssessOrder``, or in full where several participants have
            one); what they leave out is made up from the contract.

    Raises:
        DefinitionError: without any fault the saga does not complete; then its replies need examples.
        InvalidInput: the order breaks its contract.
        ContractError: an example is for no rpc of the saga's participants, or is no reply of it.
    """
    if order is None:
        order = Sampler(str(definition)).message(definition.input)
    if wrong := violations(order):
        raise InvalidInput(*wrong)
    production = Production(definition, read_plan(definition), order, by_full_name(definition, examples or {}))
    baseline = await _rehearse(production, Scenario())
    _refuse_incomplete(definition, baseline)
    subjects = subjects_of(production, baseline)
    cells = [await _cell(production, subject, mishap, subjects) for subject in subjects for mishap in MISHAPS]
    return Matrix(str(definition), tuple(cells), unreached(production, subjects))


async def _cell(production: Production, subject: Subject, mishap: Mishap, subjects: Sequence[Subject]) -> Cell:
    if excuse := mishap.excuse(subject):
        return Cell(subject.key, mishap.title, None, Verdict.NOT_APPLICABLE, excuse)
    evidence = await _rehearse(production, mishap.scenario(subject))
    fragile = of_fragile(each for each in subjects if each.key in evidence.left_in_doubt)
    wrong = faults_found(evidence, mishap.legal(subject) | fragile, mishap.meanwhile(subject))
    missing = [f"it did not happen: {what}" for what in evidence.not_happened]
    if missing and not wrong and (fragile or is_overdue(evidence.state)):
        # What the killed orchestrator had in doubt, or the deadline, has led the saga elsewhere.
        return Cell(subject.key, mishap.title, None, Verdict.NOT_APPLICABLE, "; ".join(missing))
    verdict = Verdict.FAILED if missing + wrong else Verdict.PASSED
    explanation = "; ".join(missing + wrong) or _account(evidence)
    return Cell(subject.key, mishap.title, evidence.state.status, verdict, explanation)


async def _rehearse(production: Production, scenario: Scenario) -> Evidence:
    return await asyncio.to_thread(_rehearse_now, production, scenario)


def _rehearse_now(production: Production, scenario: Scenario) -> Evidence:
    async def run() -> Evidence:
        return await Rehearsal(production, scenario).run()

    with _one_at_a_time, asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(run())


def _account(evidence: Evidence) -> str:
    """What was seen, in a few words."""
    reason = evidence.state.reason
    because = f"{reason.code}: {reason.message}; " if reason else ""
    return because + evidence.ledger.summary()


def _refuse_incomplete(definition: SagaDefinition[Any, Any, Any], baseline: Evidence) -> None:
    state = baseline.state
    if state.status is Status.COMPLETED:
        return
    why = f" because of {state.reason.code}: {state.reason.message}" if state.reason else ""
    raise DefinitionError(
        f"without any fault, {definition} is {word(state.status)}{why}; give an order with which it completes, "
        "and examples of the replies that it needs"
    )
