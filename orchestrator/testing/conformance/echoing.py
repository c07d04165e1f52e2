"""Does the participant's guard give the idempotency key back, and only where that is true?

Between an orchestrator and the guard stand proxies, meshes and wrong backends, and they refuse, too. So the guard shows
that an answer is its own by echoing the ``idempotency-key`` of the call in the trailing metadata. An orchestrator takes
a rejection with the echo for one of every attempt. A participant that does not echo is sound all the same: a rejection
after a lost answer is then treated as unknown.

The echo would be a lie on an answer that says nothing of other attempts: a request that is malformed, or another
request with a known key. It would hide the effect of the attempt before. So it fails the check, as a wrong key does.
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
    """Each answer of the guard gives the key of its call back."""
    said = [each async for each in _answers_of_the_guard(new)]
    for what, key, answer in said:
        if answer.echo and set(answer.echo) != {key}:
            raise Unmet(f"{what} came with {key} and echoed {', '.join(answer.echo)}; echo the key of the call itself")
    silent = [what for what, _, answer in said if not answer.echo]
    if silent:
        raise NotEchoed(f"not echoed: {', '.join(silent)}; {_ADVICE}")
    return f"echoed: {', '.join(each.what for each in said)}"


async def echoes_no_more(new: NewTrial) -> str:
    """A refusal that says nothing of other attempts gives no key back."""
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
        # This may be a request that is malformed, and that is refused before the guard is asked.
        if answer.code != "INVALID_ARGUMENT":
            yield _Said("the rejected command", rejected.key, answer)
            yield _Said("the rejected command, repeated", rejected.key, await rejected.send())


async def _refusals_of_one_request(new: NewTrial) -> AsyncIterator[_Said]:
    trial, other, unsent = await new(), await new(), await new()
    expect_completed(await trial.send(), "the command")
    if other.request != trial.request:
        yield _Said("another request with a known key", trial.key, await other.send(key=trial.key))
    # With a known key the echo would hide an effect; with a new one it is a promise that is not kept.
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
