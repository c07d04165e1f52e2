"""What the contracts say of the commands of a plan, a row each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.console.wording import milliseconds
from orchestrator.contract.command import Effect, OnUnknown

if TYPE_CHECKING:
    from datetime import timedelta

    from orchestrator.analysis.plan.plan import Plan, PlannedStep
    from orchestrator.contract.command import Command

_ON_UNKNOWN: Final = {
    OnUnknown.RESEND: "sent again later",
    OnUnknown.VERIFY: "asked by {verify}",
    OnUnknown.COMPENSATE: "compensated",
    OnUnknown.SUSPEND: "suspended, for a person",
}


class ContractRow(NamedTuple):
    """One command, in words.

    Attributes:
        command: without the package of its service.
        full_name: with it.
        effect: such as ``compensable``.
        compensation: which command takes it back; empty where none does.
        timeout: of an attempt.
        retry: how often it is tried, and with which delays.
        on_unknown: what follows once the attempts are spent.
        notes: what the saga and the contract say besides.
    """

    command: str
    full_name: str
    effect: str
    compensation: str
    timeout: str
    retry: str
    on_unknown: str
    notes: tuple[str, ...]


def contract_rows(plan: Plan) -> list[ContractRow]:
    """Each command of a plan once, in the order in which the code names them."""
    steps: dict[str, PlannedStep] = {}
    for step in plan.steps():
        steps.setdefault(step.command.name, step)
    return [_row(step) for step in steps.values()]


def _row(step: PlannedStep) -> ContractRow:
    command = step.command
    is_query = command.effect is Effect.QUERY
    return ContractRow(
        command.short_name,
        command.name,
        command.effect.name.lower(),
        command.compensation.short_name if command.compensation else "",
        _span(command.timeout),
        _retry(command),
        "" if is_query else _on_unknown(command),
        tuple(_notes(step)),
    )


def _retry(command: Command) -> str:
    retry = command.retry
    if retry.attempts == 1:
        return "1 attempt"
    delays = f"{_span(retry.first_delay)}, then {retry.factor:g} times as long, {_span(retry.cap)} at most"
    return f"{retry.attempts} attempts; {delays}"


def _on_unknown(command: Command) -> str:
    return _ON_UNKNOWN[command.on_unknown].format(verify=command.verify.short_name if command.verify else "")


def _notes(step: PlannedStep) -> list[str]:
    notes = []
    if step.conditional:
        notes.append("on some paths")
    if step.repeated:
        notes.append("more than once")
    if step.best_effort:
        notes.append("best effort")
    if not step.command.idempotent:
        notes.append("never blindly sent again")
    return notes


def _span(span: timedelta) -> str:
    return milliseconds(round(span.total_seconds() * 1_000_000_000))
