"""The engine on a journal of ours: one replica, put together from its adapters.

Invariant: what a replica needs is opened before it, and closed after it, in the reverse order: the sagas are stopped
first, then what they told last is passed on, then the journal is closed.
"""

from __future__ import annotations

import os
import random
import socket
import uuid
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from orchestrator.api.load import ThreadLoad
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.bootstrap.limits import limits_of
from orchestrator.bootstrap.participants import open_participants
from orchestrator.bootstrap.relays import relays_of
from orchestrator.bootstrap.served import refuse_violations
from orchestrator.channels.nats.answers import NatsAnswers
from orchestrator.channels.nats.channel import NatsChannel
from orchestrator.doors import metrics_door
from orchestrator.engine.replica.assemble import assemble
from orchestrator.engine.replica.upkeep.figures import FigurePasses
from orchestrator.engine.replica.upkeep.republish import Republishing
from orchestrator.engine.replica.upkeep.retention import RetentionPasses
from orchestrator.journal.four_eyes import FourEyes
from orchestrator.observability import open_observability
from orchestrator.ports.adapters import Adapters
from orchestrator.store.archive import FolderArchive
from orchestrator.store.opening import frozen_note, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from orchestrator.bootstrap.served import Definition
    from orchestrator.channels.router import Router
    from orchestrator.doors import DoorSecurity
    from orchestrator.engine.replica.replica import Replica
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.observability import ClosableObserver
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.journal import Journal
    from orchestrator.ports.queued import Answers
    from orchestrator.settings import Settings


@asynccontextmanager
async def assembled(
    settings: Settings, definitions: Sequence[Definition], entry: DoorSecurity | None = None
) -> AsyncIterator[tuple[Replica, Router]]:
    """A replica that has recovered nothing yet, and the way to its participants.

    Args:
        settings: of this process.
        definitions: the sagas that it runs.
        entry: the security of the door to its metrics; ``None`` where it opens no other one.

    Raises:
        SettingsError: a setting cannot work.
        DefinitionError: a contract or a saga breaks a rule; the message names every violation.
        JournalUnavailable: the journal cannot be opened.
    """
    refuse_violations(definitions)
    clock, owner = SystemClock(), _owner()
    async with AsyncExitStack() as stack:
        participants = await stack.enter_async_context(open_participants(settings, definitions, owner))
        observer = open_observability(os.environ, participants.where, metrics_door(settings, entry))
        stack.push_async_callback(observer.close)
        journal = await open_store(settings.journal, clock.now, settings.journal_listen, observer.committed)
        stack.push_async_callback(journal.close)
        republishing = Republishing(journal, observer, clock, owner=owner, lease=settings.lease_seconds)
        # After the sagas are stopped, and before the journal is closed: only what has arrived need not be told again.
        stack.push_async_callback(_pass_on, observer, republishing)
        answers = _answers(stack, participants.router, settings)
        adapters = Adapters(journal, participants.router, observer, clock, random.random, answers)
        replica = _replica(settings, definitions, adapters, owner)
        _relay_events(stack, settings, replica.worker, owner)
        observer.measure(replica.readings)
        participants.compare_on_return(replica.worker.bindings.breakers)
        await republishing.open()
        _add_passes(replica.worker, settings, journal, clock)
        stack.push_async_callback(replica.worker.close, settings.drain_seconds)
        yield replica, participants.router


def _replica(settings: Settings, definitions: Sequence[Definition], adapters: Adapters, owner: str) -> Replica:
    replica = assemble(
        definitions,
        adapters,
        owner=owner,
        lease=settings.lease_seconds,
        limits=limits_of(settings, definitions),
        four_eyes=FourEyes(settings.four_eyes),
        tells_life=bool(settings.events_sinks),
    )
    replica.worker.live.frozen.note = frozen_note(settings.journal)
    replica.worker.recovery.timers.load = ThreadLoad()
    return replica


def _answers(stack: AsyncExitStack, participants: Router, settings: Settings) -> Answers | None:
    """What tells of answers that come by a queue; ``None`` where no participant is reached over one."""
    by_queue = participants.of_kind(NatsChannel)
    if not by_queue:
        return None
    answers = NatsAnswers(by_queue.values(), settings.nats_group)
    stack.callback(answers.close)
    return answers


def _relay_events(stack: AsyncExitStack, settings: Settings, worker: Worker, owner: str) -> None:
    """Tell the events of its sagas to the sinks.

    Raises:
        SettingsError: a sink cannot be used as it is set.
    """
    relays = relays_of(settings, worker.adapters.journal, worker.adapters.clock, owner)
    worker.live.on_told = relays.wake if relays.each else None
    relays.open()
    # After the sagas are stopped: what they tell last is told, too.
    stack.push_async_callback(relays.close, settings.drain_seconds)


def _add_passes(worker: Worker, settings: Settings, journal: Journal, clock: Clock) -> None:
    """What goes on beside the sagas: figures are summed up, and what is old enough is deleted."""
    archive = None if settings.retention_archive is None else FolderArchive(settings.retention_archive)
    worker.beside.append(FigurePasses(journal, clock))
    worker.beside.append(RetentionPasses(journal, clock, settings.retention_rules, archive))


async def _pass_on(observer: ClosableObserver, republishing: Republishing) -> None:
    await republishing.close(passed_on=await observer.close())


def _owner() -> str:
    """A name of its own for each process, so that a restarted one is another owner."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
