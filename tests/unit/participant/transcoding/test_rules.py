"""Rules: where each field of a request stands, what a server reads, and which field is named when it cannot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format, message_factory

from orchestrator.participant.transcoding import (
    HttpCall,
    Routes,
    Rule,
    RuleError,
    UnfitMessageError,
    UnreadableError,
    named,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    RuleOf = Callable[[str], Rule]


def request(rule: Rule, **fields: object) -> Any:  # noqa: ANN401 - a message of protobuf
    return json_format.ParseDict(fields, message_factory.GetMessageClass(rule.method.input_type)())


def reply(rule: Rule, **fields: object) -> Any:  # noqa: ANN401 - likewise
    return json_format.ParseDict(fields, message_factory.GetMessageClass(rule.method.output_type)())


def heard(rule: Rule, call: HttpCall) -> Any:  # noqa: ANN401 - likewise
    route = Routes([rule]).find(call.method, call.path)
    assert route is not None
    return route.binding.request(route.values, call.query, call.body)


@pytest.mark.parametrize(
    ("text", "fields", "method", "target", "body"),
    [
        ('get: "/v1/{shelf_id}"', {"shelfId": "a", "limit": 0}, "GET", "/v1/a?limit=0", None),
        ('get: "/v1/{shelf_id}"', {"shelfId": "a", "words": ["x y", "&"]}, "GET", "/v1/a?words=x%20y&words=%26", None),
        ('get: "/v1/b"', {"book": {"bookName": "x", "first": {"pageCount": 3}}}, "GET",
         "/v1/b?book.bookName=x&book.first.pageCount=3", None),
        ('get: "/v1/{book.book_name}"', {"book": {"bookName": "x"}}, "GET", "/v1/x", None),
        ('get: "/v1/{number}"', {}, "GET", "/v1/0", None),
        ('get: "/v1/{kind}"', {"kind": "KIND_POEMS"}, "GET", "/v1/KIND_POEMS", None),
        ('get: "/v1/{mark}"', {"mark": "+/8="}, "GET", "/v1/-_8%3D", None),
        ('get: "/v1/b"', {"lentAt": "2026-01-01T00:00:00Z", "isLent": True, "isOld": False}, "GET",
         "/v1/b?isLent=true&lentAt=2026-01-01T00%3A00%3A00Z&isOld=false", None),
        ('post: "/v1/{shelf_id}" body: "*"', {"shelfId": "a", "number": 7}, "POST", "/v1/a", {"number": "7"}),
        ('post: "/v1/{shelf_id}:lend" body: "*"', {"shelfId": "a"}, "POST", "/v1/a:lend", {}),
        ('put: "/v1/{shelf_id}" body: "book"', {"shelfId": "a", "book": {"kind": "KIND_NOVEL"}, "number": 7}, "PUT",
         "/v1/a?number=7", {"kind": "KIND_NOVEL"}),
        ('patch: "/v1/{book.book_name}" body: "book"', {"book": {"bookName": "x", "kind": "KIND_NOVEL"}}, "PATCH",
         "/v1/x", {"kind": "KIND_NOVEL"}),
        ('patch: "/v1/b" body: "words"', {}, "PATCH", "/v1/b", []),
        ('patch: "/v1/b" body: "anything"', {"anything": None}, "PATCH", "/v1/b", None),
        ('delete: "/v1/{shelf_id}"', {"shelfId": "a"}, "DELETE", "/v1/a", None),
        ('custom: { kind: "HEAD" path: "/v1/{shelf_id}" }', {"shelfId": "a"}, "HEAD", "/v1/a", None),
    ],
)  # fmt: skip
def test_each_field_of_a_request_stands_in_one_place_and_is_read_from_there(
    rule: RuleOf, text: str, fields: dict[str, Any], method: str, target: str, body: object
) -> None:
    compiled = rule(text)
    asked = request(compiled, **fields)
    call = compiled.call(asked)
    assert (call.method, call.target, json.loads(call.body or b"null")) == (method, target, body)
    assert heard(compiled, call).SerializeToString(deterministic=True) == asked.SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    ("text", "fields", "field"),
    [
        ('get: "/v1/{shelf_id}"', {}, "shelf_id"),
        ('get: "/v1/{shelf_id}"', {"shelfId": ".."}, "shelf_id"),
        ('get: "/v1/{shelf_id=a/*}"', {"shelfId": "b/c"}, "shelf_id"),
        ('get: "/v1/{limit}"', {}, "limit"),
        ('get: "/v1/{book.kind}"', {}, "book.kind"),
        ('get: "/v1/b"', {"book": {}}, "book"),
        ('get: "/v1/b"', {"book": {"copies": {"a": 1}}}, "book.copies"),
        ('get: "/v1/b"', {"book": {"chapters": [{}]}}, "book.chapters"),
        ('get: "/v1/b"', {"more": {"a": 1}}, "more"),
    ],
)
def test_a_request_that_its_rule_cannot_say_is_refused_by_the_name_of_the_field(
    rule: RuleOf, text: str, fields: dict[str, Any], field: str
) -> None:
    compiled = rule(text)
    with pytest.raises(UnfitMessageError) as refused:
        compiled.call(request(compiled, **fields))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("text", "target", "body", "field", "told"),
    [
        ('get: "/v1/{number}"', "/v1/x", None, "number", "x"),
        ('get: "/v1/b"', "/v1/b?nothing=1", None, "nothing", "no such field"),
        ('get: "/v1/b"', "/v1/b?book.nothing=1", None, "book.nothing", "no such field"),
        ('get: "/v1/b"', "/v1/b?number=1&number=2", None, "number", "more than once"),
        ('get: "/v1/b"', "/v1/b?isLent=yes", None, "is_lent", "true or false"),
        ('get: "/v1/b"', "/v1/b?number=99999999999999999999", None, "number", "out of range"),
        ('get: "/v1/b"', "/v1/b?kind=KIND_NEWS", None, "kind", "KIND_NEWS"),
        ('get: "/v1/b"', "/v1/b?lentAt=today", None, "lentAt", "timestamp"),
        ('get: "/v1/b"', "/v1/b?readerName=a&readerNumber=1", None, "reader_number", "beside reader_name"),
        ('get: "/v1/b"', "/v1/b?book=1", None, "book", "no form"),
        ('get: "/v1/b"', "/v1/b?number=1", b"{}", "", "a body is not taken"),
        ('get: "/v1/{number}"', "/v1/1?number=2", None, "number", "field of the path"),
        ('post: "/v1/b" body: "*"', "/v1/b?number=2", b"{}", "number", "field of the body"),
        ('post: "/v1/b" body: "*"', "/v1/b", b'{"book": {"chapters": [{}, {"pageCount": true}]}}',
         "book.chapters[1].pageCount", "Bool"),
        ('post: "/v1/b" body: "*"', "/v1/b", b'{"book": {"first": {"size": 1}}}', "book.first.size", "no such field"),
        ('post: "/v1/b" body: "*"', "/v1/b", b'{"size": 1}', "size", "no such field"),
        ('post: "/v1/b" body: "*"', "/v1/b", b'{"limit": 99999999999}', "limit", "range"),
        ('post: "/v1/b" body: "*"', "/v1/b", b'{"words": ["a", 1]}', "words[1]", ""),
        ('post: "/v1/b" body: "*"', "/v1/b", b'{"chapters": {"a": {}, "b": {"pages": 1}}}', "chapters[b]", "no field"),
        ('post: "/v1/b" body: "*"', "/v1/b", b'{"book": {"kind": "KIND_NEWS"}}', "book.kind", "KIND_NEWS"),
        ('post: "/v1/b" body: "*"', "/v1/b", b'{"readerName": "a", "readerNumber": 1}', "", "oneof"),
        ('post: "/v1/b" body: "*"', "/v1/b", b'{"words": [' + b'"a",' * 2000 + b"1]}", "", "expected string"),
        ('post: "/v1/b" body: "*"', "/v1/b", b'{"number": 1, "number": 2}', "", "more than once"),
        ('post: "/v1/b" body: "*"', "/v1/b", b"[]", "", "no JSON object"),
        ('post: "/v1/b" body: "*"', "/v1/b", b"\xff", "", "no JSON"),
        ('post: "/v1/b" body: "*"', "/v1/b", b"[" * 100_000, "", "no JSON"),
        ('post: "/v1/b" body: "*"', "/v1/b", rb'{"words": ["a", "b \ud83d"]}', "words[1]", "surrogate"),
        ('post: "/v1/b" body: "*"', "/v1/b", rb'{"book": {"\uDE00": 1}}', "book", "surrogate"),
        ('post: "/v1/b" body: "*"', "/v1/b", rb'{"more": {"a": {"\ud83d": 1}}}', "more.a", "surrogate"),
        ('post: "/v1/b" body: "*"', "/v1/b", rb'{"kind": "\ud83d"}', "kind", "surrogate"),
        ('post: "/v1/b" body: "book"', "/v1/b", rb'{"bookName": "\ud83d"}', "book.bookName", "surrogate"),
        ('post: "/v1/{number}" body: "*"', "/v1/7", b'{"number": 8}', "number", "not the same"),
        ('post: "/v1/b" body: "book"', "/v1/b?book.bookName=x", b"{}", "book.bookName", "field of the body"),
        ('post: "/v1/b" body: "book"', "/v1/b", b'{"kind": {}}', "book.kind", ""),
    ],
)  # fmt: skip
def test_a_call_that_says_no_request_is_refused_by_the_name_of_the_field(
    rule: RuleOf, text: str, target: str, body: bytes | None, field: str, told: str
) -> None:
    compiled = rule(text)
    path, _, query = target.partition("?")
    with pytest.raises(UnreadableError) as refused:
        heard(compiled, HttpCall(compiled.bindings[0].verb, path, query, body))
    assert (refused.value.field, told in refused.value.description) == (field, True), refused.value


def test_a_field_may_be_named_as_in_the_contract_or_as_in_json(rule: RuleOf) -> None:
    compiled = rule('get: "/v1/b"')
    for query in ("book.book_name=x", "book.bookName=x"):
        assert heard(compiled, HttpCall("GET", "/v1/b", query)).book.book_name == "x"


def test_the_body_may_repeat_what_the_path_says(rule: RuleOf) -> None:
    compiled = rule('patch: "/v1/{book.book_name}" body: "book"')
    assert heard(compiled, HttpCall("PATCH", "/v1/x", body=b'{"bookName": "x", "kind": 1}')).book.kind == 1


def test_a_client_takes_the_first_binding_that_its_request_fits(rule: RuleOf) -> None:
    compiled = rule('get: "/v1/shelves/{shelf_id}" additional_bindings { get: "/v1/all" }')
    assert compiled.call(request(compiled, shelfId="a")).path == "/v1/shelves/a"
    assert compiled.call(request(compiled)).path == "/v1/all"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no path"),
        ('get: "/v1/b" body: "*"', "gives GET a body"),
        ('get: "/v1/{nothing}"', "no field nothing"),
        ('get: "/v1/{shelf_id.x}"', "has no fields"),
        ('get: "/v1/{words}"', "no form"),
        ('get: "/v1/{book}"', "no form"),
        ('get: "/v1/{more}"', "no form"),
        ('get: "v1"', "slash"),
        ('post: "/v1/b" body: "nothing"', "no field nothing"),
        ('post: "/v1/{number}" body: "number"', "no form"),
        ('get: "/v1/b" response_body: "nothing"', "no field nothing"),
        ('get: "/v1/a" additional_bindings { get: "/v1/b" additional_bindings { get: "/v1/c" } }', "within"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_when_it_is_compiled(rule: RuleOf, text: str, told: str) -> None:
    with pytest.raises(RuleError, match=told) as refused:
        rule(text)
    assert refused.value.method == "library.v1.LibraryService.Ask"


def test_the_body_of_a_response_is_the_reply(rule: RuleOf) -> None:
    compiled = rule('get: "/v1/b"')
    answered = reply(compiled, count=2, books=[{"bookName": "ü"}])
    assert compiled.content(answered) == '{"books":[{"bookName":"ü"}],"count":2}'.encode()
    assert compiled.reply(compiled.content(answered)) == answered


@pytest.mark.parametrize(
    ("field", "fields", "content"),
    [
        ("books", {"books": [{}, {"kind": 1}]}, b'[{},{"kind":"KIND_NOVEL"}]'),
        ("books", {}, b"[]"),
        ("count", {}, b"0"),
        ("book", {"book": {}}, b"{}"),
        ("book", {}, b"null"),
    ],
)
def test_the_body_of_a_response_is_one_field_of_the_reply(
    rule: RuleOf, field: str, fields: dict[str, Any], content: bytes
) -> None:
    compiled = rule(f'get: "/v1/b" response_body: "{field}"')
    answered = reply(compiled, **fields)
    assert compiled.content(answered) == content
    assert compiled.reply(content) == answered


def test_a_name_that_is_given_twice_is_found_among_many(rule: RuleOf) -> None:
    """To count each of the names would take longer than any test may."""
    compiled = rule('post: "/v1/b" body: "*"')
    names = ",".join(f'"k{number}":1' for number in range(400_000))
    with pytest.raises(UnreadableError, match="'z' is given more than once"):
        heard(compiled, HttpCall("POST", "/v1/b", "", f'{{{names},"z":1,"z":2}}'.encode()))


def test_a_whole_emoji_may_be_written_as_a_surrogate_pair(rule: RuleOf) -> None:
    compiled = rule('post: "/v1/b" body: "*"')

    assert heard(compiled, HttpCall("POST", "/v1/b", "", rb'{"words": ["\ud83d\ude00"]}')) == request(
        compiled, words=["\N{GRINNING FACE}"]
    )


def test_of_half_a_surrogate_pair_in_a_reply_a_replacement_character_is_read(rule: RuleOf) -> None:
    """The effect is there, and the other half was lost before."""
    compiled = rule('get: "/v1/b"')
    content = rb'{"\ud83d": 1, "kind": "\ud83d", "books": [{"bookName": "a \ud83d", "copies": {"b": 1}, "\ude00": {}}]}'

    assert compiled.reply(content) == reply(
        compiled, books=[{"bookName": "a \N{REPLACEMENT CHARACTER}", "copies": {"b": 1}}]
    )


def test_what_a_newer_server_says_is_ignored_in_a_reply(rule: RuleOf) -> None:
    compiled = rule('get: "/v1/b"')
    assert compiled.reply(b'{"count": 1, "kind": "KIND_NEWS", "news": {}}') == reply(compiled, count=1)
    assert compiled.reply(b"") == reply(compiled)


@pytest.mark.parametrize(("content", "field"), [(b'{"count": "x"}', "count"), (b"<html>", ""), (b"[]", "")])
def test_a_response_that_is_no_reply_is_refused(rule: RuleOf, content: bytes, field: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        rule('get: "/v1/b"').reply(content)
    assert refused.value.field == field


def test_the_rule_of_an_rpc_is_in_its_contract(rule: RuleOf) -> None:
    compiled = Rule.of(rule('get: "/v1/b"').method.containing_service.methods_by_name["Lend"])
    assert [(each.verb, each.template.text) for each in compiled.bindings] == [("PUT", "/v1/loans/{number}")]


def test_an_rpc_whose_contract_gives_no_rule_has_none(rule: RuleOf) -> None:
    with pytest.raises(RuleError, match="not in its contract"):
        Rule.of(rule('get: "/v1/b"').method)


def test_an_rpc_without_a_rule_has_one_by_its_name(rule: RuleOf) -> None:
    method = rule('get: "/v1/b"').method
    compiled = Rule.of(method, named(method))
    assert compiled.call(request(compiled, number=1)) == HttpCall(
        "POST", "/library.v1.LibraryService/Ask", body=b'{"number":"1"}'
    )


def test_the_rule_that_says_more_of_a_path_is_meant(rule: RuleOf) -> None:
    texts = (
        'get: "/v1/{shelf_id}"',
        'get: "/v1/all"',
        'get: "/v1/{shelf_id}:lend"',
        'post: "/v1/{shelf_id}" body: "*"',
    )
    routes = Routes([rule(text) for text in texts])
    found = {path: routes.find("GET", path) for path in ("/v1/all", "/v1/a", "/v1/a:lend")}
    assert {path: route and route.binding.template.text for path, route in found.items()} == {
        "/v1/all": "/v1/all",
        "/v1/a": "/v1/{shelf_id}",
        "/v1/a:lend": "/v1/{shelf_id}:lend",
    }
    assert routes.verbs("/v1/a") == {"GET", "POST"}
    assert (routes.find("DELETE", "/v1/a"), routes.verbs("/v2")) == (None, frozenset())


def test_a_path_that_is_not_in_utf_8_is_no_path(rule: RuleOf) -> None:
    routes = Routes([rule('get: "/v1/{shelf_id}"')])
    assert (routes.find("POST", "/v1/%FF"), routes.verbs("/v1/%FF")) == (None, frozenset())
    with pytest.raises(UnicodeDecodeError):
        routes.find("GET", "/v1/%FF")


def test_two_rpcs_of_one_path_are_refused(rule: RuleOf) -> None:
    with pytest.raises(RuleError, match="same path"):
        Routes([rule('get: "/v1/{shelf_id}"'), rule('get: "/v1/{number}"')])
