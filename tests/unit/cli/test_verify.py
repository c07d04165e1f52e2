"""Before a deploy: ``orchestrator verify`` and ``orchestrator export``."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.journal.export import read_journal
from orchestrator.journal.fold import fold
from orchestrator.store.sqlite.journal import SqliteJournal
from tests.support.journals import Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orchestrator.journal.entries import Entry

    Orchestrator = Callable[..., Any]

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden"
ENDED = GOLDEN / "place_order_v1_completed.json"


def saga(number: int) -> str:
    """The id of another order, as long as that of the golden ones."""
    return f"0198c0de-0000-7000-8000-{number:012}"


def renamed(entries: Iterable[Entry], saga_id: str) -> list[Entry]:
    """The same journal of another order."""
    return [entry._replace(**dict(_renamed(entry, saga_id))) for entry in entries]


def _renamed(entry: Entry, saga_id: str) -> Iterator[tuple[str, Any]]:
    for name, value in entry._asdict().items():
        if isinstance(value, bytes):
            yield name, value.replace(saga(1).encode(), saga_id.encode())


def journal_of(path: Path, sagas: dict[str, list[Entry]]) -> str:
    """A journal that holds these sagas, each where its entries end; how it is named."""

    async def write() -> None:
        journal = await SqliteJournal.open(path)
        for saga_id, entries in sagas.items():
            state = fold(saga_id, entries)
            writer = Writing(journal, saga_id)
            await writer.start(entries[0])
            assert state.status is not None
            await writer.write(*entries[1:], status=state.status, ended_at=state.ended_at)
        await journal.close()

    asyncio.run(write())
    return f"sqlite:{path}"


@pytest.fixture
def entries() -> list[Entry]:
    """The journal of an order that went well."""
    return list(read_journal(ENDED.read_text()).entries)


@pytest.fixture
def journal(tmp_path: Path, entries: list[Entry]) -> str:
    """A journal with a saga under way, one that is suspended and one that has ended."""
    stopped = read_journal((GOLDEN / "place_order_v1_stopped_after_pivot.json").read_text()).entries
    sagas = {saga(1): entries[:9], saga(2): renamed(stopped, saga(2)), saga(3): renamed(entries, saga(3))}
    return journal_of(tmp_path / "state" / "journal.db", sagas)


@pytest.fixture
def edited(tmp_path: Path) -> str:
    """A module in which place_order v1 was edited in place: it asks for the price before the stock."""
    text = (ROOT / "orchestrator" / "shop" / "place_order.py").read_text()
    first = text.index("    stock = await")
    second = text.index("    price = await")
    third = text.index("    return Reserved(")
    swapped = text[:first] + text[second:third].replace("country=order.ship_to.country", 'country="DE"')
    (tmp_path / "edited_sagas.py").write_text(swapped + text[first:second] + text[third:])
    return "edited_sagas"


def test_the_code_that_wrote_a_journal_does_not_diverge_from_the_journal(
    orchestrator: Orchestrator, journal: str
) -> None:
    answer = orchestrator("verify", "--journal", journal)

    assert answer.code == 0, answer.out
    assert answer.out == "2 journals verified: all in line\n"


def test_a_saga_that_was_edited_in_place_is_reported_with_both_sides(
    orchestrator: Orchestrator, journal: str, edited: str
) -> None:
    answer = orchestrator("verify", "--journal", journal, "--sagas", edited)

    assert answer.code == 1
    assert f"{saga(1)} (place_order v1, running): diverged\n" in answer.out
    assert "PricingService.PriceOrder#1: the journal holds {lines" in answer.out
    assert "the code now sends {lines" in answer.out
    assert answer.out.endswith("2 journals verified: 2 diverged\n")
    assert "tok_golden" not in answer.out


def test_a_missing_definition_is_reported(orchestrator: Orchestrator, journal: str, tmp_path: Path) -> None:
    text = (ROOT / "orchestrator" / "shop" / "place_order.py").read_text()
    (tmp_path / "newer_sagas.py").write_text(text.replace('"place_order", version=1', '"place_order", version=3'))
    answer = orchestrator("verify", "--journal", journal, "--sagas", "newer_sagas")

    assert answer.code == 1
    assert f"{saga(2)} (place_order v1, suspended): definition missing\n" in answer.out
    assert "keep it until its sagas have ended" in answer.out


def test_code_that_breaks_a_rule_is_not_run(orchestrator: Orchestrator, journal: str, tmp_path: Path) -> None:
    text = (ROOT / "orchestrator" / "shop" / "place_order.py").read_text()
    careless = text.replace("    order_id = saga_id()\n", "    order_id = saga_id()\n    open('orders').close()\n")
    (tmp_path / "careless_sagas.py").write_text(careless)
    answer = orchestrator("verify", "--journal", journal, "--sagas", "careless_sagas")

    assert answer.code == 1
    assert "not verified, because of:" in answer.err
    assert "[io-is-a-command] `open` reaches out of the saga" in answer.err


def test_exported_journals_are_verified_without_the_journal(orchestrator: Orchestrator, tmp_path: Path) -> None:
    shutil.copy(ENDED, tmp_path / "ended.json")
    answer = orchestrator("verify", "ended.json")

    assert (answer.code, answer.out) == (0, "1 journal verified: all in line\n")


def test_a_folder_of_exported_journals_is_verified_and_other_files_are_reported(
    orchestrator: Orchestrator, tmp_path: Path
) -> None:
    folder = tmp_path / "exported"
    folder.mkdir()
    shutil.copy(ENDED, folder)
    (folder / "package.json").write_text("{}")
    answer = orchestrator("verify", str(folder))

    assert answer.code == 1
    assert "package.json: unreadable\n  it is no exported journal" in answer.out
    assert answer.out.endswith("2 journals verified: 1 unreadable\n")


def test_a_missing_file_is_one_line(orchestrator: Orchestrator, tmp_path: Path) -> None:
    absent = orchestrator("verify", "nowhere.json")
    no_journal = orchestrator("verify", "--journal", f"sqlite:{tmp_path}/nowhere.db")
    in_memory = orchestrator("verify", "--journal", "memory:")

    assert (absent.code, absent.err) == (2, "error: nowhere.json: there is no such file or folder\n")
    assert no_journal.code == 1
    assert "nowhere.db cannot be opened" in no_journal.err
    assert in_memory.code == 1
    assert "lies in the process that runs" in in_memory.err


def test_an_export_is_the_journal_for_its_owner_alone(
    orchestrator: Orchestrator, journal: str, tmp_path: Path, entries: list[Entry]
) -> None:
    answer = orchestrator("export", saga(3), "--journal", journal, "-o", "exported")
    file = tmp_path / "exported" / f"{saga(3)}.json"

    assert answer.code == 0
    assert "1 journal in exported; nothing in them is masked" in answer.err
    assert read_journal(file.read_text()) == (saga(3), tuple(renamed(entries, saga(3))))
    assert file.stat().st_mode & 0o777 == 0o600


def test_all_journals_are_exported_and_verified_again(
    orchestrator: Orchestrator, tmp_path: Path, entries: list[Entry]
) -> None:
    name = journal_of(tmp_path / "journal.db", {"saga-1": entries, "saga-1/saga.fulfil#1": entries})
    exported = orchestrator("export", "--all", "--journal", name, "--out", "exported")

    assert exported.code == 0
    assert {file.name for file in (tmp_path / "exported").iterdir()} == {
        "saga-1.json",
        "saga-1%2Fsaga.fulfil%231.json",
    }
    assert orchestrator("verify", "exported").out.endswith("2 journals verified: 2 diverged\n")  # of another order


def test_a_saga_that_cannot_be_exported_is_one_line_and_code_2(orchestrator: Orchestrator, journal: str) -> None:
    nothing, both, unknown = (
        orchestrator("export", *arguments, "--journal", journal) for arguments in ((), (saga(1), "--all"), (saga(9),))
    )

    assert nothing.code == both.code == unknown.code == 2
    assert nothing.err == both.err == "error: name the sagas to export, or say --all\n"
    assert (
        unknown.err
        == f"error: there is no saga {saga(9)!r} in this journal; see: orchestrator list; or name another --journal\n"
    )


def test_the_help_warns_of_secrets_in_an_export(orchestrator: Orchestrator) -> None:
    assert "nothing of it is masked" in " ".join(orchestrator("export", "--help").out.split())


def test_the_beginning_of_an_id_is_exported_where_it_names_one(
    orchestrator: Orchestrator, tmp_path: Path, entries: list[Entry]
) -> None:
    sagas = ("order-0001", "order-0001/saga.fulfil#1", "order-0002", "parcel-7")
    name = journal_of(tmp_path / "journal.db", dict.fromkeys(sagas, entries))

    one = orchestrator("export", "order-0001", "--journal", name, "--out", "exported")
    beginning = orchestrator("export", "parcel", "--journal", name, "--out", "exported")
    several = orchestrator("export", "order-", "--journal", name, "--out", "exported")

    assert one.code == beginning.code == 0
    assert {file.name for file in (tmp_path / "exported").iterdir()} == {"order-0001.json", "parcel-7.json"}
    assert several.code == 2
    assert several.err == ("error: order- may be any of these sagas; say more of the id:\n  order-0002\n  order-0001\n")
