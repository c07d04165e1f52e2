"""Lets a group of tasks end its tasks in the order in which they were made.

``asyncio.TaskGroup`` keeps its tasks in a set, and ends them in the order of that, which differs in each process. What
the code does while it is being ended would come in another order in each replay. So in a process that hosts workflows
each group keeps them in a dict; nothing else about it changes, for the process's own groups neither.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_init: Final = asyncio.TaskGroup.__init__


class InOrder:
    """As much of a set as a group of tasks asks for, in the order in which its members came."""

    def __init__(self) -> None:
        self._members: dict[object, None] = {}

    def add(self, member: object) -> None:
        """Let it be a member."""
        self._members[member] = None

    def discard(self, member: object) -> None:
        """Let it be none."""
        self._members.pop(member, None)

    def __iter__(self) -> Iterator[object]:
        """The members in their order; a member may leave while the others are gone through."""
        return iter(list(self._members))

    def __len__(self) -> int:
        return len(self._members)


@functools.wraps(_init)
def _ordered(group: Any, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - as its original
    _init(group, *arguments, **named)
    group._tasks = InOrder()  # noqa: SLF001 - there is no other way in, and a test holds each Python to it


def order_task_groups() -> None:
    """From now on, every new group of this process keeps its tasks in order."""
    asyncio.TaskGroup.__init__ = _ordered  # type: ignore[method-assign,assignment]
