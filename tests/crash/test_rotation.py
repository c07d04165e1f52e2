"""Tokens and keys are rotated while orders are placed: none fails, and what was taken away is soon refused."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import grpc
import grpc.aio

from orchestrator.channels.grpc.bearer import with_token
from saga.v1.access_service_pb2 import WhoAmIRequest
from saga.v1.access_service_pb2_grpc import AccessServiceStub
from tests.crash.customers import Customers
from tests.crash.orders import draw
from tests.support.identity_provider import AUDIENCE, ISSUER, SigningKey, jwks
from tests.support.served import entry, token_of

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from tests.crash.invariants import Invariants
    from tests.crash.processes import Process
    from tests.crash.shop import Shop

SOON_SECONDS: Final = 60.0
"""Within which what has expired, or was taken away, is refused."""

OLD, NEW = token_of("old"), token_of("new")
KINDS: Final = ("good", "member", "declined", "piano")


def rewrite(file: Path, text: str) -> None:
    """Another version of a file, whole at once."""
    fresh = file.with_suffix(".fresh")
    fresh.write_text(text)
    os.replace(fresh, file)  # noqa: PTH105 - as tools that rotate do


async def until(orchestrator: Process, token: str, *, known: bool) -> None:
    """Ask again and again who has a token, until that is known, or is known no more."""
    async with grpc.aio.insecure_channel(orchestrator.address, interceptors=with_token(token)) as channel:
        access = AccessServiceStub(channel)
        async with asyncio.timeout(SOON_SECONDS):
            while True:
                code = await access.WhoAmI(WhoAmIRequest()).code()
                assert code in {grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED}
                if (code is grpc.StatusCode.OK) is known:
                    return


async def test_orders_go_on_while_a_token_is_rotated_and_the_old_one_is_soon_refused(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    subjects = tmp_path / "subjects.yaml"
    subjects.write_text(entry("before", "starter", token=OLD))
    orchestrator = shop.orchestrator(tmp_path, subjects=str(subjects))
    await orchestrator.restart()
    async with (
        Customers(orchestrator.address, in_flight=12, token=OLD) as before,
        Customers(orchestrator.address, in_flight=12, token=NEW) as after,
    ):
        first = asyncio.ensure_future(before.order_all(draw(chance, 24, run=f"{run}-old", kinds=KINDS)))
        await before.have_placed(6)
        rewrite(subjects, entry("before", "starter", token=OLD) + entry("after", "starter", token=NEW))
        await until(orchestrator, NEW, known=True)
        second = asyncio.ensure_future(after.order_all(draw(chance, 24, run=f"{run}-new", kinds=KINDS)))
        await first
        await after.have_placed(6)
        rewrite(subjects, entry("after", "starter", token=NEW))
        await until(orchestrator, OLD, known=False)
        await second

        assert (before.refusals, after.refusals) == ([], [])
        after.placed += before.placed  # who had the old token is answered no more
        assert await invariants.broken(after) == []


async def test_orders_go_on_while_a_token_expires_that_others_have(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    subjects, soon = tmp_path / "subjects.yaml", time.time() + 6
    expires_at = datetime.fromtimestamp(soon, UTC).isoformat(timespec="seconds")
    subjects.write_text(
        entry("after", "starter", token=NEW) + entry("before", "starter", f"expires_at: {expires_at}", token=OLD)
    )
    orchestrator = shop.orchestrator(tmp_path, subjects=str(subjects))
    await orchestrator.restart()
    async with Customers(orchestrator.address, in_flight=12, token=NEW) as customers:
        ordering = asyncio.ensure_future(customers.order_all(draw(chance, 24, run=run, kinds=KINDS)))
        await until(orchestrator, OLD, known=False)
        assert time.time() >= int(soon)
        await ordering

        assert customers.refusals == []
        assert await invariants.broken(customers) == []


async def test_orders_go_on_while_an_identity_provider_rotates_its_keys(
    shop: Shop, invariants: Invariants, chance: random.Random, run: str, tmp_path: Path
) -> None:
    keys, (old, new) = tmp_path / "keys.json", (SigningKey("old"), SigningKey("new"))
    keys.write_text(jwks([old]))
    orchestrator = shop.orchestrator(tmp_path, jwt_keys=str(keys), jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    await orchestrator.restart()
    first, second = (key.token(expires_at=time.time() + 3600, roles=["starter"]) for key in (old, new))
    async with (
        Customers(orchestrator.address, in_flight=12, token=first) as before,
        Customers(orchestrator.address, in_flight=12, token=second) as after,
    ):
        ordering = asyncio.ensure_future(before.order_all(draw(chance, 12, run=f"{run}-old", kinds=KINDS)))
        await before.have_placed(4)
        rewrite(keys, jwks([old, new]))
        await until(orchestrator, second, known=True)
        await asyncio.gather(ordering, after.order_all(draw(chance, 12, run=f"{run}-new", kinds=KINDS)))
        rewrite(keys, jwks([new]))
        await until(orchestrator, first, known=False)

        assert (before.refusals, after.refusals) == ([], [])
        after.placed += before.placed  # who had the old token is answered no more
        assert await invariants.broken(after) == []
