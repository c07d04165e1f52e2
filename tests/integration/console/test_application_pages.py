"""Pages of an application: in the console's layout, behind its door, with the role of an rpc."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from starlette.responses import PlainTextResponse, RedirectResponse

from orchestrator.access.opening import AccessSettings, open_authentication
from orchestrator.access.subject import current
from orchestrator.api.application import Application
from orchestrator.bootstrap.clock import SystemClock
from orchestrator.console.application import console_application
from orchestrator.console.application_pages import Pages, pages, pages_in
from orchestrator.console.forgery import FIELD
from orchestrator.console.live import Live
from orchestrator.console.page import Page
from orchestrator.errors import ActRefused, DefinitionError, JournalUnavailable, SagaNotFound
from tests.integration.console.conftest import form_token, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from orchestrator.console.console import Console
    from tests.integration.console.conftest import Opened

LIST, CANCEL = "saga.v1.SagaService.ListSagas", "saga.v1.SagaService.CancelSaga"
ERRORS = {
    "missing": SagaNotFound("order-1"),
    "late": ActRefused("order-1", "TOO_LATE", "saga order-1 is past its pivot"),
    "away": JournalUnavailable("the journal cannot be reached"),
    "broken": ZeroDivisionError("a secret of the inside"),
}


def toys_in(folder: Path) -> Pages:
    """The pages of an application whose templates are in this folder."""
    (folder / "templates").mkdir(parents=True)
    (folder / "static").mkdir()
    (folder / "templates" / "toys.html").write_text(
        '{% extends "base.html" %}{% block content %}<h1>{{ count }} toys of {{ subject.name }}</h1>{% endblock %}'
    )
    (folder / "static" / "toys.css").write_text("h1 { color: red }")

    @pages("/toys", title="Toys", folder=folder)
    def toy_pages(console: Console) -> Iterator[Page]:
        async def toys(request: Request) -> Response:
            return console.render(request, "toys/toys.html", count=3)

        async def put_away(request: Request) -> Response:
            form = await request.form()
            return PlainTextResponse(f"{current().name} puts {form['toy']} away")

        async def fail(request: Request) -> Response:
            raise ERRORS[request.path_params["how"]]

        yield Page("/toys", LIST, toys)
        yield Page("/toys/put-away", CANCEL, put_away, "POST")
        yield Page("/toys/fail/{how}", LIST, fail)

    return toy_pages


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Opened]:
    async with opened(tmp_path / "state", pages=[toys_in(tmp_path / "toys")]) as console:
        yield console


async def test_the_pages_of_an_application_stand_first_in_the_navigation(console: Opened) -> None:
    async with console.visitor("viewer") as visitor:
        page = (await visitor.get("/toys")).text
        assert "<h1>3 toys of viewer</h1>" in page
        assert page.index('<a href="/toys" aria-current="page">Toys</a>') < page.index('<a href="/">Overview</a>')
        assert (await visitor.get("/toys/static/toys.css")).text == "h1 { color: red }"


async def test_a_page_of_an_application_is_shown_to_nobody_unknown(console: Opened) -> None:
    async with console.visitor() as visitor:
        assert (await visitor.get("/toys")).status_code == 303
        assert (await visitor.post("/toys/put-away", data={"toy": "bear"})).status_code == 303


async def test_an_act_needs_the_role_of_its_rpc_and_says_so(console: Opened) -> None:
    async with console.visitor("viewer") as visitor:
        refused = await visitor.post("/toys/put-away", data={"toy": "bear", FIELD: await form_token(visitor)})
    assert refused.status_code == 403
    assert "You are viewer; CancelSaga needs operator" in refused.text


async def test_an_act_is_done_by_who_is_signed_in(console: Opened) -> None:
    async with console.visitor("operator") as visitor:
        done = await visitor.post("/toys/put-away", data={"toy": "bear", FIELD: await form_token(visitor)})
    assert (done.status_code, done.text) == (200, "operator puts bear away")


@pytest.mark.parametrize("forged", [{}, {FIELD: "0" * 64}, {FIELD: "of somebody else"}])
async def test_a_form_without_the_callers_own_token_is_refused(console: Opened, forged: dict[str, str]) -> None:
    async with console.visitor("admin") as admin, console.visitor("operator") as visitor:
        if forged.get(FIELD) == "of somebody else":
            forged = {FIELD: await form_token(admin)}
        refused = await visitor.post("/toys/put-away", data={"toy": "bear", **forged})
    assert refused.status_code == 403
    assert "load its page again" in refused.text


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", ""])
async def test_a_form_from_another_site_is_refused_even_with_the_token(console: Opened, origin: str) -> None:
    async with console.visitor("operator") as visitor:
        form = {"toy": "bear", FIELD: await form_token(visitor)}
        refused = await visitor.post("/toys/put-away", data=form, headers={"origin": origin})
    assert refused.status_code == 403


async def test_a_form_that_is_too_large_is_refused(console: Opened) -> None:
    async with console.visitor("operator") as visitor:
        form = {"toy": "b" * 1024 * 1024, FIELD: await form_token(visitor)}
        assert (await visitor.post("/toys/put-away", data=form)).status_code == 400


@pytest.mark.parametrize(
    ("how", "status", "told"),
    [
        ("missing", 404, "There is no saga &#39;order-1&#39;"),
        ("late", 409, "past its pivot"),
        ("away", 503, "The journal cannot be reached"),
        ("broken", 500, "Something went wrong"),
    ],
)
async def test_an_error_is_a_page_with_its_reason(console: Opened, how: str, status: int, told: str) -> None:
    async with console.visitor("viewer") as visitor:
        answer = await visitor.get(f"/toys/fail/{how}")
    assert answer.status_code == status
    assert told in answer.text
    assert "a secret of the inside" not in answer.text


def of_one(page: Page, prefix: str = "/toys") -> Pages:
    return Pages(prefix, "Toys", Path(), lambda _: [page])


async def answer(_: Any) -> Response:  # noqa: ANN401 - it is never asked
    return RedirectResponse("/")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (of_one(Page("/toys", "saga.v1.SagaService.PlaySaga", answer)), "there is no rpc saga.v1.SagaService.PlaySaga"),
        (of_one(Page("/toys", "shop.payment.v1.PaymentService.CapturePayment", answer)), "does not say who may call"),
        (of_one(Page("/dolls", LIST, answer)), "/dolls is not below /toys"),
        (of_one(Page("/sign-in", LIST, answer), "/static"), "/static is taken"),
    ],
)
def test_pages_that_nobody_could_be_kept_from_are_not_served(tmp_path: Path, wrong: Pages, told: str) -> None:
    sagas, clock = cast("Any", None), SystemClock()
    application = Application(sagas, sagas, clock, sagas)
    folder = AccessSettings(tmp_path)
    with pytest.raises(DefinitionError, match=told):
        console_application(application, sagas, open_authentication(folder, clock.now), Live(clock), pages=[wrong])


def test_a_prefix_is_one_word() -> None:
    for wrong in ("toys", "/", "/toys/bears", "/to ys"):
        with pytest.raises(DefinitionError):
            pages(wrong, title="Toys", folder=Path())


def test_the_pages_of_a_module_are_found_once(tmp_path: Path) -> None:
    import types  # noqa: PLC0415 - one test alone needs it

    module, toys = types.ModuleType("toys"), toys_in(tmp_path)
    module.one = module.other = toys  # type: ignore[attr-defined]
    assert list(pages_in([module])) == [toys]
