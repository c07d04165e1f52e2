"""Acts on sagas: the workflow is asked for them, and where it can do nothing any more, a new run of it is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from orchestrator.analysis.plan.child_command import SERVICE
from orchestrator.engine.receiving import received_of
from orchestrator.engine.sagas import PATIENCE_SECONDS, Signal
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.beginning_again import BeginningAgain
from orchestrator.engine.temporal.wire import held_rows, write
from orchestrator.errors import ActRefused, InvalidInput, JournalUnavailable, NotOffered, SagaNotFound
from orchestrator.journal.acts import Act, find_command, refuse_illegal
from orchestrator.journal.fold import fold
from orchestrator.journal.keys import child_id, idempotency_key
from orchestrator.journal.state import ENDED, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from temporalio.client import Client

    from orchestrator.engine.definitions import ServedSagas
    from orchestrator.engine.temporal.finding.asking import Asked, Workflows
    from orchestrator.engine.temporal.new_workflows import NewWorkflows
    from orchestrator.journal.actor import Actor
    from orchestrator.journal.events import HeldEvent
    from orchestrator.journal.four_eyes import FourEyes
    from orchestrator.journal.state import SagaState
    from orchestrator.ports.clock import Clock

_MOST_RUNS: Final = 3
"""An act is tried at so many runs of a workflow, for others may end the run that was begun for it."""


class Acting:
    """Acts on the sagas of one cluster.

    Args:
        client: of that.
        workflows: its workflows.
        new_workflows: starts them.
        look: a saga as it stands.
        served: the definitions that this process serves.
        clock: the time.
        four_eyes: what two people must ask for.
    """

    def __init__(
        self,
        client: Client,
        workflows: Workflows,
        new_workflows: NewWorkflows,
        look: Callable[[str], Awaitable[Asked]],
        served: ServedSagas,
        clock: Clock,
        four_eyes: FourEyes,
    ) -> None:
        self._workflows = workflows
        self._again = BeginningAgain(client, new_workflows)
        self._look = look
        self._served = served
        self._clock = clock
        self._four_eyes = four_eyes

    async def act(self, act: Act, saga_id: str, why: str, by: Actor, patience: float, **more: object) -> None:
        """Have something done; see the facade for each act, and :meth:`Workflows.act` for a request id.

        Raises:
            ActRefused: the saga is not in a state for it.
            ActNoted: only where there is a request id.
            InvalidInput: it is larger than Temporal carries.
            NotOffered: its code has diverged, and this act cannot change that; or its workflow cannot begin again.
            SagaNotFound: there is no saga of this id.
            JournalUnavailable: nobody answers: the act may be done later, or not.
        """
        if "key" in more and more["took_effect"]:
            # Its workflow asks nobody: what it is told here is in its history, with the act.
            more["events"] = held_rows(await self._left_by_child(saga_id, str(more["key"])))
        more["needs_two"] = self._needs_two(act, why, by)
        if (size := len(write(why=why, **more))) > names.MOST_PAYLOAD_BYTES:
            raise InvalidInput((act.name.lower(), f"it has {size} bytes; Temporal carries {names.MOST_PAYLOAD_BYTES}"))
        ask = partial(self._workflows.act, saga_id, act.name, why, by, patience, **more)
        await self._ask(saga_id, ask, partial(self._is_to_be_done, act, why, by))

    async def roll_back_child(self, saga_id: str, why: str, by: Actor) -> None:
        """Roll a saga back with its parent, also where it has completed; nothing where it was rolled back.

        Raises:
            NotOffered: its workflow is to begin again, and cannot.
            SagaNotFound: there is no saga of this id.
            JournalUnavailable: nobody answers: it may be rolled back later, or not.
        """
        ask = partial(self._workflows.act, saga_id, "ROLL_BACK_CHILD", why, by, PATIENCE_SECONDS)
        await self._ask(saga_id, ask, _may_stand)

    async def _ask(
        self, saga_id: str, ask: Callable[[], Awaitable[bool]], is_to_be_done: Callable[[Asked], bool]
    ) -> None:
        """Ask a saga's workflow; where it can do nothing any more, one that begins again with the saga at rest."""
        for _ in range(_MOST_RUNS):
            nobody: JournalUnavailable | None = None
            try:
                if await ask():
                    return
            except JournalUnavailable as error:
                nobody = error
            asked = await self._look(saga_id)
            if nobody is not None and not asked.diverged:
                raise nobody
            if not is_to_be_done(asked):
                return
            await self._again.begin(saga_id)
        raise JournalUnavailable(f"the workflow of saga {saga_id} ends again and again; see who does that")

    def _is_to_be_done(self, act: Act, why: str, by: Actor, asked: Asked) -> bool:
        """Whether an act that a workflow could not be asked for would still change something."""
        state = asked.state
        if act is Act.SIGNAL:
            self._refuse_signal(state, why, by)
        else:
            refuse_illegal(act, state)
        if act is Act.CANCEL:
            return not state.rollback
        if asked.diverged and asked.by_journal in {Status.RUNNING, Status.WAITING}:
            # Where its code is back, it goes on, and what is in flight is heard.
            reason = state.reason and state.reason.message
            raise NotOffered(f"nobody advances saga {state.saga_id}: serve its version, or cancel it: {reason}")
        return state.status not in ENDED

    def _needs_two(self, act: Act, written: str, by: Actor) -> bool:
        """Whether two people must ask for it: written where it is asked for, so that a replay need not know."""
        if act is not Act.SIGNAL:
            return self._four_eyes.needs_two(act)
        signal = Signal.read(written, by)
        return self._four_eyes.needs_two_to_say(signal.name, signal.message_type, signal.payload)

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
        received_of(state, Signal.read(written, by), served, self._clock.now(), needs_two=False)


def _may_stand(asked: Asked) -> bool:
    """Whether effects of a saga may stand which nobody takes back."""
    return not asked.state.rollback
