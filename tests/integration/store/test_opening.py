"""A store is chosen by the scheme of its URL, and only there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import SettingsError
from orchestrator.settings import read_settings
from orchestrator.store.opening import default_url, frozen_note, is_known, open_reader, open_store
from tests.support.journals import EVERY_ENTRY, Writing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

NO_STORES = [
    "",
    "journal.db",
    "mysql:journal.db",
    "sqlite",
    "sqlite:",
    "memory",
    "memory:journal.db",
    "SQLITE:journal.db",
    "postgresql:",
    "postgresql:orders",
    "postgresql://",
]
KNOWN = "sqlite:<path>, postgresql://<host>/<database> or memory:"


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def write_a_saga(url: str) -> None:
    journal = await open_store(url)
    await Writing(journal).start(*EVERY_ENTRY)
    await journal.close()


async def test_a_file_is_written_and_read_where_its_url_says(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/folder/journal.db"
    await write_a_saga(url)
    reader = await open_reader(url)

    assert await reader.read("saga-1") == list(EVERY_ENTRY)
    assert (tmp_path / "folder" / "journal.db").is_file()
    await reader.close()


async def test_a_path_of_a_url_may_be_relative_and_hold_colons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await write_a_saga("sqlite:a:b.db")

    assert (tmp_path / "a:b.db").is_file()


async def test_a_store_in_memory_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await write_a_saga("memory:")
    note = frozen_note("memory:")
    note.write("saga-1", "somewhere")

    assert note.read() == {}
    assert files(tmp_path) == []


async def test_a_store_in_memory_cannot_be_read_from_another_process() -> None:
    with pytest.raises(
        SettingsError, match="lies in the process that runs; name one that others can read: sqlite:<path>"
    ):
        await open_reader("memory:")


async def noted(url: str) -> object:
    return frozen_note(url)


@pytest.mark.parametrize("url", NO_STORES)
@pytest.mark.parametrize("opening", [open_store, open_reader, noted])
async def test_a_url_of_no_store_is_refused_with_those_that_there_are(
    opening: Callable[[str], Awaitable[object]], url: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        await opening(url)
    assert str(refused.value) == f"no store is named {url!r}; a store is {KNOWN}"
    assert not is_known(url)


def test_a_note_lies_beside_the_file_of_its_journal(tmp_path: Path) -> None:
    frozen_note(f"sqlite:{tmp_path}/journal.db").write("saga-1", "somewhere")

    assert files(tmp_path) == ["journal.db.frozen"]
    assert frozen_note(f"sqlite:{tmp_path}/journal.db").read() == {"saga-1": "somewhere"}


def test_a_store_is_imported_once_it_is_named() -> None:
    code = (
        "import sys\n"
        "from orchestrator.store.opening import is_known\n"
        "assert is_known('sqlite:a')\n"
        "print(sorted(name for name in sys.modules if name.startswith('orchestrator.store.') or name == 'sqlite3'))"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert told == "['orchestrator.store.frozen_note', 'orchestrator.store.opening', 'orchestrator.store.schemes']\n"


@pytest.mark.parametrize("url", [url for url in NO_STORES if url])
def test_a_journal_of_no_store_is_refused_by_the_name_of_its_variable(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_JOURNAL", url)

    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert str(refused.value) == f"ORCHESTRATOR_JOURNAL: expected {KNOWN}, not {url!r}"


@pytest.mark.parametrize("url", ["sqlite:journal.db", "memory:", "postgresql://me@db/orders?sslmode=require"])
def test_the_settings_keep_the_url_as_it_was_given(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_JOURNAL", url)

    assert read_settings().journal == url
    assert read_settings(journal="memory:").journal == "memory:"


@pytest.mark.parametrize("said", ["", None])
def test_a_journal_that_is_not_named_lies_in_the_folder_of_the_state(
    said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIR", "some/where")
    if said is None:
        monkeypatch.delenv("ORCHESTRATOR_JOURNAL", raising=False)
    else:
        monkeypatch.setenv("ORCHESTRATOR_JOURNAL", said)

    assert read_settings().journal == default_url(Path("some/where")) == "sqlite:some/where/orchestrator.db"
