"""One thing that a person may do to a saga: what it is, whether it is legal now, for whom, and what to type."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.contract.access import Role
from orchestrator.errors import ActRefused
from orchestrator.journal.acts import Act, refuse_illegal
from orchestrator.journal.state import ENDED, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.journal.state import SagaState

    Lacks = Callable[[Role, str], str]


class Form(NamedTuple):
    """An act as it is offered.

    Attributes:
        act: as the table of legal acts knows it.
        verb: the command of the command line.
        rpc: the rpc that does it.
        asks: what its caller has to say, in the words of the command line: ``reason``, ``evidence``, or nothing.
        role: whom the rpc is for.
    """

    act: Act
    verb: str
    rpc: str
    asks: str = "reason"
    role: Role = Role.OPERATOR


FORMS: Final[dict[str, Form]] = {
    "cancel": Form(Act.CANCEL, "cancel", "CancelSaga"),
    "pause": Form(Act.PAUSE, "pause", "PauseSaga"),
    "resume": Form(Act.RESUME, "resume", "ResumeSaga"),
    "retry": Form(Act.RETRY_NOW, "retry", "RetryNow"),
    "resolve": Form(Act.RESOLVE_OUTCOME, "resolve", "ResolveOutcome", "evidence"),
    "compensated": Form(Act.RESOLVE_COMPENSATION, "resolve", "ResolveCompensation", "evidence"),
    "skip": Form(Act.SKIP_COMPENSATION, "skip", "SkipCompensation", "evidence"),
    "signal": Form(Act.SIGNAL, "signal", "SignalSaga", ""),
    "approve": Form(Act.SIGNAL, "approve", "DecideSaga", role=Role.APPROVER),
    "reject": Form(Act.SIGNAL, "reject", "DecideSaga", role=Role.APPROVER),
}
"""Everything that can be done to a saga, by its name."""

_SAID: Final = {"reason": ("--reason", "WHY"), "evidence": ("--evidence", "HOW YOU KNOW"), "": ()}


class Choice(NamedTuple):
    """Something that a person may do.

    Attributes:
        name: cancel, pause, resume, retry, resolve, compensated, skip, signal, approve or reject.
        title: the act in a few words.
        consequence: what follows from it, in a sentence.
        refusal: why it cannot be done, without a full stop; empty where it can.
        helps: it is what helps the saga as it stands.
        command: what to type; what is to be replaced stands in capital letters.
        key: the command that it is about, by its key; empty where it is about the whole saga.
        took_effect: of ``resolve``, what is said of the command; else ``None``.
        signal: of ``signal``, ``approve`` and ``reject``, the signal's name; else empty.
        message_type: of ``signal``, the full name of the signal's message; else empty.
        needs_reply: of ``resolve``, the command's reply must be given, too.
    """

    name: str
    title: str
    consequence: str
    refusal: str
    helps: bool
    command: str
    key: str = ""
    took_effect: bool | None = None
    signal: str = ""
    message_type: str = ""
    needs_reply: bool = False

    @property
    def legal(self) -> bool:
        """It can be done now."""
        return not self.refusal

    @property
    def rpc(self) -> str:
        """The rpc that does it."""
        return FORMS[self.name].rpc

    @property
    def role(self) -> Role:
        """Whom that rpc is for."""
        return FORMS[self.name].role

    @property
    def asks(self) -> str:
        """What its caller has to say: ``reason``, ``evidence``, or nothing."""
        return FORMS[self.name].asks


class Offers:
    """Makes the choices of one saga.

    Args:
        state: of the saga.
        backs_off: an attempt of it waits for its backoff to end, or may do so.
        lacks: why the caller may not call an rpc that is for a role; empty where they may.
        helping: the names of what helps the saga as it stands.
    """

    def __init__(self, state: SagaState, lacks: Lacks, helping: frozenset[str], *, backs_off: bool) -> None:
        self.state = state
        self._backs_off = backs_off
        self._lacks = lacks
        self._helping = helping

    def offer(
        self,
        name: str,
        title: str,
        consequence: str,
        arguments: Sequence[str] = (),
        *,
        otherwise: str = "",
        helps: bool = False,
        key: str = "",
        took_effect: bool | None = None,
        signal: str = "",
        message_type: str = "",
        needs_reply: bool = False,
    ) -> Choice:
        """One choice; ``otherwise`` says why not, where the table of legal acts has nothing against it."""
        form = FORMS[name]
        words = ["orchestrator", form.verb, self.state.saga_id, *arguments, *_SAID[form.asks]]
        return Choice(
            name,
            title,
            consequence,
            self.refusal(form.act) or otherwise or self._lacks(form.role, form.rpc),
            helps or name in self._helping,
            shlex.join(words),
            key,
            took_effect,
            signal,
            message_type,
            needs_reply,
        )

    def refusal(self, act: Act) -> str:
        """Why an act cannot be done, or would change nothing; empty where it can."""
        state = self.state
        if act is Act.CANCEL and state.rollback is not None:
            return "it was rolled back" if state.status in ENDED else "it rolls back already"
        if act is Act.PAUSE and state.status is Status.SUSPENDED:
            return "it is suspended already"
        try:
            refuse_illegal(act, state, backs_off=self._backs_off)
        except ActRefused as error:
            return str(error).replace(f"saga {state.saga_id}", "it", 1)
        return ""
