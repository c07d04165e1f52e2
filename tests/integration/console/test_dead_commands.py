"""What participants have given up, on the desk: who can have it forgotten, and what is forgotten then."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

import pytest

from orchestrator.console.forgery import FIELD
from orchestrator.errors import BrokerAway
from orchestrator.ports.dead_commands import FoundDeadCommands
from tests.integration.console.conftest import form_token
from tests.support.dead_commands import AT, INVENTORY, dead_command

if TYPE_CHECKING:
    import httpx2

    from orchestrator.ports.dead_commands import DeadCommand
    from tests.integration.console.conftest import Opened

LINK: Final = re.compile(r'href="(/desk/dead\?[^"]+)"')
FIELDS: Final = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@pytest.fixture
def letters(console: Opened) -> list[DeadCommand]:
    """Two that the inventory has given up, the latest first."""
    given_up = [dead_command("saga-2", "it <crashed>", number=2), dead_command("saga-1", at=AT - 1)]
    console.api.dead_commands.found = FoundDeadCommands({INVENTORY: 2}, given_up)
    return given_up


def left(console: Opened) -> list[str]:
    return [each.saga_id for each in console.api.dead_commands.found.newest]


async def links(visitor: httpx2.AsyncClient) -> list[str]:
    """The addresses behind the buttons of the desk: first of all of a participant, then of each command."""
    return [html.unescape(each) for each in LINK.findall((await visitor.get("/desk")).text)]


async def sent(visitor: httpx2.AsyncClient, page: str, reason: str = "counted anew") -> httpx2.Response:
    """The form of a page, as a browser without scripts sends it."""
    hidden = {name: html.unescape(value) for name, value in FIELDS.findall(page)}
    return await visitor.post("/desk/dead", data={**hidden, "reason": reason})


async def test_an_operator_has_one_command_forgotten(console: Opened, letters: list[DeadCommand]) -> None:
    async with console.visitor("operator") as visitor:
        _, of_the_latest, _ = await links(visitor)
        page = (await visitor.get(of_the_latest)).text
        done = await sent(visitor, page)

    assert letters[0].id in page
    for said in ("InventoryService.ReserveStock", "/sagas/saga-2", "it &lt;crashed&gt;", "No saga changes"):
        assert said in page
    assert (done.status_code, done.headers["location"]) == (303, "/desk")
    assert left(console) == ["saga-1"]


async def test_an_operator_has_all_forgotten_that_were_counted_and_none_that_came_since(
    console: Opened, letters: list[DeadCommand]
) -> None:
    async with console.visitor("operator") as visitor:
        of_all, *_ = await links(visitor)
        late = dead_command("saga-3", at=AT + 1, number=3)
        console.api.dead_commands.found = FoundDeadCommands({INVENTORY: 3}, [late, *letters])
        page = (await visitor.get(of_all)).text
        done = await sent(visitor, page)

    assert "What it gives up later stays." in page
    assert done.status_code == 303
    assert left(console) == ["saga-3"]


async def test_a_viewer_is_told_why_not_and_is_refused(console: Opened, letters: list[DeadCommand]) -> None:
    async with console.visitor("viewer") as visitor:
        desk = (await visitor.get("/desk")).text
        form = {"service": INVENTORY, "id": letters[0].id, "reason": "x", FIELD: await form_token(visitor)}
        answers = [await visitor.get("/desk/dead", params=form), await visitor.post("/desk/dead", data=form)]

    assert "/desk/dead" not in desk
    assert re.search(r"disabled[^>]*>Forget them</button> <small>[^<]*needs operator", desk)
    assert [each.status_code for each in answers] == [403, 403]
    assert len(left(console)) == 2


async def test_a_form_that_is_not_the_callers_own_forgets_nothing(console: Opened, letters: list[DeadCommand]) -> None:
    form = {"service": INVENTORY, "id": letters[0].id, "reason": "x", FIELD: "0" * 64}
    async with console.visitor("operator") as visitor:
        forged = await visitor.post("/desk/dead", data=form)

    assert forged.status_code == 403
    assert len(left(console)) == 2


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize(
    ("said", "status", "told"),
    [
        ({"id": "9-9", "reason": "x"}, 404, "or it is forgotten already"),
        ({"id": "9-9", "reason": " "}, 400, "say it in a sentence"),
        ({"id": "9-9", "reason": "x" * 501}, 400, "reason"),
        ({"reason": "x"}, 400, "say which command"),
        ({"until": "yesterday", "reason": "x"}, 400, "say which command"),
        ({"until": "9" * 19, "reason": "x"}, 400, "until"),
        ({"id": "1-1", "service": "x.v1.Nobody", "reason": "x"}, 404, "is reached over a queue"),
    ],
)
async def test_what_is_wrong_with_a_form_is_told_and_nothing_is_forgotten(
    console: Opened, said: dict[str, str], status: int, told: str
) -> None:
    async with console.visitor("operator") as visitor:
        form = {"service": INVENTORY, **said, FIELD: await form_token(visitor)}
        answer = await visitor.post("/desk/dead", data=form)

    assert (answer.status_code, told in html.unescape(answer.text)) == (status, True), answer.text
    assert len(left(console)) == 2


async def test_a_broker_that_is_away_is_told_on_the_page(console: Opened, letters: list[DeadCommand]) -> None:
    console.api.dead_commands.away = BrokerAway("The dead letters below far cannot be forgotten now: NATS is away")
    async with console.visitor("operator") as visitor:
        form = {"service": INVENTORY, "id": letters[0].id, "reason": "x", FIELD: await form_token(visitor)}
        answer = await visitor.post("/desk/dead", data=form)

    assert answer.status_code == 503
    assert "below far cannot be forgotten now: NATS is away" in answer.text


async def test_a_command_that_is_among_the_latest_no_more_can_still_be_asked_for(console: Opened) -> None:
    async with console.visitor("operator") as visitor:
        page = (await visitor.get("/desk/dead", params={"service": INVENTORY, "id": "7-7"})).text

    assert "It is not among the latest that were given up: <code>7-7</code>" in page
