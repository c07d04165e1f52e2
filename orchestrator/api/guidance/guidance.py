"""All that a person should know of a saga at this moment, as typed values with text.

The API answers with it, the console and ``orchestrator show`` print it::

    It has waited for an operator since 14:03:22 CET: nobody knows whether a step took effect: PaymentService…
    next     Nothing, until an operator decides.
    helps    PaymentService.CapturePayment took effect   orchestrator resolve 0198c0de… …
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.access.decisions import refuse_without_role
from orchestrator.access.subject import current
from orchestrator.api.guidance.advice import advice_of
from orchestrator.api.guidance.choices import choices
from orchestrator.api.guidance.situation import coming, standing, waits
from orchestrator.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.api.guidance.choice import Choice, Lacks
    from orchestrator.api.guidance.sentence import Sentence
    from orchestrator.contract.access import Role
    from orchestrator.engine.sagas import Sagas, Waiting
    from orchestrator.journal.state import SagaState


class Guidance(NamedTuple):
    """What a person should know of a saga, and what they can do.

    Attributes:
        standing: where it stands, and why.
        waits: what it waits for, since when and until when, a sentence each.
        coming: what comes next by itself, a sentence each.
        advice: what to find out or to do first, in a sentence; empty where nothing is asked of anybody.
        choices: every act, what helps first, then the legal ones, then the others with the reason why not.
    """

    standing: Sentence
    waits: list[Sentence]
    coming: list[Sentence]
    advice: str
    choices: list[Choice]


def guidance_of(
    state: SagaState,
    waiting: Sequence[Waiting],
    plan: Plan | None,
    now: int,
    *,
    live: bool,
    lacks: Lacks = lambda _role, _rpc: "",
) -> Guidance:
    """What a person should know of a saga.

    Args:
        state: of the saga.
        waiting: what it waits for at this moment, as the facade tells it.
        plan: of its code, where it is served.
        now: by the clock of the store, nanoseconds since the epoch, UTC.
        live: it is advanced by this replica.
        lacks: why the caller may not call an rpc that is for a role; empty where they may.
    """
    return Guidance(
        standing(state),
        waits(waiting),
        coming(state, plan, waiting),
        advice_of(state, waiting),
        choices(state, waiting, plan, now, live=live, lacks=lacks),
    )


def saga_guidance(state: SagaState, sagas: Sagas, now: int, lacks: Lacks) -> Guidance:
    """What a person should know of a saga of an engine; the arguments as above."""
    served = sagas.find(state.definition, state.version)
    plan = None if served is None else served.plan
    return guidance_of(state, sagas.waiting(state), plan, now, live=sagas.is_live(state.saga_id), lacks=lacks)


def lacks_role(role: Role, rpc: str) -> str:
    """Why the current caller may not call an rpc that is for a role; empty where they may."""
    try:
        refuse_without_role(current(), role, rpc)
    except NotAllowed as error:
        return str(error)
    return ""
