"""The rules for a saga's code, so that a saga can be rolled back until its pivot, and finished after it.

==============================  =====================================================================================
rule                            what it asks for
==============================  =====================================================================================
``plan-is-readable``            every use of a stub can be read from the code, so that nothing is overlooked
``call-is-supported``           a call takes its request and a sane ``timeout=``, and nothing else
``call-is-awaited``             what a call answers with is awaited before it is used, and is not dropped
``scope-name-is-legal``         a scope's name cannot hold what no key can hold
``messages-are-judged``         the constraints on the saga's input and result answer for every value
``command-states-effect``       every rpc that is called states its effect
``command-does-not-stream``     no rpc that is called streams
``compensation-is-not-called``  compensations are sent by the orchestrator, never by the saga
``one-pivot-on-a-path``         no pivot follows another
``only-forward-after-pivot``    after the pivot come only queries and retryables
``retryable-follows-pivot``     a retryable comes after the pivot on every path, or is best effort
``pivot-runs-once``             no pivot is in a loop or a fan-out
``pivot-runs-alone``            no effectful command runs side by side with the pivot
``limit-cuts-off-compensable``  within ``timeout(...)`` are only commands that may be cut off: queries and compensables
``signal-is-readable``          a signal's name is written out, and its message is one generated class for each name
``event-is-public``             an event that is published has no field that must not be shown
``child-is-no-ancestor``        no saga is a child of itself, nor of its own children
==============================  =====================================================================================

:mod:`orchestrator.analysis.determinism.check` checks that the code does the same in every replay, and
:mod:`orchestrator.contract.rules.services` checks the contracts of its participants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.analysis.determinism.check import check_determinism
from orchestrator.analysis.pivot_paths import Reached, Side, reach
from orchestrator.analysis.plan.call_faults import AWAITED, CALL
from orchestrator.analysis.plan.publications import PUBLIC
from orchestrator.analysis.plan.reader import read_plan
from orchestrator.analysis.plan.scope_names import SCOPE
from orchestrator.analysis.plan.waits import SIGNAL
from orchestrator.contract.command import Effect
from orchestrator.contract.rules.constraints import unjudged
from orchestrator.contract.rules.overlays import check_overlays
from orchestrator.contract.rules.services import check_service
from orchestrator.contract.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.definition.saga import SagaDefinition


def check_definition(definition: SagaDefinition[Any, Any, Any]) -> list[Violation]:
    """What is wrong with a saga: with overlays, with the contracts of its participants, then with its code.

    Raises:
        DefinitionError: its source cannot be read.
    """
    contracts = [violation for each in definition.services.values() for violation in check_service(each)]
    overlays = check_overlays(definition.input.DESCRIPTOR.file.pool)
    return overlays + contracts + check_plan(definition, read_plan(definition))


def check_plan(definition: SagaDefinition[Any, Any, Any], plan: Plan) -> list[Violation]:
    """What is wrong with a saga's code, by line."""
    found = [Violation(plan.file, each.line, str(definition), UNREADABLE, each.reason) for each in plan.unread()]
    for fault in plan.faults:
        about = fault.command.short_name if fault.command else str(definition)
        found.append(Violation(plan.file, fault.line, about, fault.rule, fault.message))
    for message in dict.fromkeys((definition.input.DESCRIPTOR, definition.result.DESCRIPTOR)):
        file = message.file.name
        found += [Violation(file, 0, str(definition), MESSAGES_JUDGED, each) for each in unjudged(message)]
    compensations = _compensations(definition)
    for reached in reach(plan):
        issue = reached.issue
        is_compensation = issue.command.name in compensations
        messages = [(COMPENSATION_CALLED, _NOT_FOR_SAGAS)] if is_compensation else _broken(reached)
        found += [
            Violation(plan.file, issue.line, issue.command.short_name, rule, message) for rule, message in messages
        ]
    found += check_determinism(definition, plan)
    # A function that is called twice is read twice; its mistakes are reported once.
    return sorted(set(found))


UNREADABLE = "plan-is-readable"
MESSAGES_JUDGED = "messages-are-judged"
COMPENSATION_CALLED = "compensation-is-not-called"

OTHERS = (UNREADABLE, COMPENSATION_CALLED, CALL, AWAITED, SCOPE, SIGNAL, PUBLIC, MESSAGES_JUDGED)
"""The rules that are not about one command at its place in the plan."""

_NOT_FOR_SAGAS = (
    "it is a compensation, which the orchestrator sends when the saga rolls back; "
    "to roll back, raise an error or let one pass"
)


def _compensations(definition: SagaDefinition[Any, Any, Any]) -> frozenset[str]:
    return frozenset(each.compensation.name for each in definition.commands.values() if each.compensation)


def _broken(reached: Reached) -> list[tuple[str, str]]:
    return [(rule, message) for rule, check in RULES.items() for message in check(reached)]


def _states_effect(reached: Reached) -> Iterator[str]:
    command = reached.issue.command
    if command.effect is Effect.UNSPECIFIED and not command.streaming:
        yield f"nothing says what it does to the world; state its effect in {command.file}, or in an overlay"


def _does_not_stream(reached: Reached) -> Iterator[str]:
    if reached.issue.command.streaming:
        yield "a saga cannot journal a stream; call a unary rpc"


def _one_pivot_on_a_path(reached: Reached) -> Iterator[str]:
    if _is_pivot(reached) and Side.AFTER in reached.sides and not reached.repeated:
        yield "another pivot may have committed the saga before; a saga has one point of no return"


def _only_forward_after_pivot(reached: Reached) -> Iterator[str]:
    if reached.issue.command.effect is Effect.COMPENSABLE and Side.AFTER in reached.sides:
        yield "it is compensable and may follow the pivot, after which nothing is compensated; call it before the pivot"


def _retryable_follows_pivot(reached: Reached) -> Iterator[str]:
    issue = reached.issue
    if issue.command.effect is Effect.RETRYABLE and not issue.best_effort and Side.BEFORE in reached.sides:
        yield (
            "it has no compensation and may precede the pivot, so a rollback would leave its effect; "
            "call it after the pivot, or as best_effort(...)"
        )


def _pivot_runs_once(reached: Reached) -> Iterator[str]:
    if _is_pivot(reached) and reached.repeated:
        yield "it is a pivot and may be issued more than once; call it outside loops and comprehensions"


def _pivot_runs_alone(reached: Reached) -> Iterator[str]:
    if _is_pivot(reached) and reached.beside:
        others = ", ".join(dict.fromkeys(issue.command.short_name for issue in reached.beside))
        yield f"it is a pivot and runs side by side with {others}; await one before the other"


def _child_is_no_ancestor(reached: Reached) -> Iterator[str]:
    if reached.issue.circle:
        yield f"it would never end: {' > '.join(reached.issue.circle)}; write a loop, or a saga of its own"


def _limit_cuts_off(reached: Reached) -> Iterator[str]:
    issue = reached.issue
    uncut = issue.command.effect in {Effect.PIVOT, Effect.RETRYABLE}
    if issue.limited and uncut and not issue.best_effort:
        yield "timeout(...) may cut it off, and nothing would take its effect back; call it outside the block"


def _is_pivot(reached: Reached) -> bool:
    return reached.issue.command.effect is Effect.PIVOT


RULES: Mapping[str, Callable[[Reached], Iterator[str]]] = {
    "command-states-effect": _states_effect,
    "command-does-not-stream": _does_not_stream,
    "one-pivot-on-a-path": _one_pivot_on_a_path,
    "only-forward-after-pivot": _only_forward_after_pivot,
    "retryable-follows-pivot": _retryable_follows_pivot,
    "pivot-runs-once": _pivot_runs_once,
    "pivot-runs-alone": _pivot_runs_alone,
    "limit-cuts-off-compensable": _limit_cuts_off,
    "child-is-no-ancestor": _child_is_no_ancestor,
}
"""The rules of single commands by their stable names: from a command in the plan to what is wrong with it."""
