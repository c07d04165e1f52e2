"""Asks an API over HTTP whatever comes: what its rules make of drawn messages, and what they never would.

The rules stand in the contracts, so that a new rpc is asked without a change of this file.
"""

from __future__ import annotations

import itertools
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

import httpx2
from google.protobuf import message_factory
from google.protobuf.message import DecodeError

from orchestrator.participant.transcoding import HttpCall, Rule, UnfitMessageError, annotated
from tests.fuzz.fuzzer import drawn_request

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from google.protobuf.descriptor import MethodDescriptor

    from tests.fuzz.fuzzer import Caller, Findings

_SECONDS: Final = "0.3"
"""How long a stream that has nothing to tell is waited for."""
_LONG: Final = 10_000
_VERBS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
_SEGMENTS: Final = ("", "x", "..", "%2e%2e", "%FF", "%00", "a%2Fb", "x:cancel", ":", "a" * _LONG, "*", "{sagaId}")
_QUERIES: Final = (
    "pageSize=1",
    "pageSize=x",
    "pageSize=1&pageSize=2",
    "%FF=%FF",
    "filter.attributes=1",
    "=",
    "&&",
    "a[]=1",
)
_BODIES: Final = (
    b"", b"{}", b"[]", b"null", b'"a"', b"{", b"\xff", b"[" * 5000, b'{"reason": "x", "reason": "y"}',
    b'{"filter": {"statuses": [{}]}}', b'{"definition": 1}', b'{"input": {"@type": "nobody"}}', b'{"a": NaN}',
)  # fmt: skip
_HEADERS: Final = (
    ("content-type", "text/plain"), ("content-type", "application/x-www-form-urlencoded"), ("origin", "https://x.example"),
    ("sec-fetch-site", "cross-site"), ("request-timeout", "soon"), ("request-timeout", "0.000001"),
    ("accept", "*" * 500),
    ("content-encoding", "gzip"), ("idempotency-key", "ü" * 50), ("cookie", "orchestrator-token=x"),
    ("accept", "text/event-stream"), ("traceparent", "garbage"), ("expect", "nothing"),
)  # fmt: skip
_UNKNOWN: Final = frozenset({401, 403, 400})
"""What somebody without credentials may be told: that, that a page sent it, or that no sense is in it."""


class Sent(NamedTuple):
    """One request."""

    call: HttpCall
    headers: list[tuple[bytes, bytes]]


def fuzz_over_http(
    client: httpx2.Client,
    methods: Sequence[MethodDescriptor],
    callers: Sequence[Caller],
    chance: random.Random,
    findings: Findings,
) -> Iterator[int]:
    """Make one call after another, for ever; after each, how many they are. What comes of them is noted."""
    rules = [Rule.of(method) for method in methods if annotated(method) is not None]
    for number in itertools.count(1):
        caller, rule = chance.choice(callers), chance.choice(rules)
        sent = _drawn(rule, caller, chance)
        try:
            answer = client.request(
                sent.call.method, _target(client, sent.call), headers=sent.headers, content=sent.call.body
            )
            told, content = answer.status_code, answer.content
        except httpx2.RemoteProtocolError as error:
            told, content = 0, str(error).encode()
        findings.answers[f"{caller.name} over HTTP", str(told)] += 1
        if accident := _accident(sent, caller, told, content):
            findings.accidents.append(f"{caller.name} asked {sent}: {accident}"[:1000])
        yield number


def _accident(sent: Sent, caller: Caller, told: int, content: bytes) -> str:
    """What is wrong with an answer; empty where it is one that there may be."""
    is_late = told == HTTPStatus.GATEWAY_TIMEOUT
    if told == 0 or (told >= HTTPStatus.INTERNAL_SERVER_ERROR and not is_late):
        return f"{told}: {content[:300]!r}"
    if not caller.authorization and told not in _UNKNOWN:
        return f"nobody was told {told}"
    if told >= HTTPStatus.BAD_REQUEST and sent.call.method != "HEAD" and not _is_problem(content):
        return f"{told} without a problem: {content[:300]!r}"
    return ""


def _is_problem(content: bytes) -> bool:
    try:
        return "title" in json.loads(content)
    except ValueError:
        return False


def _drawn(rule: Rule, caller: Caller, chance: random.Random) -> Sent:
    call = _said(rule, chance) if chance.random() < 0.6 else _nonsense(rule, chance)
    headers = [("content-type", "application/json"), ("request-timeout", _SECONDS)]
    if caller.authorization:
        headers.append(("authorization", caller.authorization))
    if chance.random() < 0.3:
        name, value = chance.choice(_HEADERS)
        headers = [(known, said) for known, said in headers if known != name] + [(name, value)]
    return Sent(call, [(name.encode(), value.encode()) for name, value in headers])


def _said(rule: Rule, chance: random.Random) -> HttpCall:
    """A drawn message, as the rule says it."""
    message = message_factory.GetMessageClass(rule.method.input_type)()
    try:
        message.MergeFromString(drawn_request(rule.method, chance))
        return rule.call(message)
    except (UnfitMessageError, DecodeError):
        return _nonsense(rule, chance)


def _nonsense(rule: Rule, chance: random.Random) -> HttpCall:
    """What is near to the rule, and wrong in some way."""
    template = chance.choice(rule.bindings).template
    path = template.expand({variable.field: "x" for variable in template.variables})
    if chance.random() < 0.5:
        path = path.replace("/x", f"/{chance.choice(_SEGMENTS)}") + chance.choice(("", "", "/", ":x", "//"))
    query = chance.choice(_QUERIES) if chance.random() < 0.4 else ""
    body = chance.choice(_BODIES) if chance.random() < 0.7 else None
    return HttpCall(chance.choice(_VERBS) if chance.random() < 0.3 else rule.bindings[0].verb, path, query, body)


def _target(client: httpx2.Client, call: HttpCall) -> httpx2.URL:
    """The address, byte for byte: a client would write some of it in another way."""
    return client.base_url.copy_with(raw_path=call.target.encode())
