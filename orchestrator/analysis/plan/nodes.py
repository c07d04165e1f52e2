"""The nodes of a plan: what a saga's code does, as a tree.

::

    Sequence ─┬─ Issue         a command, or a child saga
              ├─ Wait          sleep, sleep_until, signal, approval
              ├─ TimeLimit     async with timeout(...): a block that may be cut off
              ├─ Branch        one of several ways: if, match, `x if y else z`, `and`, `or`
              ├─ Try           a body, the handlers of its errors, what follows in any case
              ├─ Loop          for, while, comprehensions: any number of times
              ├─ Parallel      side by side: asyncio.gather, TaskGroup
              ├─ FunctionCall  another function, read where it is called
              ├─ Leave         return, raise, break, continue
              └─ Unread        stubs are used here in a way that cannot be read
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

    from orchestrator.contract.command import Command


@dataclass(frozen=True, slots=True)
class Issue:
    """A command that is issued here.

    Attributes:
        command: what is issued.
        line: of the call, counted from 1.
        best_effort: the saga goes on without it.
        scope: the scopes around it, such as ``item-{line.sku}``; empty outside any.
        child: the child saga that the command is, if it is one.
        limited: within a block that may be cut off.
        circle: how the child leads back to a saga around it, as ``("sell v1", "fulfil v1", "sell v1")``.
    """

    command: Command
    line: int
    best_effort: bool = False
    scope: str = ""
    child: ChildSaga | None = None
    circle: tuple[str, ...] = ()
    limited: bool = False


@dataclass(frozen=True, slots=True)
class ChildSaga:
    """A saga that another one runs as its child.

    Attributes:
        name: the saga's.
        version: the saga's.
        root: what its function does; empty where it is a saga around the one that is read.
    """

    name: str
    version: int
    root: Sequence


@dataclass(frozen=True, slots=True)
class Wait:
    """The code waits here for a time or a signal.

    Attributes:
        what: as it is written, such as ``sleep(timedelta(days=2))``.
        line: of the call, counted from 1.
        signal: the name of the signal; empty for a timer.
        message: the generated class of its message.
    """

    what: str
    line: int
    signal: str = ""
    message: type[Message] | None = None


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """A block that may be cut off, labelled as its code begins."""

    label: str
    body: Sequence
    line: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """Nodes that run one after the other."""

    nodes: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Arm:
    """One of several ways, labelled as its code begins, such as ``if order.member``."""

    label: str
    body: Sequence
    line: int


@dataclass(frozen=True, slots=True)
class Branch:
    """Exactly one of the arms is taken; an arm may be empty."""

    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class Try:
    """The body runs; a handler, where the body fails; ``otherwise``, where it does not; ``finally_``, in any case."""

    body: Sequence
    handlers: tuple[Arm, ...]
    otherwise: Sequence
    finally_: Sequence
    line: int


@dataclass(frozen=True, slots=True)
class Loop:
    """The body runs any number of times, or never; labelled as its code begins."""

    label: str
    body: Sequence
    line: int


@dataclass(frozen=True, slots=True)
class Parallel:
    """The branches run side by side, in any interleaving; the node ends when all branches have ended."""

    branches: tuple[Sequence, ...]
    line: int


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function that receives stubs, read where it is called; a ``return`` in it leads back to here."""

    function: str
    body: Sequence
    line: int


class Way(enum.Enum):
    """How a path leaves where it is."""

    RETURN = "return"
    RAISE = "raise"
    BREAK = "break"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Leave:
    """The path leaves the code around it, and ends or goes on elsewhere."""

    way: Way
    line: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A place at which the saga may issue commands that the plan does not know of.

    Attributes:
        reason: what cannot be read, and what to write instead.
        line: where.
    """

    reason: str
    line: int


Node = Issue | Wait | TimeLimit | Sequence | Branch | Try | Loop | Parallel | FunctionCall | Leave | Unread


def walk(node: Node) -> Iterator[Node]:
    """The node and all beneath it, in the order of the code."""
    yield node
    for child in children(node):
        yield from walk(child)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right beneath a node, in the order of the code."""
    match node:
        case Sequence(nodes):
            return nodes
        case Branch(arms):
            return tuple(arm.body for arm in arms)
        case Try():
            return (node.body, *(handler.body for handler in node.handlers), node.otherwise, node.finally_)
        case Loop() | FunctionCall() | TimeLimit():
            return (node.body,)
        case Parallel(branches):
            return branches
        case Issue() | Wait() | Leave() | Unread():
            return ()


def leaves_early(node: Node) -> bool:
    """Whether some path through the node skips what follows it, other than by failing."""
    match node:
        case Leave(way):
            return way is not Way.RAISE
        case FunctionCall() | Parallel():
            return False
        case _:
            return any(map(leaves_early, children(node)))
