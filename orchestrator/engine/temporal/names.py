"""What workflows, activities, search attributes and limits of this engine are called on a Temporal cluster.

These names are kept in histories: a name that has been used is never given another meaning.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

WORKFLOW: Final = "saga"
ENGINE: Final = "temporal"
"""The owner of every saga here, as entries name one."""

SEND_COMMAND: Final = "send_command"
TELL: Final = "tell_observer"
KEEP: Final = "keep_entries"
AWAIT_CHILD: Final = "await_child"
ROLL_BACK_CHILD: Final = "roll_back_child"
RELEASE_CHILDREN: Final = "release_children"
PUBLISH: Final = "publish_events"
START_SCHEDULED: Final = "start_scheduled"
DECIDE_START: Final = "decide_scheduled_start"
BULK_ACT: Final = "bulk_act"
BULK_PAGE: Final = "bulk_page"
ASK_BULK: Final = "ask_bulk_sagas"
CLOSE_BULK: Final = "close_bulk_pages"

ACT: Final = "act"
BRING: Final = "bring"
ANSWERS: Final = "answers"
CLOSE: Final = "close"

DEFINITION: Final = "SagaDefinition"
VERSION: Final = "SagaVersion"
STATUS: Final = "SagaStatus"
ATTRIBUTES: Final = "SagaAttributes"
STARTED_AT: Final = "SagaStartedAt"
ENDED_AT: Final = "SagaEndedAt"
REASON: Final = "SagaReason"
PROBLEMS: Final = "TemporalReportedProblems"
COMMAND: Final = "SagaFailedCommand"

DIGEST_MEMO: Final = "saga_digest"
STARTED_MEMO: Final = "saga_started_at"
"""The same instant as the search attribute, which a list of the server rounds to some 256 ns."""

CAUSE_MEMO: Final = "saga_cause"
LIVE_MEMO: Final = "saga_live"
"""What no activity has taken along: the latest entries, and what the saga waits for before it sends something."""

TAKEN_OUT: Final = "was taken out of its workflow, because its code has diverged"
"""So begins the reason for which we terminate a workflow: what follows of its saga is begun again from the journal."""

PAST_MEMO: Final = "scheduled_start"
BULK_MEMO: Final = "bulk_act"

BULK_QUEUE: Final = "bulk-acts"
"""The task queue of bulk acts: that of all workers of a namespace."""

BULK_PAGE_SAGAS: Final = 1_000
"""So many sagas of a bulk act are kept together; their positions tell where."""

MOST_PAYLOAD_BYTES: Final = 1_800_000
"""A message of more is not carried. Temporal takes 2 MB at once; what goes with the message needs room, too."""

MOST_ACT_BYTES: Final = 50_000
"""What an act says beyond that is brought before it. Ten acts may come in one task, whose answer holds all of them."""

MOST_CHILD_BYTES: Final = 1_300_000
"""The same of the input of a child, which goes along in text when the child is rolled back."""

MOST_TOGETHER_BYTES: Final = 2_000_000
"""So much goes into one command or start, of the 2,097,152 bytes that Temporal takes."""

SMALL_BYTES: Final = 50_000
"""So much of a journal may go along once more, or be kept where the server keeps it twice."""

HEARTBEAT: Final = timedelta(seconds=8)
"""An activity of which nothing is heard for so long is lost."""

RUN_EVENTS: Final = 8_000
RUN_BYTES: Final = 8_000_000
"""A history that is longer goes on in a new run. Temporal ends a workflow with 51,200 events, or 50 MB."""


def queue_of(definition: str, version: int) -> str:
    """The task queue of one version of a definition: a worker takes only what it serves."""
    return f"saga-{definition}-v{version}"


def schedules_of(definition: str) -> str:
    """The task queue of the schedules that start the newest version of a definition: any worker that serves one."""
    return f"schedules-{definition}"
