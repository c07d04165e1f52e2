"""What a saga has gone on without is compensated before it completes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from orchestrator import CommandUnknown
from orchestrator.errors import ActRefused, CancelRefused
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import CompensationBegan, SagaCompleted
from orchestrator.journal.state import Status, StepOutcome
from shop.order.v1.order_pb2 import Receipt
from shop.order.v1.order_service_pb2 import StartOrderRequest  # noqa: TC001 - the signatures of sagas are read
from tests.support.engine_world import AUTHORIZE, RESERVE, SAGA, Answer, Shop, turns, unknown, until
from tests.unit.engine.doubtful_sagas import AUTHORIZED, detour, misled, saga_of, suspended_before_its_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine_world import EngineWorld


async def test_what_a_saga_goes_on_without_is_compensated_before_it_completes(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(saga_of(detour))
    misled(world)
    state = await world.process().run()

    assert state.status is Status.COMPLETED
    assert world.participants.methods()[-2:] == ["CapturePayment", "VoidAuthorization"]
    compensation = state.commands[AUTHORIZED].compensation
    assert compensation is not None
    assert compensation.ended_at is not None
    kinds = [type(entry) for entry in world.entries()]
    assert kinds.index(CompensationBegan) < kinds.index(SagaCompleted)


async def test_what_cannot_be_compensated_before_the_end_is_listed_in_front_of_an_operator(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(saga_of(detour))
    process, state = await suspended_before_its_end(world)

    assert state.status is Status.SUSPENDED
    assert state.reason is not None
    assert (state.reason.code, state.reason.step_key) == ("COMPENSATION_REJECTED", AUTHORIZED)
    with pytest.raises(CancelRefused):
        await process.acts.cancel(SAGA, "please", Actor("ada"))
    await process.acts.resume(SAGA, "they mended it", Actor("ada"))

    assert (await world.stopped()).status is Status.COMPLETED
    assert len({call.key for call in world.participants.of("VoidAuthorization")}) == 1
    assert len({call.request for call in world.participants.of("VoidAuthorization")}) == 1
    assert len(world.participants.of("VoidAuthorization")) == 2


@pytest.mark.parametrize("decision", ["skip_compensation", "resolve_compensation"])
async def test_an_operator_decides_about_what_a_saga_has_gone_on_without(
    world_of: Callable[..., EngineWorld], decision: str
) -> None:
    world = world_of(saga_of(detour))
    process, _ = await suspended_before_its_end(world)
    await getattr(process.acts, decision)(SAGA, AUTHORIZED, "by hand", Actor("ada"))
    await process.acts.resume(SAGA, "done", Actor("ada"))

    assert (await world.stopped()).status is Status.COMPLETED
    assert len(world.participants.of("VoidAuthorization")) == 1


async def test_a_cancel_while_a_saga_compensates_before_its_end_rolls_it_back(
    world_of: Callable[..., EngineWorld],
) -> None:
    async def unsold(_order: StartOrderRequest, shop: Shop) -> Receipt:
        await shop.inventory.ReserveStock(RESERVE)
        with contextlib.suppress(CommandUnknown):
            await shop.payment.AuthorizePayment(AUTHORIZE)
        return Receipt()

    world = world_of(saga_of(unsold))
    misled(world)
    slow = Answer()
    world.participants.scripts["VoidAuthorization"] = [slow]
    process = world.process()
    run = asyncio.ensure_future(process.run())
    await until(lambda: slow.asked)
    cancel = asyncio.ensure_future(process.acts.cancel(SAGA, "changed my mind", Actor("ada")))
    await turns()
    slow.give()
    await cancel

    assert (await run).status is Status.COMPENSATED
    assert world.participants.methods()[-1] == "ReleaseStock"


async def test_a_pause_while_a_saga_compensates_before_its_end_suspends_it(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(saga_of(detour))
    misled(world)
    slow = Answer()
    world.participants.scripts["VoidAuthorization"] = [slow]
    process = world.process()
    run = asyncio.ensure_future(process.run())
    await until(lambda: slow.asked)
    pause = asyncio.ensure_future(process.acts.pause(SAGA, "wait", Actor("ada")))
    await turns()
    slow.give(unknown())
    assert (await pause).status is Status.SUSPENDED
    await run
    await process.acts.resume(SAGA, "go on", Actor("ada"))

    assert (await world.stopped()).status is Status.COMPLETED


async def test_a_saga_is_recovered_from_a_crash_while_it_compensates_before_its_end(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(saga_of(detour))
    misled(world)
    slow = Answer()
    world.participants.scripts["VoidAuthorization"] = [slow]
    run = asyncio.ensure_future(world.process().run())
    await until(lambda: slow.asked)
    run.cancel()
    await world.recover()

    assert (await world.stopped()).status is Status.COMPLETED
    before, after = world.participants.of("VoidAuthorization")
    assert (before.key, before.request) == (after.key, after.request)
    assert len(world.participants.of("CapturePayment")) == 1


async def test_what_a_saga_has_gone_on_without_cannot_be_made_known_to_its_code_any_more(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(saga_of(detour))
    process, _ = await suspended_before_its_end(world)

    with pytest.raises(ActRefused, match="has gone on without") as refused:
        await process.acts.resolve_outcome(
            SAGA, AUTHORIZED, took_effect=True, reply=b"", evidence="the bank says so", requested_by=Actor("ada")
        )
    assert refused.value.reason == "GONE_ON_WITHOUT"


async def test_what_a_saga_has_gone_on_without_and_never_took_effect_needs_no_compensation(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(saga_of(detour))
    process, _ = await suspended_before_its_end(world)
    await process.acts.resolve_outcome(
        SAGA, AUTHORIZED, took_effect=False, reply=None, evidence="the bank says so", requested_by=Actor("ada")
    )
    await process.acts.resume(SAGA, "go on", Actor("ada"))
    state = await world.stopped()

    assert state.status is Status.COMPLETED
    assert state.commands[AUTHORIZED].outcome is StepOutcome.UNKNOWN, "as its code was told"
    assert len(world.participants.of("VoidAuthorization")) == 1
