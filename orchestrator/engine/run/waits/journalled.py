"""What a saga waits for as its journal says: its turn, an answer by a queue, or what its code waits for.

So it is known of every saga, wherever it is. What a live one waits for besides, its executor knows:
:mod:`orchestrator.engine.run.sending.waiting`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engine.sagas import Waiting, WaitReason
from orchestrator.journal.state import ENDED
from orchestrator.journal.waiting import open_waits, queued_commands

if TYPE_CHECKING:
    from orchestrator.journal.state import Delivery, SagaState


def journalled_waits(state: SagaState) -> list[Waiting]:
    """What a saga that goes forward waits for as its journal says: its turn, or what its code waits for, in order."""
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
    """What it waits for that comes by a queue: the answers to its compensations, or else to its commands."""
    sendings: list[tuple[str, str, Delivery]] = [
        (command.key, command.compensation.method, command.compensation)
        for command in state.commands.values()
        if command.compensation is not None and command.compensation.in_queue is not None
    ]
    if not state.rollback:
        sendings += [(command.key, command.method, command) for command in queued_commands(state)]
    return [
        Waiting(
            WaitReason.ANSWER,
            key,
            method.rpartition(".")[0],
            sending.in_queue.attempt,
            sending.in_queue.started_at,
            sending.in_queue.expires_at,
            sending.failure,
        )
        for key, method, sending in sendings
        if sending.in_queue is not None
    ]
