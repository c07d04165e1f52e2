"""Opens the store that a URL names. Which stores there are is said here, and nowhere else.

A store is imported once it is named: so no process needs what the other stores stand on.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.errors import SettingsError
from orchestrator.store.frozen_note import FrozenFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from orchestrator.ports.findings import Finding
    from orchestrator.ports.frozen_note import FrozenNote
    from orchestrator.ports.journal import Committed, Journal, JournalReader


async def open_store(
    url: str, now: Callable[[], int] = time.time_ns, listen: str = "", committed: Committed | None = None
) -> Journal:
    """The store that is named, to be written by this process.

    Args:
        url: a scheme, and where the store is, such as ``sqlite:<path>``.
        now: the time by which a store without a clock of its own judges leases; nanoseconds since the epoch, UTC.
        listen: another way to the same store, on which to hear of other processes; empty for that of ``url``.
        committed: is told of each transaction of a store that has transactions.

    Raises:
        SettingsError: no store is named so, or nobody can be heard of there.
        JournalUnavailable: it cannot be opened, or another process has it for itself.
    """
    store, place = _named(url)
    refuse_unheard(url, listen)
    return await store.open(place, now, listen, committed)


async def open_reader(url: str) -> JournalReader:
    """The store that is named, beside the orchestrators that have it: nothing is locked or written.

    Args:
        url: as for :func:`open_store`.

    Raises:
        SettingsError: no store is named so, or it cannot be reached from another process.
        JournalUnavailable: it cannot be opened.
    """
    store, place = _named(url)
    return await store.open_reader(place)


def refuse_missing(url: str) -> None:
    """Check that a store is there, before opening it would make it.

    Raises:
        SettingsError: no store is named so, or its file is not there.
    """
    store, place = _named(url)
    if store.is_file and not Path(place).is_file():
        raise SettingsError(f"there is no journal {place}")


def frozen_note(url: str) -> FrozenNote:
    """The note of the sagas that kept the event loop to themselves, which lies beside the store.

    Args:
        url: as for :func:`open_store`.

    Raises:
        SettingsError: no store is named so.
    """
    store, place = _named(url)
    return store.note(place)


async def schema_of(url: str, *, apply: bool) -> StoreSchema:
    """Which migrations a store has, and which are missing.

    Args:
        url: as for :func:`open_store`.
        apply: bring it up to date first; those that are missing are then those that were.

    Raises:
        SettingsError: no store is named so, or it has no schema.
        JournalUnavailable: it cannot be opened, or a newer version of this program made it.
    """
    store, place = _named(url)
    return await store.schema(place, apply)


async def examine_store(url: str) -> list[Finding]:
    """What is wrong with a store, or will be, and what is fine. Nothing is locked or written.

    Args:
        url: as for :func:`open_store`.

    Raises:
        SettingsError: no store is named so.
    """
    store, place = _named(url)
    return await store.examine(place)


def default_url(folder: Path) -> str:
    """The store that an orchestrator has which is told of none: a file in this folder."""
    return f"sqlite:{folder / 'orchestrator.db'}"


def known_urls() -> str:
    """What :func:`open_store` takes, in words, such as ``sqlite:<path> or memory:``."""
    *others, last = (f"{scheme}:{store.place}" for scheme, store in _STORES.items())
    return f"{', '.join(others)} or {last}"


def is_known(url: str) -> bool:
    """Whether some store is named so. Whether it can be opened, opening tells."""
    scheme, colon, place = url.partition(":")
    store = _STORES.get(scheme)
    if store is None or not colon or bool(place) != bool(store.place):
        return False
    return not store.begins or (place.startswith(store.begins) and place != store.begins)


def refuse_unshared(url: str, processes: int) -> None:
    """Check that a store can be had by so many processes at once.

    Raises:
        SettingsError: no store is named so, or it belongs to one process.
    """
    store, _ = _named(url)
    if processes > 1 and not store.shared:
        shared = " or ".join(f"{scheme}:{each.place}" for scheme, each in _STORES.items() if each.shared)
        raise SettingsError(
            f"ORCHESTRATOR_PROCESSES: {processes} processes need a journal that they share, and {url} belongs to one; "
            f"set ORCHESTRATOR_JOURNAL={shared} (`orchestrator journal copy` moves what is in a file), "
            "or start one process"
        )


def refuse_unheard(url: str, listen: str) -> None:
    """Check that another way, on which to hear of other processes, can lead to the same store.

    Args:
        url: as for :func:`open_store`.
        listen: as there.

    Raises:
        SettingsError: one of the two names no store, or not such a one.
    """
    if not listen:
        return
    store, _ = _named(url)
    listened, _ = _named(listen)
    if listened is not store or not store.shared:
        shared = " or ".join(f"{scheme}:{each.place}" for scheme, each in _STORES.items() if each.shared)
        raise SettingsError(
            f"ORCHESTRATOR_JOURNAL_LISTEN: expected {shared}, another way to the store of ORCHESTRATOR_JOURNAL, "
            "for a journal that processes share"
        )


class StoreSchema(NamedTuple):
    """What a store has of the migrations that this program knows.

    Attributes:
        version: the number of the newest that it had, 0 for none.
        known: the number of the newest that this program knows.
        missing: the names of those that it did not have, in order.
    """

    version: int
    known: int
    missing: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Store:
    """How the stores of one scheme are opened; each function takes what follows the scheme's colon.

    Attributes:
        place: what follows the colon, for messages; empty where nothing may.
        begins: with what it begins.
        shared: whether several processes may have it at once.
        is_file: what follows the colon is the path of a file.
        open: see :func:`open_store`.
        open_reader: see :func:`open_reader`.
        note: see :func:`frozen_note`.
        schema: see :func:`schema_of`.
        examine: see :func:`examine_store`.
    """

    place: str
    open: Callable[[str, Callable[[], int], str, Committed | None], Awaitable[Journal]]
    open_reader: Callable[[str], Awaitable[JournalReader]]
    note: Callable[[str], FrozenNote]
    schema: Callable[[str, bool], Awaitable[StoreSchema]]
    examine: Callable[[str], Awaitable[list[Finding]]]
    begins: str = ""
    shared: bool = False
    is_file: bool = False


def _named(url: str) -> tuple[_Store, str]:
    if not is_known(url):
        raise SettingsError(f"no store is named {url!r}; a store is {known_urls()}")
    scheme, _, place = url.partition(":")
    return _STORES[scheme], place


async def _open_sqlite(place: str, now: Callable[[], int], _listen: str, committed: Committed | None) -> Journal:
    from orchestrator.store.sqlite.journal import SqliteJournal  # noqa: PLC0415 - see above

    return await SqliteJournal.open(Path(place), now, committed)


async def _read_sqlite(place: str) -> JournalReader:
    from orchestrator.store.sqlite.reading import SqliteReader  # noqa: PLC0415 - see above

    return SqliteReader.beside(Path(place))


async def _schema_of_sqlite(place: str, apply: bool) -> StoreSchema:
    from orchestrator.store.sqlite.database import migration_names, version_of  # noqa: PLC0415 - see above
    from orchestrator.store.sqlite.journal import SqliteJournal  # noqa: PLC0415 - see above

    version, names = version_of(Path(place)), migration_names()
    if apply:
        await (await SqliteJournal.open(Path(place))).close()
    return StoreSchema(version, len(names), names[version:])


async def _examine_sqlite(place: str) -> list[Finding]:
    from orchestrator.store.sqlite.examining import examine  # noqa: PLC0415 - see above

    return examine(Path(place))


def _note_beside_file(place: str) -> FrozenNote:
    return FrozenFile(Path(place))


async def _open_postgres(place: str, _now: Callable[[], int], listen: str, committed: Committed | None) -> Journal:
    with _driver():
        from orchestrator.store.postgres.journal import PostgresJournal  # noqa: PLC0415 - see above

    return await PostgresJournal.open(f"postgresql:{place}", listen, committed)


async def _read_postgres(place: str) -> JournalReader:
    with _driver():
        from orchestrator.store.postgres.reading import PostgresReader  # noqa: PLC0415 - see above

    return await PostgresReader.beside(f"postgresql:{place}")


async def _schema_of_postgres(place: str, apply: bool) -> StoreSchema:
    with _driver():
        from orchestrator.store.postgres.schema import look_at  # noqa: PLC0415 - see above

    found, known = await look_at(f"postgresql:{place}", apply=apply)
    return StoreSchema(found.version, len(known), [migration.name for migration in known[found.version :]])


async def _examine_postgres(place: str) -> list[Finding]:
    with _driver():
        from orchestrator.store.postgres.examining import examine  # noqa: PLC0415 - see above

    return await examine(f"postgresql:{place}")


def _note_in_database(place: str) -> FrozenNote:
    with _driver():
        from orchestrator.store.postgres.note import FrozenTable  # noqa: PLC0415 - see above

    return FrozenTable(f"postgresql:{place}")


@contextmanager
def _driver() -> Iterator[None]:
    """Within, what is not installed is told as what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"the store postgresql: needs {error.name}: pip install 'saga-orchestrator[postgres]'"
        ) from None


async def _open_memory(_place: str, now: Callable[[], int], _listen: str, _committed: Committed | None) -> Journal:
    from orchestrator.store.memory import MemoryJournal  # noqa: PLC0415 - see above

    return MemoryJournal(now)


async def _read_memory(_place: str) -> JournalReader:
    raise SettingsError("the store memory: lies in the process that runs; name one that others can read: sqlite:<path>")


async def _no_schema(_place: str, _apply: bool) -> StoreSchema:
    raise SettingsError("the store memory: has no schema; name one that lasts: sqlite:<path>")


async def _examine_memory(_place: str) -> list[Finding]:
    from orchestrator.ports.findings import warning  # noqa: PLC0415 - see above

    what = "the store memory: lies in the process that runs, and nothing of it survives that process"
    return [warning("journal", what, "name one that lasts: sqlite:<path>")]


def _no_note(_place: str) -> FrozenNote:
    return FrozenFile(None)


_STORES: Final = {
    "sqlite": _Store(
        "<path>", _open_sqlite, _read_sqlite, _note_beside_file, _schema_of_sqlite, _examine_sqlite, is_file=True
    ),
    "postgresql": _Store(
        "//<host>/<database>",
        _open_postgres,
        _read_postgres,
        _note_in_database,
        _schema_of_postgres,
        _examine_postgres,
        begins="//",
        shared=True,
    ),
    "memory": _Store("", _open_memory, _read_memory, _no_note, _no_schema, _examine_memory),
}
