"""Templates of paths: what they match, what they are written as, and which text is none."""

from __future__ import annotations

import pytest

from orchestrator.participant.transcoding.templates import Template, TemplateError


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("/v1/orders", "/v1/orders", {}),
        ("/v1/orders/{order_id}", "/v1/orders/17", {"order_id": "17"}),
        ("/v1/orders/{order_id}", "/v1/orders/a%20b%2Fc", {"order_id": "a b/c"}),
        ("/v1/orders/{order_id}", "/v1/orders/order:17", {"order_id": "order:17"}),
        ("/v1/orders/{order_id}:cancel", "/v1/orders/17:cancel", {"order_id": "17"}),
        ("/v1/{name=shelves/*/books/*}", "/v1/shelves/1/books/2", {"name": "shelves/1/books/2"}),
        ("/v1/{name=shelves/*}", "/v1/shelves/a%2Fb%20c", {"name": "shelves/a%2Fb c"}),
        ("/v1/{name=shelves/**}:read", "/v1/shelves/1/2:read", {"name": "shelves/1/2"}),
        ("/v1/{name=shelves/**}", "/v1/shelves", {"name": "shelves"}),
        ("/v1/{name=**}", "/v1/", {"name": ""}),
        ("/v1/{book.name}/{n}", "/v1/x/2", {"book.name": "x", "n": "2"}),
        ("/v1/*/orders", "/v1/any/orders", {}),
    ],
)
def test_a_path_gives_the_variables_of_its_template(template: str, path: str, values: dict[str, str]) -> None:
    assert Template.parse(template).match(path) == values


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/v1/orders/{order_id}", "/v1/orders/"),
        ("/v1/orders/{order_id}", "/v1/orders/1/2"),
        ("/v1/orders/{order_id}:cancel", "/v1/orders/17"),
        ("/v1/orders", "/v1/orders/"),
        ("/v1/orders/{order_id}", "/v1/orders/.."),
        ("/v1/orders/{order_id}", "/v1/orders/%2E%2e"),
        ("/v1/{name=shelves/**}", "/v1/shelves/../secrets"),
        ("/v1/{name=shelves/**}", "/v1/shelves//1"),
        ("/v1/{name=shelves/*}", "/v1/books/1"),
        ("/v1.0/orders", "/v1x0/orders"),
    ],
)
def test_another_path_does_not_fit(template: str, path: str) -> None:
    assert Template.parse(template).match(path) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("v1/orders", "slash"),
        ("/v1//orders", "cannot be read"),
        ("/", "cannot be read"),
        ("/v1/{order_id", "cannot be read"),
        ("/v1/{order id}", "cannot be read"),
        ("/v1/{a={b}}", "cannot be read"),
        ("/v1/x{a}", "cannot be read"),
        ("/v1/{a}x", "cannot be read"),
        ("/v1/**/orders", "not its last"),
        ("/v1/{a=**}/orders", "not its last"),
        ("/v1/{a}/{a}", "twice"),
    ],
)
def test_a_text_that_is_no_template_is_refused(text: str, told: str) -> None:
    with pytest.raises(TemplateError, match=told):
        Template.parse(text)


def test_a_value_is_escaped_and_keeps_its_slashes_only_where_it_has_several_segments() -> None:
    assert Template.parse("/v1/{a}:go").expand({"a": "x/y z:ü"}) == "/v1/x%2Fy%20z%3A%C3%BC:go"
    assert Template.parse("/v1/{a=x/*}").expand({"a": "x/y z"}) == "/v1/x/y%20z"


def test_a_wildcard_without_a_name_cannot_be_written() -> None:
    with pytest.raises(TemplateError, match="without a name"):
        Template.parse("/v1/*/orders").expand({})
