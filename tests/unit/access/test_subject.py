"""Roles, and what includes what; the engine as a caller sees it who is narrowed."""

from __future__ import annotations

import asyncio
from contextvars import Context

import pytest

from orchestrator.access.authentication import Authentication, Credentials
from orchestrator.access.decisions import refuse_without_role
from orchestrator.access.subject import Subject, current
from orchestrator.contract.access import Role
from orchestrator.errors import NotAllowed, NotAuthenticated

INCLUDED = {
    Role.VIEWER: {Role.VIEWER},
    Role.STARTER: {Role.STARTER, Role.VIEWER},
    Role.OPERATOR: {Role.OPERATOR, Role.VIEWER},
    Role.APPROVER: {Role.APPROVER, Role.VIEWER},
    Role.ADMIN: {*Role},
}


def subject(*roles: Role, **more: object) -> Subject:
    return Subject("ada", frozenset(roles), "token file", **more)  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize("needed", Role, ids=str)
@pytest.mark.parametrize("role", Role, ids=str)
def test_a_role_includes_what_it_includes_and_nothing_else(role: Role, needed: Role) -> None:
    assert subject(role).has(needed) is (needed in INCLUDED[role])


def test_a_refusal_says_which_role_is_there_and_which_is_missing() -> None:
    with pytest.raises(NotAllowed, match=r"^you are viewer; SkipCompensation needs operator$"):
        refuse_without_role(subject(Role.VIEWER), Role.OPERATOR, "SkipCompensation")
    with pytest.raises(NotAllowed, match=r"^you are approver and starter; SkipCompensation needs operator$"):
        refuse_without_role(subject(Role.STARTER, Role.APPROVER), Role.OPERATOR, "SkipCompensation")
    with pytest.raises(NotAllowed, match=r"^you are known, but have no role; GetSaga needs viewer$"):
        refuse_without_role(subject(), Role.VIEWER, "GetSaga")


@pytest.mark.parametrize(
    ("narrowed", "covers"),
    [
        ({}, True),
        ({"definitions": frozenset({"place_order"})}, True),
        ({"definitions": frozenset({"book_trip"})}, False),
        ({"attributes": (("tenant", "acme"),)}, True),
        ({"attributes": (("tenant", "acme"), ("region", "eu"))}, True),
        ({"attributes": (("tenant", "other"),)}, False),
        ({"attributes": (("shop", "acme"),)}, False),
        ({"definitions": frozenset({"book_trip"}), "attributes": (("tenant", "acme"),)}, False),
    ],
    ids=str,
)
def test_a_narrowed_subject_covers_the_sagas_that_have_all_of_it(narrowed: dict[str, object], *, covers: bool) -> None:
    found = subject(Role.VIEWER, **narrowed)

    assert found.covers("place_order", (("region", "eu"), ("tenant", "acme"))) is covers


def test_nobody_calls_where_nothing_was_called() -> None:
    with pytest.raises(LookupError):
        Context().run(current)


async def test_without_any_way_to_be_known_nobody_is_known() -> None:
    for authorization in ("", "Bearer saga_x", "Bearer a.b.c"):
        with pytest.raises(NotAuthenticated):
            await Authentication().subject(Credentials(authorization, (), "peer"))


def test_credentials_are_shown_without_the_token() -> None:
    assert "secret" not in f"{Credentials('Bearer secret', (), 'peer')!r} {Credentials('Bearer secret', (), 'peer')}"


async def test_a_source_that_fails_in_a_way_that_nobody_thought_of_does_not_end_the_rotation_of_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looked, twice = [0], asyncio.Event()
    loop = asyncio.get_running_loop()

    class Failing:
        def refresh(self) -> None:
            raise RecursionError("too deep")

    class Counting:
        def refresh(self) -> None:
            looked[0] += 1
            if looked[0] == 2:
                loop.call_soon_threadsafe(twice.set)

    monkeypatch.setattr("orchestrator.access.authentication._LOOK_SECONDS", 0.0)
    keeping = asyncio.ensure_future(Authentication(Failing(), Counting()).keep_fresh())  # type: ignore[arg-type]
    await twice.wait()
    keeping.cancel()

    assert "stays in force" in caplog.text
