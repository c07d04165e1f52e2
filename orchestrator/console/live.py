r"""The part of a page that changes while somebody looks at it: made once, for all who look at the same.

Purpose: open pages cost the sagas next to nothing, however many they are. Invariant: every reader is shown the latest
state, or what they have already; what was between is left out.

::

    page ──looks──▶ source of its topic ──made again, if it is due──▶ other text than before? ──▶ all who look
    page ──looks──▶   (one task)                 ▲
                                                 │
                      a change that the topic names, or a second later; later still where making it took long

Two pages look at the same where their addresses are the same, and what their callers may see and do is the same. All
sources together may take one fiftieth of the time: where there are many, each is made less often.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.access.subject import current
from orchestrator.errors import OrchestratorError, Overloaded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator

    from orchestrator.ports.clock import Clock

_log = logging.getLogger(__name__)

_SHARE: Final = 0.02
"""Of the loop's time, for all sources."""

_PAUSE_SECONDS: Final = 0.2
"""The least between two texts of one source."""

_LONGEST_PAUSE_SECONDS: Final = 30.0

Changes = "Callable[[], AsyncIterator[object]]"


class Topic(NamedTuple):
    """What an open page shows.

    Attributes:
        name: of what is shown: the address of the page.
        make: makes its text, as the caller may see it.
        changes: tells that it has to be made again; ``None`` where only time does.
        seconds: after how long it is made again though nothing was told.
    """

    name: str
    make: Callable[[], Awaitable[str]]
    changes: Callable[[], AsyncIterator[object]] | None = None
    seconds: float = 1.0


class Seen(NamedTuple):
    """What there is to be seen of a topic.

    Attributes:
        text: the latest; empty before the first.
        version: of the text: the same text has the same one, at every replica and after a restart.
        trouble: why there is no newer text; empty where that is the latest.
    """

    text: str = ""
    version: str = ""
    trouble: str = ""


@dataclass(slots=True)
class _Source:
    """Makes the text of a topic for its readers."""

    topic: Topic
    seen: Seen = field(default_factory=Seen)
    readers: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def tell(self, seen: Seen) -> None:
        if seen != self.seen:
            self.seen = seen
            self.wake()

    def wake(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


class Live:
    """What all open pages show.

    Args:
        clock: how time passes.
        most: how many pages may be open.

    Attributes:
        readers: how many pages are open.
        ended: no page is to be shown anything more: the process is about to end.
    """

    def __init__(self, clock: Clock, most: int = 256) -> None:
        self.readers = 0
        self.ended = False
        self._clock = clock
        self._most = most
        self._sources: dict[Hashable, _Source] = {}

    async def read(self, topic: Topic, heartbeat: float) -> AsyncIterator[Seen | None]:
        """What there is to be seen, then each time that it is different; ``None`` after so many seconds without that.

        Raises:
            Overloaded: too many pages are open.
        """
        with self._one_more(topic) as source:
            seen = Seen()
            while not self.ended:
                news = source.news
                if source.seen != seen:
                    seen = source.seen
                    yield seen
                    continue
                try:
                    async with asyncio.timeout(heartbeat):
                        await news.wait()
                except TimeoutError:
                    yield None

    def end(self) -> None:
        """Let all pages go."""
        self.ended = True
        for source in self._sources.values():
            source.wake()

    @contextlib.contextmanager
    def _one_more(self, topic: Topic) -> Iterator[_Source]:
        if self.readers >= self._most:
            raise Overloaded("TOO_MANY_PAGES", f"{self.readers} pages of this replica are open; close some")
        key = (topic.name, *_reach())
        source = self._sources.get(key)
        if source is None:
            source = self._sources[key] = _Source(topic)
            source.tasks.append(asyncio.create_task(self._make(source)))
            if topic.changes is not None:
                source.tasks.append(asyncio.create_task(_follow(source, topic.changes)))
        source.readers += 1
        self.readers += 1
        try:
            yield source
        finally:
            source.readers -= 1
            self.readers -= 1
            if not source.readers:
                del self._sources[key]
                for task in source.tasks:
                    task.cancel()

    async def _make(self, source: _Source) -> None:
        while True:
            source.changed.clear()
            began = time.perf_counter()
            source.tell(await _made(source))
            took = time.perf_counter() - began
            pause = min(max(_PAUSE_SECONDS, took * len(self._sources) / _SHARE), _LONGEST_PAUSE_SECONDS)
            await self._clock.sleep(pause)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, source.topic.seconds - pause)):
                    await source.changed.wait()


async def _made(source: _Source) -> Seen:
    try:
        text = await source.topic.make()
    except OrchestratorError as error:
        return source.seen._replace(trouble=str(error))
    except Exception:  # noqa: BLE001 - who looks is told, whatever it was
        _log.exception("the live part of %s cannot be made", source.topic.name)
        return source.seen._replace(trouble="this cannot be shown now; the log of the orchestrator tells more")
    return Seen(text, hashlib.sha256(text.encode()).hexdigest()[:16])


async def _follow(source: _Source, changes: Callable[[], AsyncIterator[object]]) -> None:
    # What cannot be followed is made again after a while all the same.
    with contextlib.suppress(OrchestratorError):
        async for _ in changes():
            source.changed.set()


def _reach() -> tuple[Hashable, ...]:
    """What the caller may see and do."""
    subject = current()
    return subject.roles, subject.definitions, subject.attributes
