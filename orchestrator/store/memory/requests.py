"""Requested acts that end with the process: for a store in memory, and for one that a single process has for itself.

Where one process advances all sagas, nobody else could be asked; so it asks nobody, and nothing is lost with this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.journal.state import CLAIMABLE, ENDED, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from orchestrator.ports.claims import Served
    from orchestrator.ports.requested_acts import RequestedAct


class Standing(NamedTuple):
    """Where a saga stands, and which replica has claimed it."""

    definition: str
    version: int
    status: Status
    owner: str | None


class RequestsInMemory:
    """The :class:`~orchestrator.ports.requested_acts.RequestedActs` of a store, in dictionaries.

    Args:
        standing: tells of a saga of the store; ``None`` where there is none of this id.
        requests: all requests by their ids, which other handles have too.
        answers: the answers by the ids of their requests.
    """

    def __init__(
        self,
        standing: Callable[[str], Awaitable[Standing | None]],
        requests: dict[str, RequestedAct],
        answers: dict[str, str],
    ) -> None:
        self._standing = standing
        self._requests = requests
        self._answers = answers

    async def request_act(self, requested: RequestedAct) -> None:
        """See the port."""
        self._requests.setdefault(requested.request_id, requested)

    async def requested_acts(self, owner: str, limit: int, served: Served | None = None) -> Sequence[RequestedAct]:
        """See the port."""
        found: list[RequestedAct] = []
        for requested in self._requests.values():
            if len(found) < limit and requested.request_id not in self._answers:
                standing = await self._standing(requested.saga_id)
                if standing is None or _may_carry_out(standing, owner, served):
                    found.append(requested)
        return found

    async def answer_act(self, request_id: str, answer: str) -> None:
        """See the port."""
        self._answers.setdefault(request_id, answer)

    async def act_answers(self, request_ids: Sequence[str]) -> Mapping[str, str]:
        """See the port."""
        return {each: self._answers[each] for each in request_ids if each in self._answers}


def _may_carry_out(standing: Standing, owner: str, served: Served | None) -> bool:
    if standing.status in CLAIMABLE:
        return standing.owner == owner
    is_served = served is None or (standing.definition, standing.version) in served
    return is_served or standing.status in ENDED
