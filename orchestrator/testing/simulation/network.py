"""The network between replicas and participants, and the participants themselves, which crash and come back.

Purpose: everything that can become of a call. Invariant: an effect is always the participant's own doing, in one step
that is durable; a crash loses the calls that have not arrived and the answers that have not left, nothing else.

::

    sent ──┬── lost ─────────────────────────────▶ (no answer: the sender's timeout)
           ├── reset, or nobody is there ────────▶ unavailable
           ├── intercepted by a proxy ───────────▶ rejected, or nonsense
           └── on its way ──▶ arrives ──▶ effect ──┬──▶ answer
                    │  └ twice, or far too late    ├── lost ───▶ (no answer)
                    └── the participant is down    └── reset ──▶ unavailable
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.journal.keys import related
from orchestrator.journal.outcome import Completed, Failure, Rejected, Retry, Unknown
from orchestrator.testing.mock import ContractParticipant, Fault
from orchestrator.testing.world.virtual_loop import call_outside

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from google.protobuf.descriptor import ServiceDescriptor
    from google.protobuf.message import Message

    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome
    from orchestrator.testing.simulation.fault_rates import FaultRates
    from orchestrator.testing.simulation.invariants import Invariants
    from orchestrator.testing.simulation.sagas_under_test import SagasUnderTest
    from orchestrator.testing.simulation.timeline import Timeline
    from orchestrator.testing.world.virtual_loop import Process, VirtualLoop

    Metadata = tuple[tuple[str, str], ...]

_NOBODY: Final = Unknown(Failure(StatusCode.UNAVAILABLE, "the simulated connection broke"))
_TIMEOUT: Final = Unknown(Failure(StatusCode.DEADLINE_EXCEEDED, "no answer in time"))
_BUSY: Final = Failure(StatusCode.RESOURCE_EXHAUSTED, "the simulated participant is busy", "BUSY")
_INTERCEPTED_CODES: Final = (
    StatusCode.UNIMPLEMENTED,
    StatusCode.UNAUTHENTICATED,
    StatusCode.PERMISSION_DENIED,
    StatusCode.NOT_FOUND,
    StatusCode.ALREADY_EXISTS,
    StatusCode.FAILED_PRECONDITION,
)
"""What those answer who stand between a replica and a participant's guard."""
_NONSENSE: Final = Completed(b"\xff\xff\xff")
_NONSENSE_SHARE: Final = 0.2
_HALF: Final = 0.5
_PAUSES: Final = (0.0, 0.0, 1.5)
"""Seconds for which a busy participant asks to be left alone."""
_LONGEST_DETOUR_SECONDS: Final = 12.0
"""Seconds after which a call has arrived for the second time, if it does."""
_DOWN_SECONDS: Final = (0.2, 6.0)
"""Seconds for which a crashed participant is away."""
_LATE_SECONDS: Final = (3.0, 25.0)
"""Seconds that a late call takes."""


class ParticipantHost:
    """One participant: its contract's core, which survives, and a process, which does not.

    Attributes:
        up: it runs.
        starts: how often it has been started.
    """

    def __init__(self, service: ServiceDescriptor, replies: Mapping[str, Message], invariants: Invariants) -> None:
        self.core = ContractParticipant([service], invariants.ledger, replies)
        self.name = service.name.removesuffix("Service").lower()
        self.up = True
        self.starts = 1

    async def live(self, rate: float, random: Random, timeline: Timeline) -> None:
        """Crash and come back, until cancelled.

        Args:
            rate: crashes per second.
            random: decides when.
            timeline: is told.
        """
        while rate:
            await asyncio.sleep(random.expovariate(rate))
            self.up = False
            self.starts += 1
            timeline.note(self.name, "crashed")
            await asyncio.sleep(random.uniform(*_DOWN_SECONDS))
            self.up = True
            timeline.note(self.name, "restarted")


class Network:
    """Between all replicas and all participants.

    Args:
        sagas: with whose contracts the participants are made.
        tells_health: the participants offer a health service.

    Attributes:
        hosts: the participants, by the full names of their services.
        fault_rates: what can go wrong.
    """

    def __init__(
        self,
        sagas: SagasUnderTest,
        loop: VirtualLoop,
        random: Random,
        fault_rates: FaultRates,
        timeline: Timeline,
        invariants: Invariants,
    ) -> None:
        self.hosts = {
            service.full_name: ParticipantHost(service, sagas.replies, invariants) for service in sagas.services
        }
        self.loop = loop
        self.random = random
        self.fault_rates = fault_rates
        self.timeline = timeline
        self.invariants = invariants
        self.tells_health = random.random() < _HALF

    async def send(
        self,
        process: Process,
        command: Command,
        request: bytes,
        metadata: Metadata,
        timeout: float,  # noqa: ASYNC109 - the port's
    ) -> Outcome:
        """One attempt of one replica; see :class:`~orchestrator.testing.world.network.Network`."""
        answer: asyncio.Future[Outcome] = self.loop.create_future()
        timer = self.loop.call_later(timeout, _time_out, answer)
        host = self.hosts[command.service]
        self._start(_Call(self, process.name, host, command, request, metadata, answer))
        self.invariants.sendings.sent(process.name, command, request, metadata)
        try:
            return await answer
        finally:
            timer.cancel()

    def _start(self, call: _Call) -> None:
        """Put a call on its way; its answer, if there is ever one, goes into its future."""
        rates, random = self.fault_rates, self.random
        self.timeline.note(call.sender, "sent", call.name)
        if rates.intercepted and random.random() < rates.intercepted:
            call_outside(self.delay(), call.give_instead)
            return
        drawn = random.random() - rates.lost
        if drawn < 0:
            self.timeline.note("network", "lost", call.name)
        elif (drawn := drawn - rates.reset) < 0:
            self.timeline.note("network", "reset", call.name)
            call_outside(self.delay(), call.give, _NOBODY)
        elif drawn - rates.late < 0:
            call_outside(random.uniform(*_LATE_SECONDS), call.arrive, "late")
        else:
            call_outside(self.delay(), call.arrive, "")
        if random.random() < rates.doubled:
            call_outside(random.uniform(0, _LONGEST_DETOUR_SECONDS), call.arrive, "doubled")

    def delay(self) -> float:
        """Seconds that a message takes."""
        random = self.random
        slow = random.random() < self.fault_rates.slow
        return random.uniform(0.5, 4) if slow else random.uniform(0.0005, 0.02)

    async def is_serving(self, service: str) -> bool | None:
        """Whether a participant is up, as its health service tells."""
        asked = self.loop.create_future()
        call_outside(self.delay(), _set, asked)
        await asked
        return self.hosts[service].up if self.tells_health else None


class _Call:
    """One call under way."""

    __slots__ = (
        "_answer",
        "_command",
        "_key",
        "_metadata",
        "_network",
        "_put_off",
        "_request",
        "host",
        "name",
        "sender",
    )

    def __init__(
        self,
        network: Network,
        sender: str,
        host: ParticipantHost,
        command: Command,
        request: bytes,
        metadata: Metadata,
        answer: asyncio.Future[Outcome],
    ) -> None:
        self._network = network
        self.sender = sender
        self._command = command
        self._request = request
        self._metadata = metadata
        self._answer = answer
        self._put_off: bool | None = None
        self._key = dict(metadata)["idempotency-key"]
        self.host = host
        self.name = f"{command.method} {self._key}"

    def give(self, outcome: Outcome) -> None:
        """The sender gets an answer, if it still waits for one."""
        if self._answer.done():
            return
        self._answer.set_result(outcome)
        if isinstance(outcome, Completed):
            self._network.invariants.sendings.answered(self.sender, self._key)

    def give_instead(self) -> None:
        """The sender gets an answer from a proxy, a mesh or a wrong backend."""
        network = self._network
        if network.random.random() < _NONSENSE_SHARE:
            network.timeline.note("network", "nonsense", self.name)
            answer: Outcome = _NONSENSE
        else:
            code = network.random.choice(_INTERCEPTED_CODES)
            network.timeline.note("network", "intercepted", self.name, code)
            network.invariants.refused(self._key)
            answer = Rejected(Failure(code, "a simulated front"))
        if not self._answer.done():
            self._answer.set_result(answer)

    def arrive(self, how: str) -> None:
        """The call is at its participant."""
        network, host, fault_rates = self._network, self.host, self._network.fault_rates
        random, note = network.random, network.timeline.note
        if not host.up:
            call_outside(network.delay(), self.give, _NOBODY)
            return
        if self._put_off is None:
            # A call that was put off has no effect to come: where it arrives again, it is put off again.
            self._put_off = random.random() < fault_rates.busy
        if self._put_off:
            note(host.name, "busy", self.name, how)
            network.invariants.refused(self._key)
            self._reply(Retry(_BUSY, random.choice(_PAUSES)), host.starts)
            return
        outcome = host.core.answer(self._command, self._request, self._metadata, self._fault())
        note(host.name, type(outcome).__name__.lower(), self.name, how)
        if isinstance(outcome, Rejected):
            network.invariants.refused(self._key)
        elif isinstance(outcome, Completed) and self._command.effect is not Effect.QUERY:
            network.invariants.replies[self._key] = outcome.reply
        self._reply(outcome, host.starts)

    def _reply(self, outcome: Outcome, starts: int) -> None:
        network, fault_rates = self._network, self._network.fault_rates
        drawn = network.random.random() - fault_rates.unanswered
        if drawn < 0:
            network.timeline.note("network", "unanswered", self.name)
        elif drawn - fault_rates.reset * _HALF < 0:
            network.timeline.note("network", "reset", self.name)
            call_outside(network.delay(), self.give, _NOBODY)
        else:
            call_outside(network.delay(), self._leave, outcome, starts)

    def _leave(self, outcome: Outcome, starts: int) -> None:
        self.give(outcome if self.host.starts == starts else _NOBODY)

    def _fault(self) -> Fault:
        fault_rates, command = self._network.fault_rates, self._command
        decisive = command.effect in {Effect.COMPENSABLE, Effect.PIVOT}
        share = fault_rates.refused if decisive else fault_rates.refused_for_now
        undone = self._network.invariants.ledger.of(related("compensates", dict(self._metadata)))
        if undone is not None and (undone.compensated or undone.kept_out):
            return Fault.NONE  # what is done is not refused afterwards
        return Fault.REJECT if self._network.random.random() < share else Fault.NONE


def _time_out(answer: asyncio.Future[Outcome]) -> None:
    if not answer.done():
        answer.set_result(_TIMEOUT)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
