"""An operator lets an effect stand, in a suspended rollback and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ActRefused
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import CompensationSkipped
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status
from tests.support.engine_world import SAGA, Answer, rejected, until

if TYPE_CHECKING:
    from tests.support.engine_world import EngineProcess, EngineWorld

STOCK = "InventoryService.ReserveStock#1"


async def skip(process: EngineProcess, key: str = STOCK) -> None:
    await process.acts.skip_compensation(SAGA, key, "it was taken back by hand", Actor("ada"))


async def refused(world: EngineWorld, process: EngineProcess, key: str = STOCK) -> str:
    """The code with which it is refused, nothing being journalled."""
    before = world.entries()
    with pytest.raises(ActRefused) as refusal:
        await skip(process, key)
    assert world.entries() == before
    return refusal.value.reason


async def paused(world: EngineWorld, method: str) -> EngineProcess:
    """A saga that was paused while it waited for the answer to this method."""
    answer = Answer()
    world.participants.scripts[method] = [answer]
    process = world.process()
    await process.worker.start(world.order())
    await until(lambda: answer.asked)
    answer.give()
    await process.acts.pause(SAGA, "let me see", Actor("ada"))
    await world.stopped()
    return process


@pytest.mark.parametrize("method", ["ReserveStock", "AuthorizePayment", "ArrangeShipment"])
async def test_a_paused_saga_that_goes_forward_has_no_compensation_to_skip(world: EngineWorld, method: str) -> None:
    process = await paused(world, method)
    assert world.state().commands[STOCK].may_stand

    assert await refused(world, process) == "NOT_ROLLING_BACK"


async def test_a_saga_that_is_suspended_past_its_pivot_has_no_compensation_to_skip(world: EngineWorld) -> None:
    world.participants.scripts["SendConfirmation"] = [rejected()]
    process = world.process()
    await process.run()

    assert await refused(world, process) == "NOT_ROLLING_BACK"


async def test_a_saga_that_is_live_has_no_compensation_to_skip(world: EngineWorld) -> None:
    world.participants.scripts["AuthorizePayment"] = [answer := Answer()]
    process = world.process()
    await process.worker.start(world.order())
    await until(lambda: answer.asked)

    assert await refused(world, process) == "NOT_SUSPENDED"


async def suspended_rollback(world: EngineWorld) -> EngineProcess:
    """A saga whose rollback is suspended: the compensation of ReserveStock was refused."""
    world.participants.scripts |= {"ArrangeShipment": [rejected()], "ReleaseStock": [rejected()]}
    process = world.process()
    await process.run()
    return process


async def test_what_stands_in_a_suspended_rollback_is_skipped_and_named(world: EngineWorld) -> None:
    process = await suspended_rollback(world)

    await skip(process)

    skipped = world.entries()[-1]
    assert isinstance(skipped, CompensationSkipped)
    assert (skipped.key, skipped.reason) == (
        STOCK,
        Reason(ReasonCode.SKIPPED, "it was taken back by hand", STOCK, "ada"),
    )
    await process.acts.resume(SAGA, "go on", Actor("ada"))
    assert (await world.stopped()).status is Status.PARTIALLY_COMPENSATED


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("PaymentService.AuthorizePayment#1", "NOTHING_STANDS"),
        ("ShippingService.ArrangeShipment#1", "NOTHING_STANDS"),
        ("PricingService.PriceOrder#1", "NOTHING_STANDS"),
        ("InventoryService.ReserveStock#2", "NO_SUCH_COMMAND"),
    ],
    ids=["compensated", "rejected", "a query", "never sent"],
)
async def test_what_does_not_stand_is_not_skipped(world: EngineWorld, key: str, reason: str) -> None:
    process = await suspended_rollback(world)

    assert await refused(world, process, key) == reason


async def test_what_was_skipped_is_not_skipped_again(world: EngineWorld) -> None:
    process = await suspended_rollback(world)
    await skip(process)

    assert await refused(world, process) == "NOTHING_STANDS"
