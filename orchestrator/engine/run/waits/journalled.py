"""What a saga waits for as its journal says: its turn, an answer by a queue, or what its code waits for.

So it is known of every saga, wherever it is. What a live one waits for besides, its executor knows:
:mod:`orchestrator.engine.run.sending.waiting`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engine.sagas import Waiting, WaitReason
from orchestrator.journal.keys import compensation_key
from orchestrator.journal.state import ENDED
from orchestrator.journal.waiting import held_by_queues, open_waits

if TYPE_CHECKING:
    from orchestrator.journal.state import SagaState


def journalled_waits(state: SagaState) -> list[Waiting]:
    """What a saga waits for as its journal says: its turn, answers by a queue, or what its code waits for, in order."""
    if state.status in ENDED:
        return []
    if state.rollback:
        return _answers(state)
    if state.queued is not None:
        return [Waiting(WaitReason.QUEUED, "", "", 0, state.queued.since, 0, None)]
    return [
        *_answers(state),
        *(
            Waiting(
                WaitReason.SIGNAL if wait.signal else WaitReason.TIMER,
                wait.key,
                "",
                0,
                wait.began_at,
                wait.due_at,
                None,
                wait.signal,
                wait.message_type,
            )
            for wait in open_waits(state)
        ),
    ]


def _answers(state: SagaState) -> list[Waiting]:
    """What it waits for that comes by a queue. A compensation goes by the key of what it compensates."""
    return [
        Waiting(
            WaitReason.ANSWER,
            held.key.removeprefix(compensation_key("")),
            held.method.rpartition(".")[0],
            held.in_queue.attempt,
            held.in_queue.started_at,
            held.in_queue.expires_at,
            held.delivery.failure,
        )
        for held in held_by_queues(state)
    ]
