"""Which route a call is of."""

from __future__ import annotations

from orchestrator.participant import Kind
from orchestrator.participant.routes import Routes

ROUTES = Routes(
    {
        ("GET", "/rooms/{id}"): Kind.QUERY,
        ("POST", "/rooms/{id}"): Kind.COMMAND,
        ("POST", "/{anything}/cancel"): Kind.RETRYABLE,
        ("POST", "/rooms/cancel"): Kind.COMPENSATION,
        ("GET", "/a.b"): Kind.QUERY,
        ("GET", "/a.b/{id}"): Kind.QUERY,
    }
)


def test_a_literal_path_comes_before_every_template() -> None:
    assert ROUTES.kind("POST", "/rooms/cancel") is Kind.COMPENSATION


def test_of_templates_the_first_that_fits_comes_first() -> None:
    assert ROUTES.kind("POST", "/rooms/1") is Kind.COMMAND
    assert ROUTES.kind("POST", "/cars/cancel") is Kind.RETRYABLE


def test_a_template_stands_for_one_whole_segment() -> None:
    assert ROUTES.kind("GET", "/rooms/1") is Kind.QUERY
    for path in ("/rooms", "/rooms/", "/rooms/1/", "/rooms/1/beds", "/a-b", "/a-b/1"):
        assert ROUTES.kind("GET", path) is None


def test_a_method_belongs_to_its_route() -> None:
    assert ROUTES.kind("DELETE", "/rooms/1") is None
