"""Every service of the shop, as a process that is restarted on the way, keeps what sagas rely on."""

from __future__ import annotations

import signal
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import services
from orchestrator.testing.conformance import CheckVerdict, Examples, check_participant
from tests.support.processes import running

if TYPE_CHECKING:
    import grpc.aio

EXAMPLES = Path(__file__).parent / "examples"
NAMES = sorted(path.parent.name for path in Path(next(iter(services.__path__))).glob("*/__main__.py"))

# No query shows an order record.
NOT_SEEN = {"product": {"compensation-undoes", "compensation-twice", "command-after-compensation"}}


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
async def test_a_service_passes_every_check(name: str, tmp_path: Path) -> None:
    contract = import_module(f"services.{name}.__main__").SERVICE.contract
    file = EXAMPLES / f"{name}.json"
    examples = Examples.read(contract, file) if file.exists() else None

    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(running(name, tmp_path))

        async def restart() -> grpc.aio.Channel:
            assert await first.stop(signal.SIGTERM) == 0
            return (await stack.enter_async_context(running(name, tmp_path))).channel

        report = await check_participant(first.channel, contract, examples, restart)

    assert report.passed, str(report)
    unseen = {each.check for each in report.findings if each.verdict is CheckVerdict.NOT_SEEN}
    assert unseen == NOT_SEEN.get(name, set())
    assert not [each for each in report.findings if each.verdict is CheckVerdict.NOT_APPLICABLE and is_gap(each.seen)]


def is_gap(seen: str) -> bool:
    """Whether the check does not apply because an example is missing, and not because of the contract."""
    return "name one" in seen
