"""Why a saga rolls back, is suspended, or was changed by an operator."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.participant.texts import well_formed

if TYPE_CHECKING:
    from orchestrator.journal.actor import Actor


class ReasonCode(enum.StrEnum):
    """The kinds of reasons; their text is kept in the stores and told by the API."""

    REJECTED = "REJECTED"
    """A participant refused a command, or the saga's code decided to give up."""
    UNKNOWN = "UNKNOWN"
    """The attempts of a command were spent without an answer."""
    TIMED_OUT = "TIMED_OUT"
    """No signal came in time, or a time limit in the saga's code passed."""
    CANCELLED = "CANCELLED"
    """A caller or an operator cancelled the saga."""
    DEADLINE = "DEADLINE"
    """The saga's deadline passed."""
    PAUSED = "PAUSED"
    """An operator paused the saga."""
    DIVERGED = "DIVERGED"
    """The code no longer matches the journal."""
    CODE_FAILED = "CODE_FAILED"
    """The saga's code raised something else than a rejection."""
    DEFINITION_MISSING = "DEFINITION_MISSING"
    """No code of this name and version is served."""
    CONTRACT_MISSING = "CONTRACT_MISSING"
    """No contract at hand tells how to compensate."""
    COMPENSATION_REJECTED = "COMPENSATION_REJECTED"
    """A participant refused a compensation."""
    EFFECT_STANDS = "EFFECT_STANDS"
    """The rollback leaves an effect that nothing takes back."""
    ENGINE_FAILED = "ENGINE_FAILED"
    """The orchestrator itself could not go on."""
    REJECTED_AFTER_PIVOT = "REJECTED_AFTER_PIVOT"
    """A participant refused what can only go forward."""
    RESUMED = "RESUMED"
    """An operator let a suspended saga go on."""
    RETRY_NOW = "RETRY_NOW"
    """An operator asked for the next attempt at once."""
    RESOLVED = "RESOLVED"
    """An operator said what came of a command or a compensation."""
    SKIPPED = "SKIPPED"
    """An operator let an effect stand."""
    DECIDED = "DECIDED"
    """A person said yes where the saga's code asked for it."""


class Reason(NamedTuple):
    """A reason, as the journal keeps it.

    Attributes:
        code: its kind.
        message: a sentence for people.
        step_key: the command that gave rise to it, or empty.
        requested_by: the name of who asked for it, or empty.
        request_id: of the request on which the owner of the saga did it, where another replica was asked for it.
        authority: how that name is known, or empty.
        peer: where they called from, or empty.
    """

    code: ReasonCode
    message: str
    step_key: str = ""
    requested_by: str = ""
    request_id: str = ""
    authority: str = ""
    peer: str = ""

    @classmethod
    def raised(cls, code: ReasonCode, error: BaseException, told: str = "", step_key: str = "") -> Reason:
        """What an error says, which may be anybody's; ``told`` comes before it."""
        return cls(code, well_formed(f"{told}{error}"), step_key)

    @classmethod
    def asked(cls, code: ReasonCode, message: str, by: Actor, step_key: str = "", request_id: str = "") -> Reason:
        """What somebody asked for."""
        return cls(code, well_formed(message), step_key, by.name, request_id, by.authority, by.peer)
