"""Acts on sagas: the workflow is asked for them, and where nobody advances a saga, a new run of it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.plan.child_command import SERVICE
from orchestrator.engine.receiving import received_of
from orchestrator.engine.sagas import Signal
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.finding.asking import Asked, Workflows, told_as_journal_errors
from orchestrator.engine.temporal.finding.history import read_start
from orchestrator.engine.temporal.hosting.beginning import Beginning, shown_of
from orchestrator.engine.temporal.wire import held_rows, write, write_delta
from orchestrator.errors import ActRefused, InvalidInput, JournalUnavailable, NotOffered, SagaNotFound
from orchestrator.journal.acts import Act, find_command, refuse_illegal
from orchestrator.journal.fold import fold
from orchestrator.journal.four_eyes import ONE_PERSON
from orchestrator.journal.keys import child_id, idempotency_key
from orchestrator.journal.state import Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from temporalio.client import Client

    from orchestrator.engine.definitions import ServedSagas
    from orchestrator.engine.temporal.new_workflows import NewWorkflows
    from orchestrator.journal.actor import Actor
    from orchestrator.journal.events import HeldEvent
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.clock import Clock


class Acting:
    """Acts on the sagas of one cluster.

    Args:
        client: of that.
        workflows: its workflows.
        new_workflows: starts them.
        look: a saga as it stands.
        served: the definitions that this process serves.
        clock: the time.
    """

    def __init__(
        self,
        client: Client,
        workflows: Workflows,
        new_workflows: NewWorkflows,
        look: Callable[[str], Awaitable[Asked]],
        served: ServedSagas,
        clock: Clock,
    ) -> None:
        self._client = client
        self._workflows = workflows
        self._new_workflows = new_workflows
        self._look = look
        self._served = served
        self._clock = clock

    async def act(self, act: Act, saga_id: str, why: str, by: Actor, patience: float, **more: object) -> None:
        """Have something done; see the facade for each act, and :meth:`Workflows.act` for a request id.

        Raises:
            ActRefused: the saga is not in a state for it.
            ActNoted: only where there is a request id.
            InvalidInput: it is larger than Temporal carries.
            NotOffered: nobody advances the saga, and this act cannot change that.
            SagaNotFound: there is no saga of this id.
            JournalUnavailable: nobody answers: the act may be done later, or not.
        """
        if "key" in more and more["took_effect"]:
            # Its workflow asks nobody: what it is told here is in its history, with the act.
            more["events"] = held_rows(await self._left_by_child(saga_id, str(more["key"])))
        if (size := len(write(why=why, **more))) > names.MOST_PAYLOAD_BYTES:
            raise InvalidInput((act.name.lower(), f"it has {size} bytes; Temporal carries {names.MOST_PAYLOAD_BYTES}"))
        try:
            if await self._workflows.act(saga_id, act.name, why, by, patience, **more):
                return
            asked = await self._look(saga_id)
        except JournalUnavailable:
            asked = await self._look(saga_id)
            if not asked.diverged:
                raise
        if asked.broken and act in {Act.CANCEL, Act.RESUME} and not (asked.diverged and act is Act.RESUME):
            await self._begin_again(saga_id, asked)
            if act is Act.CANCEL:
                await self.act(act, saga_id, why, by, patience, **more)
            return
        state = asked.state
        if act is Act.SIGNAL:
            self._refuse_signal(state, why, by)
        else:
            refuse_illegal(act, state)
        if state.status is Status.SUSPENDED:
            raise NotOffered(f"nobody advances saga {saga_id}: {state.reason and state.reason.message}")

    async def _left_by_child(self, saga_id: str, key: str) -> Sequence[HeldEvent]:
        """What the child that a command is has left to its parent to tell; nothing where the command is no child."""
        try:
            command = find_command(fold(saga_id, (await self._look(saga_id)).entries), key)
        except ActRefused:
            return ()  # the workflow refuses it in the same words
        if not command.method.startswith(f"{SERVICE}."):
            return ()
        offspring = child_id(idempotency_key(saga_id, command.key))
        try:
            return fold(offspring, (await self._look(offspring)).entries).events.handed_on()
        except SagaNotFound:
            return ()  # it was never started

    def _refuse_signal(self, state: SagaState, written: str, by: Actor) -> None:
        served = self._served.find(state.definition, state.version)
        received_of(state, Signal.read(written, by), served, ONE_PERSON, self._clock.now())

    async def _begin_again(self, saga_id: str, asked: Asked) -> None:
        """A new run for a saga that nobody advances: what may have been in flight is in doubt, and treated so."""
        entries = asked.entries[:-1]
        state = fold(saga_id, entries)
        handle = self._client.get_workflow_handle(saga_id)
        journal = write_delta(0, entries)
        if len(journal) > names.MOST_TOGETHER_BYTES:
            most = names.MOST_TOGETHER_BYTES
            raise NotOffered(
                f"the journal of saga {saga_id} has {len(journal)} bytes, and Temporal gives a new run {most} at most"
            )
        async with told_as_journal_errors(saga_id):
            described = await handle.describe()
            if asked.diverged:
                await handle.terminate("its code has diverged; it goes on in a new run, which is rolled back")
            digest = (await described.memo()).get(names.DIGEST_MEMO, b"")
            # What it has told since that run began, it tells again: with the same ids.
            published = (await read_start(self._client, saga_id))[0].get("published", {})
        opening = write(why="rest" if asked.diverged else "recover", told=0, published=published)
        beginning = Beginning(opening, journal, *shown_of(state, digest))
        await self._new_workflows.begin(saga_id, names.queue_of(state.definition, state.version), beginning, again=True)
