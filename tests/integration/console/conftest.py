"""A console over real HTTP, in front of a replica whose participants are mocks."""

from __future__ import annotations

import asyncio
import contextlib
import re
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import httpx2
import pytest

from orchestrator.access.facades import Facades, narrowed
from orchestrator.access.opening import AccessSettings, open_authentication
from orchestrator.api.application import Application
from orchestrator.api.openapi.document import description
from orchestrator.api.over_http.door import HttpApi
from orchestrator.api.server import MOST_BYTES
from orchestrator.api.starts import Starts
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.console.opening import ConsoleSettings, open_console
from orchestrator.errors import DefinitionError
from orchestrator.journal.four_eyes import ONE_PERSON
from orchestrator.store.memory.journal import MemoryJournal
from tests.integration.api.conftest import Mocks, serving
from tests.support.served import subjects_of_every_role, token_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence
    from pathlib import Path

    import grpc.aio

    from orchestrator.console.application_pages import Pages
    from orchestrator.console.server import ConsoleServer
    from orchestrator.journal.four_eyes import FourEyes
    from tests.integration.api.conftest import Api, Definition

FORGERY: Final = re.compile(r'name="forgery-token" content="([0-9a-f]+)"')


class Opened(NamedTuple):
    """The console, and what is behind it.

    Attributes:
        server: of the console.
        api: of the same replica.
        subjects: the file that names who may do what.
    """

    server: ConsoleServer
    api: Api
    subjects: Path

    @property
    def address(self) -> str:
        return self.server.address

    def caller(self, name: str = "", **headers: str) -> httpx2.AsyncClient:
        """A program of the subject of this name, which is a role; without a name, of nobody."""
        said = {"authorization": f"Bearer {token_of(name)}"} if name else {}
        return httpx2.AsyncClient(base_url=self.address, headers=said | headers)

    def visitor(self, name: str = "") -> httpx2.AsyncClient:
        """A browser of the subject of this name, which is a role; without a name, of nobody yet."""
        port = self.address.rpartition(":")[2]
        cookies = {f"orchestrator-token-{port}": token_of(name)} if name else {}
        return httpx2.AsyncClient(base_url=self.address, cookies=cookies, headers={"origin": self.address})


async def form_token(visitor: httpx2.AsyncClient) -> str:
    """The token that the forms of this visitor hold."""
    found = FORGERY.search((await visitor.get("/")).text)
    assert found
    return found[1]


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    pages: Sequence[Pages] = (),
    alone: bool = False,
    trace_url: str = "",
    others: Sequence[Definition] = (),
    more: str = "",
    four_eyes: FourEyes = ONE_PERSON,
    most_bytes: int = MOST_BYTES,
) -> AsyncIterator[Opened]:
    """A console with subjects of every role or, ``alone``, the local operator; with the pages of an application.

    Args:
        others: sagas besides ``place_order``.
        more: subjects besides those of every role.
        four_eyes: which acts need two people.
        most_bytes: the longest body that the API over HTTP takes.
    """
    clock = SystemClock()
    subjects = _written(folder, more)
    async with AsyncExitStack() as stack:
        replica = serving(MemoryJournal(clock.now), Mocks(), "test", others=others, four_eyes=four_eyes)
        api = await stack.enter_async_context(replica)
        engine = Facades(api.replica, api.replica.schedules, api.replica.bulk, api.journal, api.dead_commands)
        seen = narrowed(engine)
        application = Application(seen.sagas, Starts(seen.sagas, api.admission), clock, _nobody)
        authentication = open_authentication(AccessSettings(folder, None if alone else subjects), clock.now)
        stack.callback(asyncio.create_task(authentication.keep_fresh()).cancel)
        settings = ConsoleSettings("127.0.0.1:0", trace_url=trace_url)
        http = HttpApi(api.services, authentication, clock, most_bytes, partial(description, api.services))
        server = open_console(settings, application, seen, authentication, pages, http)
        await server.start()
        stack.push_async_callback(server.drain, 5)
        yield Opened(server, api, subjects)


def _written(folder: Path, more: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "subjects.yaml"
    file.write_text(subjects_of_every_role() + more)
    return file


def _nobody(service: str) -> grpc.aio.Channel:
    raise DefinitionError(f"nobody reaches {service} here")


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Opened]:
    async with opened(tmp_path) as console:
        yield console


@asynccontextmanager
async def following(visitor: httpx2.AsyncClient, path: str, **headers: str) -> AsyncIterator[AsyncIterator[list[str]]]:
    """The events of a page, each as its lines; comments too."""
    said = {"accept": "text/event-stream"} | {name.replace("_", "-"): value for name, value in headers.items()}
    async with visitor.stream("GET", path, headers=said, timeout=30) as answer:
        assert answer.status_code == 200
        assert answer.headers["x-accel-buffering"] == "no"
        events = _events(answer)
        async with contextlib.aclosing(events):
            yield events


async def _events(answer: httpx2.Response) -> AsyncGenerator[list[str], None]:
    lines: list[str] = []
    async for line in answer.aiter_lines():
        if line:
            lines.append(line)
        else:
            yield lines
            lines = []
