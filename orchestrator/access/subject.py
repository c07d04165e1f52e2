"""Who calls, and what they may do."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from orchestrator.contract.access import Role
from orchestrator.journal.actor import Actor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_INCLUDED: Final[dict[Role, frozenset[Role]]] = {
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.STARTER: frozenset({Role.STARTER, Role.VIEWER}),
    Role.OPERATOR: frozenset({Role.OPERATOR, Role.VIEWER}),
    Role.APPROVER: frozenset({Role.APPROVER, Role.VIEWER}),
    Role.ADMIN: frozenset(Role),
}
"""What each role includes."""

_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """A caller who is known.

    Attributes:
        name: what the journal and the log call the caller.
        roles: what the caller may do, without the roles that these include.
        authority: how the name is known, such as ``token file`` or ``jwt https://login.example.com``.
        peer: where the call comes from, as gRPC says it; empty where that is not known.
        definitions: the caller sees, starts and acts on sagas of these definitions only; empty for all.
        attributes: ... and on sagas whose attributes have these values only, such as ``{"tenant": "acme"}``.
    """

    name: str
    roles: frozenset[Role]
    authority: str
    peer: str = ""
    definitions: frozenset[str] = frozenset()
    attributes: tuple[tuple[str, str], ...] = ()

    def has(self, role: Role) -> bool:
        """Whether one of the roles is this one or includes it."""
        return any(role in _INCLUDED[each] for each in self.roles)

    def covers(self, definition: str, attributes: Iterable[tuple[str, str]]) -> bool:
        """Whether a saga is among those to which the caller is narrowed."""
        if self.definitions and definition not in self.definitions:
            return False
        return not self.attributes or set(self.attributes) <= set(attributes)

    @property
    def is_narrowed(self) -> bool:
        """Whether there may be sagas that the caller may not see."""
        return bool(self.definitions or self.attributes)

    def __str__(self) -> str:
        return f"{self.name!r} ({self.authority})"


_current: ContextVar[Subject] = ContextVar("subject")


def enter(subject: Subject) -> None:
    """Let this be who calls, for the task of the call and the tasks that it starts."""
    _current.set(subject)


def current() -> Subject:
    """Who calls.

    Raises:
        LookupError: nothing was called from outside.
    """
    return _current.get()


def actor() -> Actor:
    """Who calls, as the journal keeps it.

    Raises:
        LookupError: nothing was called from outside.
    """
    subject = current()
    return Actor(subject.name, subject.authority, subject.peer)


def actor_if_any() -> Actor | None:
    """Who calls, as the journal keeps it; ``None`` where the process itself does something."""
    try:
        return actor()
    except LookupError:
        return None


def roles_named(names: object) -> frozenset[Role]:
    """The roles of a list of names, such as ``["viewer", "starter"]``.

    Raises:
        ValueError: it is no such list, or there is no role of a name.
    """
    known = {str(role): role for role in Role}
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"roles: expected a list of {', '.join(known)}")
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"roles: there is no role {', '.join(map(repr, unknown))}; there are: {', '.join(known)}")
    return frozenset(known[name] for name in names)


def narrowed_to(definitions: object, attributes: object) -> dict[str, Any]:
    """The fields ``definitions`` and ``attributes`` of a subject, from what a file or a token says.

    Raises:
        ValueError: they are not a list of names, and names with their values.
    """
    if not isinstance(definitions, list) or not all(isinstance(name, str) and name for name in definitions):
        raise ValueError("definitions: expected a list of names of sagas")
    if not isinstance(attributes, dict) or not all(
        isinstance(part, str) for pair in attributes.items() for part in pair
    ):
        raise ValueError("attributes: expected names of attributes with their values, as text")
    pairs: Mapping[str, str] = attributes
    return {"definitions": frozenset(definitions), "attributes": tuple(sorted(pairs.items()))}


def refuse_no_name(name: object) -> str:
    """A name that the journal can keep.

    Raises:
        ValueError: it is empty, too long, or holds what cannot be shown in one line.
    """
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable() or name.isspace():
        raise ValueError(f"the name of a subject is 1 to {_LONGEST_NAME} characters that can be shown in one line")
    return name
