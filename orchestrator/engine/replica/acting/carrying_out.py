r"""Carries out the acts that other replicas request of this one.

Purpose: an act reaches the owner of its saga, through every death on the way. Invariant: an act is carried out once.
The act stands in the journal with the id of its request; a replica that finds a request without an answer looks there.

::

    request ──▶ does its id stand in the journal of the saga? ──yes──▶ answered: done
                    │no                                                   ▲
                    └──▶ done, as any act ──▶ durable, with the id ───────┘
                              ├──▶ refused ──▶ answered: refused
                              └──▶ the claim is lost, or the journal away: it stays, for the next owner
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from orchestrator.engine.replica.acting.asking import DONE, refusal_of
from orchestrator.engine.replica.pause import Pause
from orchestrator.engine.sagas import Signal
from orchestrator.errors import ActRefused, JournalError
from orchestrator.journal.acts import Act, was_carried_out
from orchestrator.journal.fold import fold
from orchestrator.journal.logged import about_saga_id
from orchestrator.journal.state import CLAIMABLE

if TYPE_CHECKING:
    from collections.abc import Collection

    from orchestrator.engine.replica.acting.acts import Acts
    from orchestrator.engine.replica.acting.signals import Signals
    from orchestrator.engine.replica.worker import Worker
    from orchestrator.ports.claims import Served
    from orchestrator.ports.requested_acts import RequestedAct

_log = logging.getLogger(__name__)

_BUSY_SECONDS: Final = 0.25
_IDLE_SECONDS: Final = 1.0
"""How often requests are looked for unasked: while this replica advances sagas, and while it advances none."""

_MOST_AT_ONCE: Final = 200


class CarryingOut:
    """Looks for the requests that one replica may carry out.

    Args:
        worker: the replica's.
        acts: what it does to its sagas.
        signals: gives them signals.
        served: the definitions that it serves.
    """

    def __init__(self, worker: Worker, acts: Acts, signals: Signals, served: Served) -> None:
        self._worker = worker
        self._acts = acts
        self._signals = signals
        self._served = served
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._pause = Pause(worker.adapters.clock)
        self._looking: asyncio.Task[None] | None = None

    @property
    def _seconds(self) -> float:
        return _BUSY_SECONDS if self._worker.live or self._under_way else _IDLE_SECONDS

    @property
    def under_way(self) -> Collection[str]:
        """The ids of the requests that are carried out at this moment."""
        return self._under_way.keys()

    def open(self) -> None:
        """Look for requests from now on."""
        self._looking = asyncio.ensure_future(self._look())

    def close(self) -> None:
        """Look for none any more. What is under way ends with its saga."""
        if self._looking is not None:
            self._looking.cancel()

    def hurry(self) -> None:
        """Something was requested: look for it now. Here, too: it may be about a saga of this very replica."""
        self._pause.end()

    async def look(self) -> None:
        """Look once, and begin what is found.

        Raises:
            JournalUnavailable: it could not be looked for.
        """
        journal, owner = self._worker.adapters.journal, self._worker.owner
        for requested in await journal.requested_acts(owner, _MOST_AT_ONCE, self._served):
            if requested.request_id not in self._under_way:
                task = asyncio.ensure_future(self._carry_out(requested))
                self._under_way[requested.request_id] = task

    async def _look(self) -> None:
        while True:
            await self._pause.last(self._seconds)
            try:
                await self.look()
            except JournalError as error:
                _log.debug("requested acts cannot be looked for: %s", error)

    async def _carry_out(self, requested: RequestedAct) -> None:
        saga_id, about = requested.saga_id, about_saga_id(requested.saga_id)
        try:
            answer = await self._answer(requested)
            if answer:
                await self._worker.adapters.journal.answer_act(requested.request_id, answer)
        except JournalError as error:
            _log.info("%s of saga %s stays requested: %s", requested.act.name, saga_id, error, extra=about)
        except Exception:  # noqa: BLE001 - the request stays, and is not tried again here
            told = "%s of saga %s cannot be carried out"
            _log.critical(told, requested.act.name, saga_id, exc_info=True, extra=about)
            return
        del self._under_way[requested.request_id]

    async def _answer(self, requested: RequestedAct) -> str:
        """The answer; empty where this replica has not come so far.

        Raises:
            JournalError: what became of the act is not known, or another replica advances the saga.
        """
        worker, saga_id = self._worker, requested.saga_id
        entries = await worker.adapters.journal.read(saga_id)
        if was_carried_out(entries, requested.request_id):
            return DONE
        if saga_id not in worker.live and fold(saga_id, entries).status in CLAIMABLE:
            return ""  # this replica has the claim, and has yet to recover the saga
        try:
            await self._do(requested)
        except ActRefused as error:
            who, about = requested.requested_by.name, about_saga_id(saga_id)
            _log.warning("%s, as %s wants it, is refused: %s", requested.act.name, who, error, extra=about)
            return refusal_of(error)
        return DONE

    async def _do(self, requested: RequestedAct) -> None:
        acts, of = self._acts, (requested.saga_id, requested.why, requested.requested_by, requested.request_id)
        match requested.act:
            case Act.CANCEL:
                await acts.cancel(*of)
            case Act.PAUSE:
                await acts.pause(*of)
            case Act.RESUME:
                await acts.resume(*of)
            case Act.RETRY_NOW:
                await acts.retry_now(*of)
            case Act.SIGNAL:
                await self._signals.give(requested.saga_id, Signal.read(requested.why, requested.requested_by))
            case Act.RESOLVE_OUTCOME | Act.RESOLVE_COMPENSATION | Act.SKIP_COMPENSATION:
                raise ValueError(f"{requested.act} is about one command of a saga, and is not requested")
