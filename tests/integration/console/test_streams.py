"""What an open page is told while somebody looks at it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orchestrator.console import streams
from orchestrator.console.application_pages import Pages, pages
from orchestrator.console.page import Page
from orchestrator.errors import JournalUnavailable
from tests.integration.console.conftest import following, opened
from tests.support.served import entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console
    from tests.integration.console.conftest import Opened

LIST = "saga.v1.SagaService.ListSagas"


class Counter:
    """What a page shows, and how often it was asked for."""

    def __init__(self) -> None:
        self.number = 1
        self.asked = 0
        self.first = asyncio.Event()
        self.away = False
        self.changed = asyncio.Event()

    async def view(self) -> Mapping[str, int]:
        self.asked += 1
        self.first.set()
        if self.away:
            raise JournalUnavailable("the journal cannot be reached")
        return {"number": self.number}

    async def changes(self) -> AsyncIterator[None]:
        while True:
            await self.changed.wait()
            self.changed.clear()
            yield None

    def become(self, number: int) -> None:
        self.number = number
        self.changed.set()

    def pages(self, folder: Path) -> Pages:
        (folder / "templates").mkdir(parents=True)
        (folder / "static").mkdir()
        page = '{% extends "live.html" %}{% block live %}{% include "toys/count_live.html" %}{% endblock %}'
        (folder / "templates" / "count.html").write_text(page)
        (folder / "templates" / "count_live.html").write_text("<p>{{ number }}\ntoys</p>")

        @pages("/toys", title="Toys", folder=folder)
        def toy_pages(console: Console) -> Iterator[Page]:
            async def count(request: Request) -> Response:
                return await console.show(request, "toys/count", self.view, changes=self.changes, seconds=3600)

            yield Page("/toys", LIST, count)

        return toy_pages


SHOWN = ["data: <p>1", "data: toys</p>"]


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
async def console(tmp_path: Path, counter: Counter) -> AsyncIterator[Opened]:
    async with opened(tmp_path / "state", pages=[counter.pages(tmp_path / "toys")]) as console:
        yield console


async def test_a_page_can_be_read_without_its_stream(console: Opened) -> None:
    async with console.visitor("viewer") as visitor:
        page = (await visitor.get("/toys?of=today")).text
    assert "<p>1\ntoys</p>" in page
    assert 'sse-connect="/toys?of=today"' in page


async def test_a_stream_tells_what_there_is_and_then_each_change(console: Opened, counter: Counter) -> None:
    async with console.visitor("viewer") as visitor, following(visitor, "/toys") as events:
        assert await anext(events) == ["retry: 2000"]
        event, identity, *data = await anext(events)
        assert (event, data) == ("event: shown", SHOWN)
        assert identity.startswith("id: ")
        counter.become(2)
        assert (await anext(events))[2:] == ["data: <p>2", "data: toys</p>"]


async def test_who_comes_back_is_told_only_what_has_changed_since(tmp_path: Path, console: Opened) -> None:
    """Also of another console, as after a restart: the id is of what is shown."""
    async with console.visitor("viewer") as visitor, following(visitor, "/toys") as events:
        await anext(events)
        version = (await anext(events))[1].removeprefix("id: ")
    after = Counter()
    async with (
        opened(tmp_path / "after", pages=[after.pages(tmp_path / "toys after")]) as again,
        again.visitor("viewer") as visitor,
        following(visitor, "/toys", last_event_id=version) as events,
    ):
        await anext(events)
        await after.first.wait()
        after.become(2)
        assert (await anext(events))[2:] == ["data: <p>2", "data: toys</p>"]


async def test_many_who_look_at_the_same_ask_the_engine_once(console: Opened, counter: Counter) -> None:
    async with console.visitor("viewer") as visitor:

        async def look() -> None:
            async with following(visitor, "/toys") as events:
                await anext(events)
                assert (await anext(events))[2:] == SHOWN

        await asyncio.gather(*(look() for _ in range(20)))
    assert counter.asked == 1


async def test_what_one_role_is_shown_is_not_shown_to_another(console: Opened, counter: Counter) -> None:
    async with (
        console.visitor("viewer") as one,
        console.visitor("operator") as other,
        following(one, "/toys") as of_one,
        following(other, "/toys") as of_other,
    ):
        for events in (of_one, of_other):
            await anext(events)
            await anext(events)
    assert counter.asked == 2


async def test_while_the_journal_is_away_the_page_says_so_and_then_goes_on(console: Opened, counter: Counter) -> None:
    async with console.visitor("viewer") as visitor, following(visitor, "/toys") as events:
        await anext(events)
        await anext(events)
        counter.away = True
        counter.changed.set()
        assert await anext(events) == ["event: trouble", "data: the journal cannot be reached"]
        counter.away = False
        counter.become(2)
        assert await anext(events) == ["event: trouble", "data: "]
        assert (await anext(events))[2:] == ["data: <p>2", "data: toys</p>"]


async def test_a_quiet_stream_shows_that_it_lives(console: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.01)
    async with console.visitor("viewer") as visitor, following(visitor, "/toys") as events:
        while await anext(events) != [": heartbeat"]:
            pass


async def test_a_stream_ends_when_its_caller_is_not_trusted_any_more(
    console: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.05)
    async with console.visitor("viewer") as visitor, following(visitor, "/toys") as events:
        await anext(events)
        console.subjects.write_text(entry("admin"))
        last = [lines async for lines in events][-1]
    assert last[0] == "event: signed-out"


async def test_an_open_page_does_not_hold_up_the_end_of_the_process(console: Opened) -> None:
    async with console.visitor("viewer") as visitor, following(visitor, "/toys") as events:
        await anext(events)
        await anext(events)
        async with asyncio.timeout(10):
            await console.server.drain(3600)
            assert [lines async for lines in events] == []
