"""Opens the store that a URL names, or examines it. Which stores there are, the schemes say."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import SettingsError
from orchestrator.store.schemes import STORES

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.ports.findings import Finding
    from orchestrator.ports.frozen_note import FrozenNote
    from orchestrator.ports.journal import Committed, Journal, JournalReader
    from orchestrator.store.schemes import NamedStore, StoreSchema


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
    *others, last = (f"{scheme}:{store.place}" for scheme, store in STORES.items())
    return f"{', '.join(others)} or {last}"


def is_known(url: str) -> bool:
    """Whether some store is named so. Whether it can be opened, opening tells."""
    scheme, colon, place = url.partition(":")
    store = STORES.get(scheme)
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
        raise SettingsError(
            f"ORCHESTRATOR_PROCESSES: {processes} processes need a journal that they share, and {url} belongs to one; "
            f"set ORCHESTRATOR_JOURNAL={_shared_urls()} (`orchestrator journal copy` moves what is in a file), "
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
        raise SettingsError(
            f"ORCHESTRATOR_JOURNAL_LISTEN: expected {_shared_urls()}, another way to the store of "
            "ORCHESTRATOR_JOURNAL, for a journal that processes share"
        )


def _named(url: str) -> tuple[NamedStore, str]:
    if not is_known(url):
        raise SettingsError(f"no store is named {url!r}; a store is {known_urls()}")
    scheme, _, place = url.partition(":")
    return STORES[scheme], place


def _shared_urls() -> str:
    return " or ".join(f"{scheme}:{store.place}" for scheme, store in STORES.items() if store.shared)
