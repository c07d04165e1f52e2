"""What an overlay says of a contract, all its readers see; what does not fit, the rules tell with its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import message_factory

from orchestrator.contract.attributes import attribute_fields
from orchestrator.contract.command import Effect, Meaning, OnUnknown
from orchestrator.contract.derivation import Derivation
from orchestrator.contract.drift import check_drift
from orchestrator.contract.options import lay
from orchestrator.contract.overlay.reading import read_overlays
from orchestrator.contract.reader import read_command
from orchestrator.contract.redaction import MASK, redacted
from orchestrator.contract.rules import overlays as rules
from orchestrator.contract.rules.messages import check_messages
from orchestrator.contract.rules.overlays import check_overlays
from orchestrator.contract.rules.services import check_service
from orchestrator.contract.status_code import StatusCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import ServiceDescriptor

FOREIGN = """
service FerryService {
  rpc Book(Booking) returns (Ticket);
  rpc Drop(Ticket) returns (Nothing);
  rpc Find(Booking) returns (Ticket);
  rpc Sail(Booking) returns (Ticket) { option (saga.v1.command) = {
    effect: EFFECT_PIVOT identity_by_metadata: true timeout: {seconds: 1} retry: {attempts: 3}
    outcomes: {code: ABORTED outcome: OUTCOME_RETRY}
  }; }
}
service RefundService { rpc Refund(Refunding) returns (Nothing); }
message Booking { string trip = 1; Card card = 2; string town = 3; }
message Card { string number = 1; string pin = 2 [debug_redact = true]; }
message Ticket { string ticket_id = 1; }
message Refunding { string reference = 1; string ticket = 2; }
message Nothing {}
"""
OVERLAY = """\
methods:
- method: ferry.v1.FerryService.Book
  effect: COMPENSABLE
  compensation:
    method: ferry.v1.RefundService.Refund
    request:
      reference: {request: trip}
      ticket: {response: ticket_id, when_unknown: LEAVE_EMPTY}
  verify: Find
  on_unknown: SUSPEND
  identity: [trip]
  outcomes:
  - {code: UNKNOWN, message_contains: no card, outcome: REJECTED}
- method: ferry.v1.RefundService.Refund
  effect: RETRYABLE
  identity_by_metadata: true
- method: ferry.v1.FerryService.Find
  effect: QUERY
- method: ferry.v1.FerryService.Sail
  timeout: 1s
  retry: {cap: 20s}
  outcomes:
  - {code: UNKNOWN, message_contains: fog, outcome: REJECTED}
fields:
- field: ferry.v1.Card.number
  sensitive: true
- field: ferry.v1.Booking.town
  attribute: true
"""


@pytest.fixture
def overlaid(compile_service: Callable[[str], ServiceDescriptor]) -> Callable[..., ServiceDescriptor]:
    """The foreign contract under an overlay."""

    def compile_under(overlay: str = OVERLAY) -> ServiceDescriptor:
        service = compile_service(FOREIGN)
        lay(read_overlays({"overlay.yaml": overlay}), service.file.pool)
        return service

    return compile_under


def test_a_foreign_command_is_what_its_overlay_says(overlaid: Callable[..., ServiceDescriptor]) -> None:
    service = overlaid()

    book = read_command(service.methods_by_name["Book"])

    assert check_overlays(service.file.pool) + check_service(service) == []
    assert (book.effect, book.on_unknown, book.identities) == (Effect.COMPENSABLE, OnUnknown.SUSPEND, ("trip",))
    assert book.outcomes[0].matches(StatusCode.UNKNOWN, "", "sorry, no card")
    assert book.outcomes[0].meaning is Meaning.REJECTED
    assert book.verify
    assert book.verify.effect is Effect.QUERY


def test_a_compensation_of_another_service_is_derived_by_other_names(
    overlaid: Callable[..., ServiceDescriptor],
) -> None:
    book = read_command(overlaid().methods_by_name["Book"])
    assert book.compensation

    refund: Any = Derivation.of(book, book.compensation).derive(book.request(trip="t-1"), book.response(ticket_id="7"))

    assert book.compensation.name == "ferry.v1.RefundService.Refund"
    assert (refund.reference, refund.ticket) == ("t-1", "7")


def test_an_overlay_adds_to_what_the_contract_says_itself(overlaid: Callable[..., ServiceDescriptor]) -> None:
    sail = read_command(overlaid().methods_by_name["Sail"])

    assert sail.effect is Effect.PIVOT
    assert (sail.retry.attempts, sail.retry.cap.total_seconds()) == (3, 20)
    assert [rule.code for rule in sail.outcomes] == [StatusCode.ABORTED, StatusCode.UNKNOWN]


def test_a_field_that_an_overlay_calls_sensitive_is_masked(overlaid: Callable[..., ServiceDescriptor]) -> None:
    request = message_factory.GetMessageClass(overlaid().methods_by_name["Book"].input_type)

    shown: Any = redacted(request(trip="t-1", card={"number": "4111", "pin": "1234"}))

    assert (shown.trip, shown.card.number, shown.card.pin) == ("t-1", MASK, MASK)


def test_a_mask_that_is_laid_late_covers_what_was_shown_before(overlaid: Callable[..., ServiceDescriptor]) -> None:
    service = overlaid("methods: []")
    request = message_factory.GetMessageClass(service.methods_by_name["Find"].input_type)
    before: Any = redacted(request(card={"number": "4111"}))
    lay(read_overlays({"overlay.yaml": OVERLAY}), service.file.pool)

    after: Any = redacted(request(card={"number": "4111"}))

    assert (before.card.number, after.card.number) == ("4111", MASK)


def test_a_field_that_an_overlay_calls_an_attribute_is_one(overlaid: Callable[..., ServiceDescriptor]) -> None:
    assert attribute_fields(overlaid().methods_by_name["Book"].input_type) == ("town",)


def test_an_attribute_that_must_not_be_shown_is_told_at_its_line(overlaid: Callable[..., ServiceDescriptor]) -> None:
    service = overlaid("fields:\n- field: ferry.v1.Booking.town\n  sensitive: true\n  attribute: true\n")

    (violation,) = check_messages(service.file)

    assert str(violation).startswith("overlay.yaml:4: ferry.v1.Booking.town: [attribute-is-not-sensitive]")


def test_what_an_overlay_says_besides_is_no_drift_of_a_live_contract(
    overlaid: Callable[..., ServiceDescriptor], compile_service: Callable[[str], ServiceDescriptor]
) -> None:
    known = overlaid()
    sent = {method.full_name for method in known.methods}

    assert check_drift(known, compile_service(FOREIGN), sent) == ([], [])


def test_an_overlay_that_the_live_contract_contradicts_is_named(
    overlaid: Callable[..., ServiceDescriptor], compile_service: Callable[[str], ServiceDescriptor]
) -> None:
    live = compile_service(
        FOREIGN.replace(
            "rpc Find(Booking) returns (Ticket);",
            "rpc Find(Booking) returns (Ticket) { option (saga.v1.command) = {effect: EFFECT_PIVOT}; }",
        )
    )

    drift = check_drift(overlaid(), live, {"ferry.v1.FerryService.Find"})

    assert drift.errors == []
    assert [each.message.partition("correct ")[2] for each in drift.warnings] == ["overlay.yaml:17"]


def method(name: str, *options: str) -> str:
    return "\n  ".join([f"methods:\n- method: ferry.v1.{name}", *options])


# From a rule to overlays of which each breaks that rule, with the line and a part of what is told.
BREAKING = {
    "overlay-applies": [
        (method("FerryService.Bok", "effect: QUERY"), 2, "did you mean Book?"),
        (method("FerySerice.Book", "effect: QUERY"), 2, "no service 'ferry.v1.FerySerice' is known here"),
        ("fields:\n- {field: ferry.v1.Card.nmber}", 2, "did you mean number?"),
        ("fields:\n- {field: ferry.v1.Crad.number}", 2, "no message 'ferry.v1.Crad' is known here"),
        ("fields:\n- {field: number}", 2, "no message '' is known here"),
    ],
    "overlay-agrees": [
        (method("FerryService.Sail", "effect: QUERY"), 3, "ferry.proto says `effect: 3`"),
        (method("FerryService.Sail", "effect: PIVOT", "identity_by_metadata: false"), 4, "this says False"),
        (method("FerryService.Sail", "timeout: 2s"), 3, "{seconds: 1}"),
        (method("FerryService.Sail", "retry: {attempts: 4}"), 3, "attempts: 3"),
        ("fields:\n- field: ferry.v1.Card.pin\n  sensitive: false", 3, "debug_redact"),
    ],
}


@pytest.mark.parametrize(
    ("rule", "overlay", "line", "told"),
    [pytest.param(rule, *case, id=f"{rule}-{case[2]}") for rule, cases in BREAKING.items() for case in cases],
)
def test_an_overlay_that_does_not_fit_is_told_with_its_line(
    rule: str, overlay: str, line: int, told: str, overlaid: Callable[..., ServiceDescriptor]
) -> None:
    (violation,) = check_overlays(overlaid(overlay).file.pool)

    assert (violation.file, violation.line, violation.rule) == ("overlay.yaml", line, rule)
    assert told in violation.message
    assert ";" in violation.message, "it says what is wrong; then what to do"


COMPENSABLE = ("effect: COMPENSABLE", "identity: [trip]")


@pytest.mark.parametrize(
    ("rule", "options", "line"),
    [
        ("compensation-exists", [*COMPENSABLE, "compensation: Dorp"], 5),
        ("compensation-exists", [*COMPENSABLE, "compensation: ferry.v1.RefundService.Refnd"], 5),
        ("compensation-exists", [*COMPENSABLE, "compensation: fairy.v1.RefundService.Refund"], 5),
        ("compensation-is-retryable", [*COMPENSABLE, "compensation: Find"], 5),
        ("identity-is-a-field", ["effect: RETRYABLE", "identity: [order]"], 4),
        ("effectful-request-has-identity", ["effect: RETRYABLE"], 2),
        ("verify-is-query", ["effect: PIVOT", "not_idempotent: true", "verify: Drop"], 5),
        ("only-compensable-compensates-when-unknown", ["effect: QUERY", "on_unknown: COMPENSATE"], 4),
        ("timeout-is-sane", ["effect: QUERY", "timeout: 0s"], 4),
        (
            "outcomes-decide",
            ["effect: QUERY", "outcomes:", "- {code: UNKNOWN, message_contains: ' ', outcome: RETRY}"],
            4,
        ),
        (
            "fillings-fit",
            [
                *COMPENSABLE,
                "compensation:",
                "  method: ferry.v1.RefundService.Refund",
                "  request:",
                "    reference: {request: tirp}",
                "    ticket: {constant: none}",
            ],
            7,
        ),
        (
            "compensation-request-is-derivable",
            [*COMPENSABLE, "compensation:", "  method: Drop"],
            5,
        ),
    ],
)
def test_what_an_overlay_says_is_checked_like_a_contract_and_told_at_its_line(
    rule: str, options: list[str], line: int, overlaid: Callable[..., ServiceDescriptor]
) -> None:
    others = "\n- {method: ferry.v1.RefundService.Refund, effect: RETRYABLE, identity_by_metadata: true}\n"
    found = check_service(overlaid(method("FerryService.Book", *options) + others))

    assert rule in {each.rule for each in found}
    assert {(each.file, each.line) for each in found if each.rule == rule} == {("overlay.yaml", line)}


def test_the_documented_rules_are_the_rules_and_each_is_broken_by_a_test() -> None:
    documented = re.findall(r"^``([a-z-]+)``", rules.__doc__ or "", flags=re.MULTILINE)

    assert documented == [rules.APPLIES, rules.AGREES]
    assert documented == list(BREAKING)
