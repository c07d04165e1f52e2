"""What the names of rpcs and fields usually mean. It is a guess, and a person corrects it.

An rpc is named by a verb and a noun: ``ReserveStock``. The verb suggests the effect, and which verb takes it back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from orchestrator.contract.command import Effect

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

QUERIES: Final = frozenset(
    (
        *("Calculate", "Check", "Convert", "Count", "Describe", "Estimate", "Exists", "Fetch", "Find", "Get", "Has"),
        *("Is", "List", "Lookup", "Preview", "Query", "Quote", "Read", "Search", "Show", "Validate", "Verify"),
    )
)
"""Verbs of rpcs that only read."""

UNDONE_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "Add": ("Remove", "Delete"),
    "Allocate": ("Deallocate", "Free", "Release"),
    "Arrange": ("Cancel",),
    "Assign": ("Unassign",),
    "Attach": ("Detach",),
    "Authorize": ("Void", "Release", "Cancel", "Reverse"),
    "Block": ("Unblock", "Release"),
    "Book": ("Cancel",),
    "Charge": ("Refund", "Void", "Reverse"),
    "Create": ("Delete", "Cancel", "Remove"),
    "Debit": ("Credit", "Refund"),
    "Deposit": ("Withdraw",),
    "Enable": ("Disable",),
    "Grant": ("Revoke",),
    "Hold": ("Release",),
    "Insert": ("Delete", "Remove"),
    "Issue": ("Revoke", "Void", "Cancel"),
    "Lock": ("Unlock", "Release"),
    "Open": ("Close",),
    "Order": ("Cancel",),
    "Place": ("Cancel",),
    "Pay": ("Refund", "Reverse"),
    "Register": ("Deregister", "Unregister"),
    "Reserve": ("Release", "Cancel", "Unreserve"),
    "Schedule": ("Cancel", "Unschedule"),
    "Ship": ("Recall", "Cancel"),
    "Start": ("Stop", "Cancel"),
    "Subscribe": ("Unsubscribe",),
    "Upload": ("Delete", "Remove"),
}
"""Verbs, and the verbs that take their effect back, the likeliest first."""

PIVOTS: Final = frozenset(("Capture", "Charge", "Commit", "Confirm", "Pay", "Settle", "Ship", "Submit", "Transfer"))
"""Verbs of rpcs that nothing takes back, and that may be refused."""

RETRYABLES: Final = frozenset(
    (
        *("Archive", "Award", "Clear", "Close", "Complete", "Email", "Empty", "Finish", "Log", "Mail", "Mark"),
        *("Notify", "Publish", "Record", "Send", "Track", "Update"),
    )
)
"""Verbs of rpcs that nothing takes back, and that are done sooner or later."""

_SENSITIVE: Final = re.compile(
    r"(^|_)(card|pan|cvv|cvc|iban|bic|ssn|password|passwd|secret|token|pin|email|phone|street|address|birth\w*)(_|\d|$)"
)
_IDENTITY: Final = re.compile(r"(^|_)(id|key|reference|ref|number|uuid)$")


def guess_effect(name: str, compensations: Collection[str]) -> Effect:
    """What an rpc of this name does, where another rpc may compensate it; UNSPECIFIED where its name does not tell."""
    verb = verb_of(name)
    if verb in QUERIES:
        return Effect.QUERY
    if compensations:
        return Effect.COMPENSABLE
    if verb in PIVOTS:
        return Effect.PIVOT
    return Effect.RETRYABLE if verb in RETRYABLES or _undoes(verb) else Effect.UNSPECIFIED


def compensations_among(name: str, others: Collection[str]) -> tuple[str, ...]:
    """The rpcs of the same service that may take the effect of this one back, the likeliest first."""
    verb = verb_of(name)
    noun = name.removeprefix(verb)
    ranked = [
        (other.removeprefix(undo) != noun, rank, other)
        for rank, undo in enumerate(UNDONE_BY.get(verb, ()))
        for other in others
        if verb_of(other) == undo
    ]
    return tuple(other for _, _, other in sorted(ranked))


def verb_of(name: str) -> str:
    """The first word of an rpc's name."""
    found = re.match(r"[A-Z][a-z0-9]*", name)
    return found.group() if found else name


def looks_sensitive(message: str, field: str) -> bool:
    """Whether a field of a message may hold what must not be shown: one of the two names says so."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", message)
    return any(_SENSITIVE.search(name.lower()) for name in (words, field))


def looks_like_identity(field: str) -> bool:
    """Whether a field of this name may identify the business case."""
    return _IDENTITY.search(field.lower()) is not None


def _undoes(verb: str) -> bool:
    return any(verb in undone for undone in UNDONE_BY.values())
