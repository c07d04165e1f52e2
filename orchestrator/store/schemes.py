"""Which stores there are, by the schemes of their URLs, and how those of each are opened.

A store is imported once it is named: so no process needs what the other stores stand on.
"""

from __future__ import annotations

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
class NamedStore:
    """How the stores of one scheme are opened; each function takes what follows the scheme's colon.

    Attributes:
        place: what follows the colon, for messages; empty where nothing may.
        begins: with what it begins.
        shared: whether several processes may have it at once.
        is_file: what follows the colon is the path of a file.
        open: see :func:`~orchestrator.store.opening.open_store`.
        open_reader: see :func:`~orchestrator.store.opening.open_reader`.
        note: see :func:`~orchestrator.store.opening.frozen_note`.
        schema: see :func:`~orchestrator.store.opening.schema_of`.
        examine: see :func:`~orchestrator.store.opening.examine_store`.
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
    from orchestrator.store.memory.journal import MemoryJournal  # noqa: PLC0415 - see above

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


STORES: Final = {
    "sqlite": NamedStore(
        "<path>", _open_sqlite, _read_sqlite, _note_beside_file, _schema_of_sqlite, _examine_sqlite, is_file=True
    ),
    "postgresql": NamedStore(
        "//<host>/<database>",
        _open_postgres,
        _read_postgres,
        _note_in_database,
        _schema_of_postgres,
        _examine_postgres,
        begins="//",
        shared=True,
    ),
    "memory": NamedStore("", _open_memory, _read_memory, _no_note, _no_schema, _examine_memory),
}
