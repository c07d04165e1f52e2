"""Who may read figures of all sagas at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.access.authentication import Credentials
from orchestrator.access.decisions import refuse_without_role
from orchestrator.contract.access import Role
from orchestrator.errors import NotAllowed

if TYPE_CHECKING:
    from orchestrator.access.authentication import Authentication

_WHAT: Final = "reading metrics"


async def refuse_figures(authentication: Authentication, authorization: str, peer: str) -> None:
    """Refuse a caller who may not see every saga.

    Args:
        authentication: tells who calls.
        authorization: the header of that name; empty where there is none.
        peer: where the call comes from.

    Raises:
        NotAuthenticated: nobody knows who calls.
        NotAllowed: the caller has no role, or sees some sagas only, and figures are of all of them.
    """
    subject = await authentication.subject(Credentials(authorization, (), peer))
    refuse_without_role(subject, Role.VIEWER, _WHAT)
    if subject.is_narrowed:
        raise NotAllowed("NARROWED", "metrics are of all sagas, and you see some of them")
