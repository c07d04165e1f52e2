"""May this subject do that? The answer is silence, or a refusal that says what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import NotAllowed

if TYPE_CHECKING:
    from orchestrator.access.subject import Subject
    from orchestrator.contract.access import Role


def refuse_without_role(subject: Subject, needed: Role, rpc: str) -> None:
    """Refuse a call to a subject whose roles do not include the one that the contract asks for.

    Args:
        subject: who calls.
        needed: the role that the contract of the rpc states.
        rpc: its name, such as ``SkipCompensation``.

    Raises:
        NotAllowed: so it is, such as ``you are viewer; SkipCompensation needs operator``.
    """
    if not subject.has(needed):
        has = " and ".join(sorted(map(str, subject.roles))) or "known, but have no role"
        raise NotAllowed("ROLE_MISSING", f"you are {has}; {rpc} needs {needed}")
