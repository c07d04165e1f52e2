"""Who answers in a participant's place: what loses its answers, and then says something of its own.

A mesh refuses, a load balancer has no route, another service listens where the participant was. None of them knows
what became of the attempt before.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, Protocol

import grpc

from tests.crash.relay import Relay, saga_of

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from tests.crash.relay import Context

    Way = Callable[[], Awaitable[bytes]]

REFUSALS: Final = (
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
)
"""A wrong backend, a mesh without and with a name for the caller, a load balancer, a service without a guard."""

GARBAGE: Final = b"\xff\xfe\xfd"
"""What no message can be read from."""


class Act(Protocol):
    """What a front does with one call."""

    async def __call__(self, way: Way, context: Context) -> bytes:
        """The reply; ``way`` leads to the participant."""


async def passes(way: Way, context: Context) -> bytes:  # noqa: ARG001 - an Act
    """It is not there at all."""
    return await way()


async def breaks(way: Way, context: Context) -> bytes:
    """The participant does what it is asked to, then the connection breaks; a refusal passes."""
    await way()
    await context.abort(grpc.StatusCode.UNAVAILABLE, "the connection broke")


async def swallows(way: Way, context: Context) -> bytes:  # noqa: ARG001 - an Act
    """The participant does what it is asked to, and the answer never comes; a refusal passes."""
    await way()
    lost: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    return await lost  # until the caller's deadline


def breaks_when(over: asyncio.Event) -> Act:
    """The participant does what it is asked to, and the connection breaks when a test says so; a refusal passes."""

    async def act(way: Way, context: Context) -> bytes:
        await way()
        await over.wait()
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the connection broke")

    return act


def refuses(code: grpc.StatusCode) -> Act:
    """The participant never hears of it."""

    async def act(way: Way, context: Context) -> bytes:  # noqa: ARG001 - an Act
        await context.abort(code, "said by a front")

    return act


def replies(content: bytes) -> Act:
    """The participant does what it is asked to, and something else is said to be its reply; a refusal passes."""

    async def act(way: Way, context: Context) -> bytes:  # noqa: ARG001 - an Act
        await way()
        return content

    return act


class Choice(Protocol):
    """Says what happens to a call."""

    def __call__(self, method: str, saga_id: str) -> Act:
        """What happens to this call of this rpc, by its short name."""


class Scripts:
    """What happens to the calls of one rpc by one saga, in their order; those after the last pass.

    Args:
        scripts: for each rpc, by its short name: the first saga that calls it goes by the first script, the next one
            by the next, and round again.
    """

    def __init__(self, scripts: Mapping[str, Iterable[Sequence[Act]]]) -> None:
        self._scripts = {method: tuple(each) for method, each in scripts.items()}
        self._left: dict[str, dict[str, list[Act]]] = defaultdict(dict)

    def __call__(self, method: str, saga_id: str) -> Act:
        """See the protocol."""
        if method not in self._scripts or not saga_id:
            return passes
        sagas, scripts = self._left[method], self._scripts[method]
        left = sagas.setdefault(saga_id, list(scripts[len(sagas) % len(scripts)]))
        return left.pop(0) if left else passes


class Mischief:
    """Now and then, at random, a command is refused, its answer is lost, or its reply is nonsense.

    Args:
        chance: decides.
        share: of all commands, compensations and verify queries to which something happens, from 0 to 1.
    """

    def __init__(self, chance: random.Random, share: float) -> None:
        self._chance = chance
        self._share = share
        self._acts = (breaks, replies(GARBAGE), *map(refuses, REFUSALS))

    def __call__(self, method: str, saga_id: str) -> Act:  # noqa: ARG002 - a Choice
        """See the protocol."""
        if not saga_id or self._chance.random() >= self._share:
            return passes
        # Half of the calls are lost: what a front says matters most to a caller that does not know what came before.
        return breaks if self._chance.random() < 1 / 2 else self._chance.choice(self._acts)


class Front(Relay):
    """Stands before a participant, and answers what the choice leaves to it; an async context manager.

    Args:
        target: ``host:port`` of the participant.
        choose: what happens to a call.

    Attributes:
        interfered: how often it did something else than pass, by the rpc's short name.
    """

    def __init__(self, target: str, choose: Choice) -> None:
        super().__init__(target)
        self.interfered = Counter[str]()
        self._choose = choose
        self._acted = asyncio.Condition()

    async def have_interfered(self, method: str, count: int) -> None:
        """Wait until it has acted so often on calls of this rpc; what the participant did until then is done."""
        async with self._acted:
            await self._acted.wait_for(lambda: self.interfered[method] >= count)

    async def _relay(self, path: str, request: bytes, context: Context) -> bytes:
        method = path.rpartition("/")[2]
        act = self._choose(method, saga_of(context))
        reached = False

        async def way() -> bytes:
            nonlocal reached
            reply = await self._pass_on(path, request, context)
            if act is not passes:
                reached = True
                await self._count(method)
            return reply

        try:
            return await act(way, context)
        finally:
            if act is not passes and not reached:
                await self._count(method)

    async def _count(self, method: str) -> None:
        async with self._acted:
            self.interfered[method] += 1
            self._acted.notify_all()
