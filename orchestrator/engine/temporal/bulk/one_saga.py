"""What bulk acts ask of one saga on a cluster: its dry run, and its acts, each with the id of its request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.engine.deciding import needs_second
from orchestrator.engine.sagas import PATIENCE_SECONDS
from orchestrator.engine.temporal.acting import Acting
from orchestrator.engine.temporal.finding.asking import Workflows
from orchestrator.engine.temporal.finding.looking import Looking
from orchestrator.engine.temporal.new_workflows import NewWorkflows
from orchestrator.engine.temporal.wire import text_of
from orchestrator.errors import ActRefused, InvalidInput, NobodyAnswers, NotOffered, SagaNotFound
from orchestrator.journal.acts import refuse_illegal
from orchestrator.journal.fold import fold

if TYPE_CHECKING:
    from temporalio.client import Client

    from orchestrator.engine.temporal.hosting.serving import Serving
    from orchestrator.journal.actor import Actor
    from orchestrator.journal.acts import Act
    from orchestrator.journal.decisions import CommandDecision
    from orchestrator.journal.entries import Entry
    from orchestrator.journal.four_eyes import FourEyes
    from orchestrator.ports.clock import Clock

_ATTEMPTS: Final = 2
"""A worker that was killed with a task in hand is given up after ten seconds, on a busy cluster after some more."""


class OneSaga:
    """An :class:`~orchestrator.engine.bulk.sagas.ActsOnOne` of a cluster; see there for each method.

    Args:
        client: of the cluster.
        serving: what this process serves.
        clock: the time.
        four_eyes: what two people must ask for.
    """

    def __init__(self, client: Client, serving: Serving, clock: Clock, four_eyes: FourEyes) -> None:
        workflows = Workflows(client)
        self._look = Looking(workflows).look
        self._serving = serving
        self._clock = clock
        self._four_eyes = four_eyes
        self._acting = Acting(client, workflows, NewWorkflows(client), self._look, serving.served, clock, four_eyes)

    async def entries(self, saga_id: str) -> list[Entry]:
        """See there."""
        try:
            return (await self._look(saga_id)).entries
        except SagaNotFound:
            return []

    async def refuse_act(self, act: Act, saga_id: str) -> None:
        """See there."""
        asked = await self._look(saga_id)
        refuse_illegal(act, fold(saga_id, asked.entries), backs_off=asked.backs_off)

    async def needs_second(self, act: Act, saga_id: str, decision: CommandDecision, requested_by: Actor) -> bool:
        """See there."""
        state = fold(saga_id, (await self._look(saga_id)).entries)
        bindings, now = self._serving.bindings, self._clock.now()
        return needs_second(act, decision, state, requested_by, self._four_eyes, bindings, now)

    async def act(
        self, act: Act, saga_id: str, why: str, requested_by: Actor, *, patience: float, request_id: str
    ) -> None:
        """See there."""
        await self._ask(act, saga_id, why, requested_by, patience, request_id=request_id)

    async def decide(
        self, act: Act, saga_id: str, decision: CommandDecision, evidence: str, requested_by: Actor, request_id: str
    ) -> None:
        """See there."""
        more = {"key": decision.key, "took_effect": decision.took_effect, "reply": text_of(decision.reply)}
        await self._ask(act, saga_id, evidence, requested_by, PATIENCE_SECONDS, **more, request_id=request_id)

    async def _ask(self, act: Act, saga_id: str, why: str, by: Actor, patience: float, **more: object) -> None:
        attempt = 1
        while True:
            try:
                return await self._acting.act(act, saga_id, why, by, patience, **more)
            except (NotOffered, InvalidInput) as refused:
                raise ActRefused(saga_id, "NOT_OFFERED", str(refused)) from refused
            except NobodyAnswers:
                if attempt == _ATTEMPTS:
                    raise
            attempt += 1
