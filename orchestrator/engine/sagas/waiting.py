"""What a saga waits for, and why."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from orchestrator.journal.outcome import Failure


class WaitReason(enum.Enum):
    """Why a saga does not go on now; the numbers of ``saga.v1.WaitReason``."""

    BACKOFF = 1
    PARTICIPANT_DOWN = 2
    PARTICIPANT_BUSY = 3
    TIMER = 4
    SIGNAL = 5
    QUEUED = 6
    RATE = 7
    ANSWER = 8


class Waiting(NamedTuple):
    """What a saga waits for. Instants are nanoseconds since the epoch, UTC.

    Attributes:
        key: the key of the command whose attempt, query or compensation it is, or of the wait.
        service: the full name of the participant's service; empty for a wait of the code.
        attempt: the number of the attempt that is to come; 0 for a wait of the code.
        since: since when: the first of the attempts that failed in a row; of a participant, when it went down.
        until: when the attempt comes, or when a participant that is down is asked for its health again; when the time
            of a wait comes; until when an answer can come by a queue; 0 if unknown, or never.
        failure: how the latest attempt failed, if one did.
        signal: the name of the signal that is waited for, or empty.
        message_type: the full name of its message, or empty.
    """

    reason: WaitReason
    key: str
    service: str
    attempt: int
    since: int
    until: int
    failure: Failure | None
    signal: str = ""
    message_type: str = ""
