"""A page of the console: its address, its answer, and the roles that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from google.protobuf import descriptor_pool

from orchestrator.contract.access import roles_of
from orchestrator.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.contract.access import Role


@dataclass(frozen=True, slots=True)
class Page:
    """One page, or one act.

    Attributes:
        path: such as ``/sagas/{saga_id}``; what stands in braces is in ``request.path_params``. ``{saga_id:path}``
            takes slashes too.
        rpc: the full name of the rpc to which it corresponds, such as ``saga.v1.SagaService.ListSagas``: who may call
            that may see this. The module of its stubs is imported.
        answer: makes the answer. Whatever of the orchestrator's errors it raises becomes a page.
        method: ``GET`` for what only reads. ``POST`` for what acts; the console has read the form by then, and has
            refused one that is not the caller's own.
    """

    path: str
    rpc: str
    answer: Callable[[Request], Awaitable[Response]]
    method: Literal["GET", "POST"] = "GET"

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that it needs, all of them.

        Raises:
            DefinitionError: there is no such rpc, or its contract does not say who may call it.
        """
        try:
            return roles_needed(self.rpc)
        except DefinitionError as error:
            raise DefinitionError(f"the page {self.path} is for nobody: {error}") from None


def roles_needed(rpc: str) -> tuple[Role, ...]:
    """The roles that an rpc needs, by its full name, all of them.

    Raises:
        DefinitionError: there is no such rpc, or its contract does not say who may call it.
    """
    try:
        roles = roles_of(descriptor_pool.Default().FindMethodByName(rpc))
    except KeyError:
        raise DefinitionError(f"there is no rpc {rpc}") from None
    if not roles:
        raise DefinitionError(f"{rpc} does not say who may call it")
    return roles
