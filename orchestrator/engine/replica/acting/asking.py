r"""Asks the owner of a saga for an act.

Purpose: an act on a saga that another replica advances is done as if it was asked for there. Invariant: once the
request is durable, the act is carried out once, or refused, whichever replica dies. The caller is told the owner's
answer, or that there is none yet.

::

    request ──durable──▶ asked for ──owner's answer──▶ done, or refused as by the owner
                             └──────patience is over─▶ ActNoted: it is carried out later
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Final

from orchestrator.engine.replica.pause import Pause
from orchestrator.errors import (
    ActNoted,
    ActRefused,
    CancelRefused,
    JournalError,
    RequestIdUsed,
    SignalTypeDiffers,
    UnknownSignal,
)
from orchestrator.ports.requested_acts import RequestedAct

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.journal.actor import Actor
    from orchestrator.journal.acts import Act
    from orchestrator.ports.adapters import Adapters

_FIRST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 0.5
_REFUSALS: Final = (ActRefused, CancelRefused, UnknownSignal, SignalTypeDiffers, RequestIdUsed)
_KINDS: Final = {kind.__name__: kind for kind in _REFUSALS}

DONE: Final = json.dumps({"done": True})
"""The answer to an act that was carried out."""


def refusal_of(error: ActRefused) -> str:
    """The answer to an act that is refused."""
    return json.dumps({"refused": [type(error).__name__, error.reason, str(error)]})


class Asking:
    """The requests of one replica that wait for their answers. All of them are looked for by one query.

    Args:
        adapters: the adapters.
        owner: this replica's name, of its own for each process.
        asked: called when a request is durable: its saga may come to this very replica.
    """

    def __init__(self, adapters: Adapters, owner: str, asked: Callable[[], None]) -> None:
        self._journal = adapters.journal
        self._clock = adapters.clock
        self._owner = owner
        self._asked = asked
        self._number = 0
        self._open: dict[str, asyncio.Future[str]] = {}
        self._pause = Pause(adapters.clock)
        self._looking: asyncio.Task[None] | None = None

    def hurry(self) -> None:
        """A request was answered, perhaps one of these: look now."""
        if self._open:
            self._pause.end()

    async def ask(
        self, act: Act, saga_id: str, why: str, requested_by: Actor, patience: float, request_id: str = ""
    ) -> None:
        """Have an act done by the owner of a saga.

        Args:
            act: what is to be done.
            saga_id: the saga.
            why: in a sentence.
            requested_by: who wants it.
            patience: for how many seconds an answer is waited for.
            request_id: makes a repeated request the same one; empty for one of its own.

        Raises:
            ActRefused: as the owner says.
            ActNoted: there is no answer yet.
            JournalUnavailable: the request may be durable, or not.
        """
        self._number += 1
        requested = RequestedAct(request_id or f"{self._owner}/{self._number}", saga_id, act, why, requested_by)
        await self._journal.request_act(requested)
        self._asked()
        _raise_refused(saga_id, await self._answer(requested, patience))

    async def _answer(self, requested: RequestedAct, patience: float) -> str:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._open[requested.request_id] = answer
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look())
        call = self._clock.call_after(patience, lambda: _answered(answer, ""))
        try:
            told = await answer
        finally:
            call.cancel()
            self._open.pop(requested.request_id, None)
        if not told:
            raise ActNoted(requested.saga_id, requested.act.name.lower().replace("_", " "))
        return told

    async def _look(self) -> None:
        """Look for the answers, as long as somebody waits for one."""
        pause = _FIRST_PAUSE_SECONDS
        waited_for: set[str] = set()
        while self._open:
            if not self._open.keys() <= waited_for:  # somebody is new
                pause = _FIRST_PAUSE_SECONDS
            waited_for = set(self._open)
            await self._pause.last(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            with contextlib.suppress(JournalError):  # asked again: the request stands
                for request_id, told in (await self._journal.act_answers(list(self._open))).items():
                    if request_id in self._open:
                        _answered(self._open[request_id], told)


def _answered(answer: asyncio.Future[str], told: str) -> None:
    if not answer.done():
        answer.set_result(told)


def _raise_refused(saga_id: str, answer: str) -> None:
    told = json.loads(answer)
    if "refused" in told:
        kind, reason, message = told["refused"]
        raise _KINDS.get(kind, ActRefused)(saga_id, reason, message)
