"""Every service of the shop, as a process that is restarted on the way, keeps what sagas rely on, over each way."""

from __future__ import annotations

import signal
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import services
from orchestrator.testing.conformance import CheckVerdict, Examples, check_participant
from services.chassis.arrivals import Way
from services.chassis.server import Served
from tests.support.processes import Running, running
from tests.support.ways import Ways

if TYPE_CHECKING:
    from tests.support.nats import NatsServer

EXAMPLES = Path(__file__).parent / "examples"
NAMES = sorted(path.parent.name for path in Path(next(iter(services.__path__))).glob("*/__main__.py"))

# No query shows an order record, nor the address that is kept for an order.
UNDOING = {"compensation-undoes", "compensation-twice", "command-after-compensation"}
NOT_SEEN = {"email": UNDOING, "product": UNDOING}


# What HTTP says differs with each contract; a queue carries bytes, whatever they are.
OVER: Final = [
    *((name, way) for name in NAMES for way in (Way.GRPC, Way.HTTP)),
    *((name, Way.NATS) for name in ("inventory", "payment")),
]


@pytest.mark.long
@pytest.mark.parametrize(("name", "way"), OVER)
async def test_a_service_passes_every_check(name: str, way: Way, shared_nats: NatsServer, tmp_path: Path) -> None:
    contract = import_module(f"services.{name}.__main__").SERVICE.contract
    file = EXAMPLES / f"{name}.json"
    examples = Examples.read(contract, file) if file.exists() else None
    ways = Ways(way, shared_nats)
    await ways.prepare(contract)
    environment = {f"{name.upper()}_{field.upper()}": value for field, value in ways.settings().items()}

    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(running(name, tmp_path, **environment))

        async def restart() -> Any:  # noqa: ANN401 - a way to it, or a channel
            assert await first.stop(signal.SIGTERM) == 0
            again = await stack.enter_async_context(running(name, tmp_path, **environment))
            return await opened(again)

        async def opened(process: Running) -> Any:  # noqa: ANN401 - see above
            served = Served(process.address, process.url)
            return await stack.enter_async_context(ways.conformance(contract, served))

        report = await check_participant(await opened(first), contract, examples, restart)

    assert report.passed, str(report)
    unseen = {each.check for each in report.findings if each.verdict is CheckVerdict.NOT_SEEN}
    assert unseen == NOT_SEEN.get(name, set())
    assert not [each for each in report.findings if each.verdict is CheckVerdict.NOT_APPLICABLE and is_gap(each.seen)]


def is_gap(seen: str) -> bool:
    """Whether the check does not apply because an example is missing, and not because of the contract."""
    return "name one" in seen
