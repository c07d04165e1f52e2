"""Acts that two people must ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ActRefused
from orchestrator.journal.actor import Actor
from orchestrator.journal.entries import ActProposed, CompensationResolved, CompensationSkipped
from orchestrator.journal.four_eyes import FourEyes
from orchestrator.journal.state import Status
from tests.support.engine_world import SAGA, rejected

if TYPE_CHECKING:
    from tests.support.engine_world import EngineProcess, EngineWorld

RESERVED = "InventoryService.ReserveStock#1"
ADA, BOB = Actor("ada", "token file", "ipv4:10.0.0.7:1"), Actor("bob", "token file", "ipv4:10.0.0.8:1")


async def suspended(world: EngineWorld) -> EngineProcess:
    """A process whose saga cannot release its stock, and whose acts need two people."""
    world.participants.scripts |= {"CapturePayment": [rejected()], "ReleaseStock": [rejected()]}
    world.four_eyes = FourEyes(["skip", "resolve"])
    process = world.process()
    await process.run()
    return process


async def refusal(process: EngineProcess, actor: Actor, act: str = "skip_compensation", why: str = "sold") -> str:
    with pytest.raises(ActRefused) as refused:
        await getattr(process.acts, act)(SAGA, RESERVED, why, actor)
    return refused.value.reason


async def test_the_first_person_proposes_and_another_one_has_it_done(world: EngineWorld) -> None:
    process = await suspended(world)

    assert await refusal(process, ADA) == "SECOND_PERSON_NEEDED"
    state = await process.acts.skip_compensation(SAGA, RESERVED, "I have seen it, too", BOB)

    *_, proposed, skipped = await world.journal.read(SAGA)
    assert isinstance(proposed, ActProposed)
    assert isinstance(skipped, CompensationSkipped)
    assert (proposed.reason.requested_by, proposed.reason.peer) == ("ada", "ipv4:10.0.0.7:1")
    assert (skipped.reason.requested_by, skipped.reason.message) == ("bob", "I have seen it, too")
    assert state.commands[RESERVED].skipped


async def test_one_person_is_not_two_however_often_and_from_wherever_they_ask(world: EngineWorld) -> None:
    process = await suspended(world)
    before = len(await world.journal.read(SAGA))

    for peer in ("a", "b", "c"):
        assert await refusal(process, Actor("ada", f"jwt {peer}", peer), why=peer) == "SECOND_PERSON_NEEDED"

    assert len(await world.journal.read(SAGA)) == before + 1


async def test_another_act_is_another_proposal(world: EngineWorld) -> None:
    process = await suspended(world)

    assert await refusal(process, ADA) == "SECOND_PERSON_NEEDED"
    assert await refusal(process, BOB, "resolve_compensation") == "SECOND_PERSON_NEEDED"
    await process.acts.resolve_compensation(SAGA, RESERVED, "put back by hand", ADA)

    assert isinstance((await world.journal.read(SAGA))[-1], CompensationResolved)


async def test_a_proposal_ends_when_the_saga_is_resumed(world: EngineWorld) -> None:
    process = await suspended(world)
    assert await refusal(process, ADA) == "SECOND_PERSON_NEEDED"
    world.participants.scripts["ReleaseStock"] = [rejected()]

    await process.acts.resume(SAGA, "try again", BOB)
    await world.stopped()

    assert (await process.worker.get(SAGA)).status is Status.SUSPENDED
    assert await refusal(process, BOB) == "SECOND_PERSON_NEEDED"


async def test_what_cannot_be_done_is_refused_before_it_is_proposed(world: EngineWorld) -> None:
    process = await suspended(world)
    before = len(await world.journal.read(SAGA))

    with pytest.raises(ActRefused, match="no command"):
        await process.acts.skip_compensation(SAGA, "Nobody.Knows", "sold", ADA)

    assert len(await world.journal.read(SAGA)) == before
