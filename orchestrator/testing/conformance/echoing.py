"""Checks that the participant's guard echoes the idempotency key, and only in answers that hold for every attempt.

Between an orchestrator and the guard there are proxies, meshes and wrong backends, and they refuse calls, too. So the
guard marks its own answers by echoing the ``idempotency-key`` of the call in the trailing metadata. For an
orchestrator, a rejection with the echo holds for every attempt. A participant that does not echo is sound, too: a
rejection after a lost answer is then treated as unknown.

An answer that holds for one attempt only must not have the echo: a malformed request, or another request with a known
key. There the echo would hide the effect of an earlier attempt, so it fails the check, as a wrong key does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.testing.conformance.breaking import break_constraint
from orchestrator.testing.conformance.trial import NotEchoed, Unmet, expect_completed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from orchestrator.testing.conformance.answers import Answer
    from orchestrator.testing.conformance.trial import Trial

    NewTrial = Callable[[], Awaitable[Trial]]

_UNDECODABLE: Final = b"\xff\xff"
_ADVICE: Final = "without the echo, a rejection after a lost answer is treated as unknown"


class _Said(NamedTuple):
    what: str
    key: str
    answer: Answer


async def echoes(new: NewTrial) -> str:
    """Each answer of the guard echoes the key of its call."""
    said = [each async for each in _answers_of_the_guard(new)]
    for what, key, answer in said:
        if answer.echo and set(answer.echo) != {key}:
            raise Unmet(f"{what} came with {key} and echoed {', '.join(answer.echo)}; echo the key of the call itself")
    silent = [what for what, _, answer in said if not answer.echo]
    if silent:
        raise NotEchoed(f"not echoed: {', '.join(silent)}; {_ADVICE}")
    return f"echoed: {', '.join(each.what for each in said)}"


async def echoes_no_more(new: NewTrial) -> str:
    """A refusal that holds for one attempt only echoes no key."""
    said = [each async for each in _refusals_of_one_request(new)]
    for what, _, answer in said:
        if answer.echo and not answer.is_completed:
            raise Unmet(
                f"{what} was refused with the echo {', '.join(answer.echo)}: {answer}; do not echo there, "
                "as another attempt with this key may have taken effect"
            )
    return f"no echo: {', '.join(each.what for each in said)}"


async def _answers_of_the_guard(new: NewTrial) -> AsyncIterator[_Said]:
    trial, kept_out, rejected = await new(), await new(), await new()
    yield _Said("the completed command", trial.key, await trial.send())
    yield _Said("the repeated command", trial.key, await trial.send())
    if trial.is_compensable:
        yield _Said("the compensation", trial.undo_key, await trial.compensate())
        if kept_out.may_compensate_first:
            yield _Said("the compensation that came first", kept_out.undo_key, await kept_out.compensate())
            yield _Said("the command after its compensation", kept_out.key, await kept_out.send())
    if rejected.is_rejectable and rejected.is_rejection_final:
        rejected.reject()
        answer = await rejected.send()
        # This request may be malformed, and refused before the guard is asked.
        if answer.code != "INVALID_ARGUMENT":
            yield _Said("the rejected command", rejected.key, answer)
            yield _Said("the rejected command, repeated", rejected.key, await rejected.send())


async def _refusals_of_one_request(new: NewTrial) -> AsyncIterator[_Said]:
    trial, other, unsent = await new(), await new(), await new()
    expect_completed(await trial.send(), "the command")
    if other.request != trial.request:
        yield _Said("another request with a known key", trial.key, await other.send(key=trial.key))
    # With a known key the echo would hide an effect; with a new key, another attempt may still take effect.
    for key, whose in ((trial.key, "a known key"), (unsent.key, "a new key")):
        if (broken := break_constraint(trial.request)) is not None:
            answer = await trial.send_other(broken[0].SerializeToString(), key)
            yield _Said(f"a request with a wrong {broken[1]} and {whose}", key, answer)
        yield _Said(f"bytes that are no request with {whose}", key, await trial.send_other(_UNDECODABLE, key))
    if trial.is_compensable:
        expect_completed(await other.send(), "another command")
        expect_completed(await trial.compensate(), "the compensation")
        if other.undo_request() != trial.undo_request():
            answer = await other.compensate(key=trial.undo_key)
            yield _Said("another compensation with a known key", trial.undo_key, answer)
