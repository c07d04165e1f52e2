"""Every act on a saga: whether it is legal now or why not, what follows from it, who may do it, and what to type. Pure.

What is legal, :mod:`orchestrator.journal.acts` says; what an act needs of its caller, the contract of its rpc says. The
order is that of their use: first those that help the saga as it stands, then the legal ones, then the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.api.guidance.choice import Choice, Offers
from orchestrator.api.guidance.decisions import is_decided, of_compensations, of_outcomes
from orchestrator.engine.sagas import WaitReason
from orchestrator.journal.acts import signal_capacity
from orchestrator.journal.reason import ReasonCode
from orchestrator.journal.state import CLAIMABLE
from saga.v1.saga_pb2 import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.api.guidance.choice import Lacks
    from orchestrator.engine.sagas import Waiting
    from orchestrator.journal.state import SagaState

_ATTEMPT_WAITS: Final = frozenset({WaitReason.BACKOFF, WaitReason.PARTICIPANT_DOWN})
_RESUME: Final = frozenset({"resume"})
_CODE: Final = frozenset({"resume", "cancel"})
_HELPING: Final[Mapping[ReasonCode, frozenset[str]]] = {
    ReasonCode.PAUSED: _RESUME,
    ReasonCode.UNKNOWN: frozenset({"resolve", "compensated", "skip"}),
    ReasonCode.COMPENSATION_REJECTED: frozenset({"resume", "compensated", "skip"}),
    ReasonCode.EFFECT_STANDS: frozenset({"compensated", "skip"}),
    ReasonCode.REJECTED_AFTER_PIVOT: frozenset({"resume", "resolve"}),
    ReasonCode.DIVERGED: _CODE,
    ReasonCode.CODE_FAILED: _CODE,
    ReasonCode.DEFINITION_MISSING: _CODE,
    ReasonCode.CONTRACT_MISSING: _RESUME,
    ReasonCode.ENGINE_FAILED: _RESUME,
}
"""What helps a suspended saga, by the code of its reason."""


def choices(
    state: SagaState,
    waiting: Sequence[Waiting],
    plan: Plan | None,
    now: int,
    *,
    live: bool,
    lacks: Lacks = lambda _role, _rpc: "",
) -> list[Choice]:
    """Every act on a saga, what helps first.

    Args:
        state: of the saga.
        waiting: what it waits for at this moment.
        plan: of its code, where it is served: it tells which signals the code asks for.
        now: by the clock of the store, nanoseconds since the epoch, UTC.
        live: it is advanced by this replica; of a saga that another one advances, it is not known whether it backs off.
        lacks: why the caller may not call an rpc that is for a role; empty where they may.
    """
    backs_off = any(each.reason in _ATTEMPT_WAITS for each in waiting)
    helping = frozenset({"retry"}) if backs_off else frozenset[str]()
    if state.suspension is not None:
        helping = _RESUME if is_decided(state) else _HELPING.get(state.suspension.code, frozenset())
    elsewhere = state.status in CLAIMABLE and not live
    offers = Offers(state, lacks, helping, backs_off=backs_off or elsewhere)
    found = [
        *_of_the_saga(offers),
        *of_outcomes(offers),
        *of_compensations(offers),
        *_of_signals(offers, [each for each in waiting if each.signal], plan, now),
    ]
    return sorted(found, key=lambda choice: (not choice.legal, not choice.helps))


def _of_the_saga(offers: Offers) -> Iterator[Choice]:
    state = offers.state
    way = "back" if state.rollback is not None else "forward"
    again = ", and sends the refused command again" if state.refused_after_pivot else ""
    yield offers.offer("resume", "Resume", f"It goes {way} from where it stands{again}.")
    yield offers.offer("retry", "Retry now", "The next attempt is made at once, and not after its backoff.")
    yield offers.offer("cancel", "Cancel", "It rolls back: what it did is compensated, the last first.")
    yield offers.offer("pause", "Pause", "It sends nothing more, and waits until it is resumed.")


def _of_signals(offers: Offers, waiting: Sequence[Waiting], plan: Plan | None, now: int) -> Iterator[Choice]:
    """The signals for which the code waits, and those for which it asks later."""
    awaited = {each.signal: each.message_type for each in waiting}
    known = dict(awaited)
    for name, planned in (plan.signals if plan is not None else {}).items():
        if signal_capacity(offers.state, name, planned.asked, now) != 0:
            known.setdefault(name, planned.message.DESCRIPTOR.full_name)
    if not known:
        none = "its code asks for no signal"
        yield offers.offer("signal", "Give a signal", "Its code goes on with it.", ("NAME",), otherwise=none)
    for name, kind in known.items():
        if kind == Decision.DESCRIPTOR.full_name:
            yield from _decisions(offers, name, awaited=name in awaited)
        else:
            yield offers.offer(
                "signal",
                f"Give the signal {name!r}",
                "Its code goes on with it." if name in awaited else "It is kept until the code asks for it.",
                (name, "--type", kind, "--input", "{MESSAGE}"),
                helps=name in awaited,
                signal=name,
                message_type=kind,
            )


def _decisions(offers: Offers, name: str, *, awaited: bool) -> Iterator[Choice]:
    named = () if name == "approval" else ("--name", name)
    when = "now" if awaited else "as soon as it asks"
    for act, says in (("approve", "yes"), ("reject", "no")):
        title = f"{act.title()} {name!r}" if named else act.title()
        consequence = f"Its code is told {says}, {when}."
        yield offers.offer(act, title, consequence, named, helps=awaited, signal=name)
