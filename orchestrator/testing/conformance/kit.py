"""Runs every check that applies against a running participant.

For each effectful command a valid request is made from the contract and the examples. Where the participant accepts it,
the checks of :mod:`orchestrator.testing.conformance.checks` follow, each with identities and keys of its own. The kit
sees what a command does in its reply, in the contract's verify, and in the queries of the service whose requests can be
filled from the command's request or reply; see :mod:`orchestrator.testing.conformance.observers`. The effects stay
behind, so run the kit against a participant that may keep them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import uuid4

from orchestrator.contract.command import Effect
from orchestrator.contract.reader import read_service
from orchestrator.testing.conformance.breaking import break_constraint
from orchestrator.testing.conformance.command_under_test import CommandUnderTest, valid_request
from orchestrator.testing.conformance.examples import Examples
from orchestrator.testing.conformance.report import CheckFinding, CheckVerdict, Report
from orchestrator.testing.conformance.rules import RESTART_RULES, RULES
from orchestrator.testing.conformance.sending import Sender
from orchestrator.testing.conformance.trial import NotApplicable, NotPassed, Trial, Unmet, expect_completed
from orchestrator.testing.conformance.undoing import shows
from orchestrator.testing.conformance.way import way_over
from orchestrator.testing.samples import violations

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import grpc.aio
    from google.protobuf.descriptor import ServiceDescriptor

    from orchestrator.contract.command import Command
    from orchestrator.testing.conformance.checks import AfterRestart
    from orchestrator.testing.conformance.trial import Shown
    from orchestrator.testing.conformance.way import Way

    Restart = Callable[[], Awaitable[grpc.aio.Channel | Way | None]]

_EFFECTFUL: Final = frozenset({Effect.COMPENSABLE, Effect.PIVOT, Effect.RETRYABLE})
_ACCEPTS: Final = "accepts-command", "a valid request completes"
_INVALID: Final = "invalid-request", "INVALID_ARGUMENT, and a google.rpc.BadRequest that names the field"
_NO_RESTART: Final = "no way to restart the participant was given"
_READY_SECONDS: Final = 30.0

T = TypeVar("T")


async def check_participant(
    channel: grpc.aio.Channel | Way,
    service: ServiceDescriptor,
    examples: Examples | None = None,
    restart: Restart | None = None,
    others: Mapping[str, grpc.aio.Channel | Way] | None = None,
) -> Report:
    """Check one service of a running participant.

    Args:
        channel: a plain channel of gRPC to it, or the way to it over something else, such as ``OverHttp``; it is not
            closed.
        service: its contract, of any descriptor pool.
        examples: requests that the participant accepts and refuses; other fields are made up from the contract.
        restart: ends the participant and starts it again on the same state. It returns a channel to the new process, or
            ``None`` where the old address is kept. Without it, the checks that need a restart do not apply.
        others: channels to other services in which compensations or verifies of its commands lie, by the full names of
            the services.

    Returns:
        One finding for each rpc and check.

    Raises:
        ContractError: a compensation or a verify cannot be derived; see `orchestrator check`.
        TimeoutError: the participant does not take connections within 30 seconds.
    """
    way, beside = way_over(channel), {name: way_over(other) for name, other in (others or {}).items()}
    for each in (way, *beside.values()):
        await _ready(each)
    examination = _Examination(service, Sender(way, beside), examples or Examples(service))
    await examination.run()
    await examination.run_restart(restart)
    return Report(service.full_name, examination.findings())


class _Examination:
    """The checks of one service, and their findings so far."""

    def __init__(self, service: ServiceDescriptor, sender: Sender, examples: Examples) -> None:
        self._service = service
        self._sender = sender
        self._examples = examples
        self._commands = {name: each for name, each in read_service(service).items() if not each.streaming}
        self._accepted: list[CommandUnderTest] = []
        self._findings: list[CheckFinding] = []

    def findings(self) -> tuple[CheckFinding, ...]:
        """The findings by rpc, in the order of the contract."""
        order = list(self._commands)
        return tuple(sorted(self._findings, key=lambda finding: order.index(finding.rpc)))

    async def run(self) -> None:
        """All checks without a restart."""
        compensations = {command.compensation.name for command in self._commands.values() if command.compensation}
        for name, command in self._commands.items():
            if command.effect in _EFFECTFUL and command.name not in compensations:
                await self._run_effectful(CommandUnderTest(command, self._commands, self._examples))
            await self._judge(name, *_INVALID, partial(self._refuses_invalid, command))

    async def run_restart(self, restart: Restart | None) -> None:
        """The checks with a restart: all begin, then there is one restart, then all go on."""
        begun: list[tuple[str, str, str, AfterRestart]] = []
        for subject in self._accepted:
            rpc = subject.command.method
            for name, rule in RESTART_RULES.items():
                if excuse := rule.excuse(subject) or ("" if restart else _NO_RESTART):
                    self._find(rpc, name, CheckVerdict.NOT_APPLICABLE, rule.expected, excuse)
                    continue
                begin = partial(rule.begin, partial(Trial.prepared, subject, self._sender))
                after = await self._attempt(rpc, name, rule.expected, begin)
                if after is not None:
                    begun.append((rpc, name, rule.expected, after))
        if restart is None or not begun:
            return
        if (restarted := await restart()) is not None:
            self._sender.way = way_over(restarted)
        await _ready(self._sender.way)
        for rpc, name, expected, after in begun:
            await self._judge(rpc, name, expected, after)

    async def _run_effectful(self, subject: CommandUnderTest) -> None:
        rpc = subject.command.method
        accepted = await self._judge(rpc, *_ACCEPTS, partial(self._accepts, subject))
        if not accepted:
            return
        self._accepted.append(subject)
        new = partial(Trial.prepared, subject, self._sender)
        for name, rule in RULES.items():
            if excuse := rule.excuse(subject):
                self._find(rpc, name, CheckVerdict.NOT_APPLICABLE, rule.expected, excuse)
            else:
                await self._judge(rpc, name, rule.expected, partial(rule.run, new))

    async def _accepts(self, subject: CommandUnderTest) -> str:
        trial = await Trial.prepared(subject, self._sender)
        before = await trial.observe()
        if wrong := violations(trial.request):
            field, description = wrong[0]
            raise Unmet(f"no valid request could be made up ({field}: {description}); name one in the examples")
        answer = await trial.send()
        if answer.is_refused:
            raise Unmet(f"{answer}; where that is right, name a request in the examples that it accepts")
        expect_completed(answer, "the command")
        await self._keep_what_shows_effects(subject, trial, before)
        return str(answer)

    async def _keep_what_shows_effects(self, subject: CommandUnderTest, trial: Trial, before: Shown) -> None:
        first, second = await trial.observe(), await trial.observe()
        # A query whose answer changes by itself shows nothing about effects.
        showing = {
            name for name, shown in first.items() if second[name].same_as(shown) and shows(before.get(name), shown)
        }
        if by_reply := showing - before.keys():
            other, made_up = await Trial.prepared(subject, self._sender), await trial.observe_made_up()
            await other.send()
            # What is in every command's reply, such as a warehouse, was there before this command.
            shared = {name for name in by_reply if trial.asks_the_same(name, other)}
            # A query that answers for any made-up id says nothing about this command.
            showing -= shared | {name for name in by_reply if name in made_up and made_up[name].is_completed}
        for name in subject.observers.keys() - showing:
            del subject.observers[name]

    async def _refuses_invalid(self, command: Command) -> str:
        identity = uuid4().hex
        broken = break_constraint(valid_request(command, self._examples.of(command.method), identity))
        if broken is None:
            raise NotApplicable("the contract states no constraint that could be broken")
        request, field = broken
        answer = await self._sender.send(command, request, (("idempotency-key", f"conformance-{identity}"),))
        named = any(path.startswith(field) for path in answer.violations)
        if answer.code != "INVALID_ARGUMENT" or not named:
            raise Unmet(f"a wrong {field}: {answer}; violations of: {', '.join(answer.violations) or 'no field'}")
        return f"{answer.code}: {', '.join(answer.violations)}"

    async def _judge(self, rpc: str, name: str, expected: str, check: Callable[[], Awaitable[str]]) -> bool:
        seen = await self._attempt(rpc, name, expected, check)
        if seen is not None:
            self._find(rpc, name, CheckVerdict.PASSED, expected, seen)
        return seen is not None

    async def _attempt(self, rpc: str, name: str, expected: str, check: Callable[[], Awaitable[T]]) -> T | None:
        """What the check returns; ``None`` where it did not pass, and a finding was added."""
        try:
            return await check()
        except NotPassed as reason:
            self._find(rpc, name, reason.verdict, expected, str(reason))
        return None

    def _find(self, rpc: str, name: str, verdict: CheckVerdict, expected: str, seen: str) -> None:
        self._findings.append(CheckFinding(rpc, name, verdict, expected, seen))


async def _ready(way: Way) -> None:
    try:
        await way.ready(_READY_SECONDS)
    except TimeoutError:
        raise TimeoutError(f"the participant takes no connection within {_READY_SECONDS:g} seconds") from None
