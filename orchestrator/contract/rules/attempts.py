"""What a contract must say of single attempts: their timeouts, delays and statuses.

These are some of the rules in :mod:`orchestrator.contract.rules.services`.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from orchestrator.contract.command import LONGEST_ATTEMPT, LONGEST_QUEUED, OutcomeRule, RetryPolicy
from orchestrator.contract.reader import read_outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.duration_pb2 import Duration

    from orchestrator.contract.rpc import Rpc
    from saga.v1 import contract_pb2

_MICROSECOND: Final = timedelta(microseconds=1)
_LONGEST_SAID: Final = f"{LONGEST_ATTEMPT // timedelta(hours=1)} hours"
_LONGEST: Final = LONGEST_ATTEMPT // _MICROSECOND
_LONGEST_QUEUED: Final = LONGEST_QUEUED // _MICROSECOND

# With more attempts than this, on_unknown would never decide.
_MOST_ATTEMPTS: Final = 100
_MOST_FACTOR: Final = 100

# A longer text is not needed to tell one refusal from another.
_LONGEST_PART: Final = 200


def timeout_is_sane(rpc: Rpc) -> Iterator[str]:
    """A stated timeout is positive, and no longer than an attempt may take."""
    if not rpc.options.HasField("timeout"):
        return
    timeout = _microseconds(rpc.options.timeout)
    if timeout <= 0:
        yield "its timeout leaves no time for an answer; state a positive one, such as `timeout: {seconds: 2}`"
    if timeout > _LONGEST:
        yield (
            f"its timeout is {_seconds(rpc.options.timeout)}, and an attempt may take up to {_LONGEST_SAID}; state a "
            "shorter one, and let a query or a retry find out what takes longer"
        )


def queue_deadline_is_sane(rpc: Rpc) -> Iterator[str]:
    """A stated time in a queue is positive, and shorter than replies are kept."""
    if not rpc.options.HasField("queue_deadline"):
        return
    span = _microseconds(rpc.options.queue_deadline)
    if span <= 0:
        yield "its queue_deadline leaves no time; state a positive one, such as `queue_deadline: {seconds: 60}`"
    if span > _LONGEST_QUEUED:
        yield (
            f"its queue_deadline is {_seconds(rpc.options.queue_deadline)}, and replies are kept for a limited time; "
            f"state up to {LONGEST_QUEUED.days} days"
        )


def retry_is_sane(rpc: Rpc) -> Iterator[str]:
    """There are 1 to 100 attempts, and the delays between them are positive, do not shrink and are limited."""
    retry = rpc.options.retry
    if retry.attempts > _MOST_ATTEMPTS:
        yield f"retry.attempts is {retry.attempts}; state up to {_MOST_ATTEMPTS}, then on_unknown decides"
    if retry.factor and not (math.isfinite(retry.factor) and retry.factor >= 1):
        yield f"retry.factor is {retry.factor:g}; state 1 or more, so that delays do not shrink"
    elif retry.factor > _MOST_FACTOR:
        yield f"retry.factor is {retry.factor:g}; state up to {_MOST_FACTOR}, so that there is a second delay"
    yield from _delays_are_sane(retry)


def _delays_are_sane(retry: contract_pb2.Retry) -> Iterator[str]:
    default = RetryPolicy()
    for name in ("first_delay", "cap"):
        if retry.HasField(name) and _microseconds(getattr(retry, name)) <= 0:
            yield f"retry.{name} is not positive; state how long to wait"
        if _microseconds(getattr(retry, name)) > _LONGEST:
            yield f"retry.{name} is {_seconds(getattr(retry, name))}; state up to {_LONGEST_SAID}"
    first_delay = _microseconds(retry.first_delay) or default.first_delay // _MICROSECOND
    cap = _microseconds(retry.cap) or default.cap // _MICROSECOND
    if cap < first_delay:
        yield "retry.cap is less than retry.first_delay; state a cap that is not"


def outcomes_decide(rpc: Rpc) -> Iterator[str]:
    """Each outcome rule matches some status that no rule before it matches, and says what it means."""
    for number, rule in enumerate(rpc.options.outcomes, start=1):
        part = rule.message_contains
        if not rule.outcome:
            yield f"rule {number} of `outcomes` does not say what the status means; state its `outcome:`"
        if not rule.code:
            yield f"rule {number} of `outcomes` is about OK, which is no failure; state its `code:`"
        if part != part.strip() or "\n" in part:
            yield (
                f"rule {number} of `outcomes` looks for {part!r}, with space around it or a line's end in it, which "
                "is easily lost on the way; state `message_contains:` without"
            )
        if len(part) > _LONGEST_PART:
            yield (
                f"rule {number} of `outcomes` looks for a text of {len(part)} characters; state a `message_contains:` "
                f"of up to {_LONGEST_PART}, which is all that tells this refusal from others"
            )
    yield from _each_rule_is_reached(read_outcomes(rpc.options))


def _each_rule_is_reached(rules: tuple[OutcomeRule, ...]) -> Iterator[str]:
    for position, rule in enumerate(rules):
        hidden_by = next((number for number, other in enumerate(rules[:position], start=1) if other.covers(rule)), None)
        if hidden_by is not None:
            yield (
                f"rule {position + 1} of `outcomes`, for {_described(rule)}, is never asked, because rule {hidden_by} "
                "matches the same and comes first; put the narrower one first, or remove it"
            )


def _described(rule: OutcomeRule) -> str:
    details = [each for each in (rule.reason, rule.message_contains and repr(rule.message_contains)) if each]
    return " ".join([rule.code, *details])


def _microseconds(duration: Duration) -> int:
    # Duration.ToTimedelta overflows on huge spans, which are stated by mistake.
    return duration.seconds * 1_000_000 + duration.nanos // 1_000


def _seconds(duration: Duration) -> str:
    return f"{duration.seconds:,} seconds"
