"""Every rule of contracts: the smallest contract that breaks it, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.loading.protoc import describe
from orchestrator.contract.image import load_image
from orchestrator.contract.rules import services as rules
from orchestrator.contract.rules.services import check_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import ServiceDescriptor

ROOT = Path(__file__).parents[3]

MESSAGES = """
message Booking { string order_id = 1; }
message Ticket { string ticket_id = 1; }
message Anonymous { string seat = 1; }
message Empty {}
"""
CANCEL = "rpc Cancel(Booking) returns (Empty) { option (saga.v1.command) = {effect: EFFECT_RETRYABLE}; }"
GET = "rpc Get(Booking) returns (Ticket) { option (saga.v1.command) = {effect: EFFECT_QUERY}; }"


def rpc(options: str, *, request: str = "Booking", response: str = "Ticket", name: str = "Book") -> str:
    return f"rpc {name}({request}) returns ({response}) {{ option (saga.v1.command) = {{ {options} }}; }}"


def with_labels(text: str) -> str:
    """As proto2 wants it: each field says whether it must be there."""
    return re.sub(r"(?<=[{;] )(?=string )", "optional ", text)


def service(*rpcs: str, messages: str = "") -> str:
    return f"service FerryService {{ {' '.join(rpcs)} }} {MESSAGES} {messages}"


def over_http(rule: str, name: str = "Book") -> str:
    options = f"option (saga.v1.command) = {{effect: EFFECT_PIVOT}}; option (google.api.http) = {{{rule}}};"
    return f"rpc {name}(Booking) returns (Ticket) {{ {options} }}"


LEFT_EMPTY = "source: SOURCE_RESPONSE when_unknown: WHEN_UNKNOWN_LEAVE_EMPTY"
ANSWERED = "source: SOURCE_RESPONSE when_unknown: WHEN_UNKNOWN_SUSPEND"
COMPENSABLE = 'effect: EFFECT_COMPENSABLE compensation: "Cancel"'

TRIP = "message Trip { string trip_id = 1; int32 seats = 2; Ticket ticket = 3; }"


def trip_id_from(way: str) -> str:
    return f'identity: "trip_id" compensation_request: {{ field: "order_id" request: "{way}" }}'


TRIP_ID = trip_id_from("trip_id")

LEN = "[(buf.validate.field).string.min_len = 1]"

# What a command's request says of a field, and what that of its compensation says, of the field and of the message.
STRICTER = [
    ("string town = 2;", f"string town = 2 {LEN};", ""),
    ("string town = 2;", "string town = 2 [(buf.validate.field).required = true];", ""),
    ("optional string town = 2;", "optional string town = 2 [(buf.validate.field).required = true];", ""),
    ("string town = 2;", 'string town = 2 [(buf.validate.field).string.pattern = "^[a-z]*$"];', ""),
    (f"string town = 2 {LEN};", "string town = 2 [(buf.validate.field).string.min_len = 2];", ""),
    (
        "string town = 2 [(buf.validate.field).string.max_len = 80];",
        "string town = 2 [(buf.validate.field).string.max_len = 79];",
        "",
    ),
    ("string town = 2;", "string town = 2 [(buf.validate.field).string.email = true];", ""),
    ("string town = 2;", """string town = 2 [(buf.validate.field).cel = {id: "x" expression: "this != 'a b'"}];""", ""),
    ("int32 seats = 2;", "int32 seats = 2 [(buf.validate.field).int32.lte = 417];", ""),
    (
        "int32 seats = 2 [(buf.validate.field).int32 = {gte: 1 lte: 9}];",
        "int32 seats = 2 [(buf.validate.field).int32 = {gte: 1 lte: 8}];",
        "",
    ),
    ("double price = 2;", "double price = 2 [(buf.validate.field).double.finite = true];", ""),
    ("bool paid = 2;", "bool paid = 2 [(buf.validate.field).bool.const = true];", ""),
    ("repeated string names = 2;", "repeated string names = 2 [(buf.validate.field).repeated.max_items = 7];", ""),
    ("repeated string names = 2;", "repeated string names = 2 [(buf.validate.field).repeated.unique = true];", ""),
    ("map<string, string> names = 2;", "map<string, string> names = 2 [(buf.validate.field).map.max_pairs = 2];", ""),
    ("Row row = 2;", "Row row = 2 [(buf.validate.field).required = true];", ""),
    (
        "string town = 2;",
        "string town = 2;",
        """option (buf.validate.message).cel = {id: "x" message: "needs a town" expression: "this.town != ''"};""",
    ),
]

# As above, where the compensation accepts all that its command accepts.
LOOSER = [
    (f"string town = 2 {LEN};", f"string town = 2 {LEN};"),
    (f"string town = 2 {LEN};", "string town = 2;"),
    ("string town = 2 [(buf.validate.field).string.min_len = 2];", f"string town = 2 {LEN};"),
    (
        "string town = 2 [(buf.validate.field).string.uuid = true];",
        "string town = 2 [(buf.validate.field).string = {min_len: 36 max_len: 36}];",
    ),
    (
        "int32 seats = 2 [(buf.validate.field).int32 = {gte: 1 lte: 9}];",
        "int32 seats = 2 [(buf.validate.field).int32 = {gt: 0 lt: 10}];",
    ),
    (
        'string town = 2 [(buf.validate.field).string.pattern = "^[A-Z]{3}$"];',
        "string town = 2 [(buf.validate.field).string.len = 3];",
    ),
]

# From a rule to contracts of which each breaks that rule, once, and no other.
BREAKING: dict[str, list[str]] = {
    "fillings-fit": [
        service(rpc(f"{COMPENSABLE} compensation_request: {{ {filling} }}"), CANCEL)
        for filling in (
            'field: "order" request: "order_id"',
            'field: "order_id"',
            'field: "order_id" request: "trip_id"',
            'field: "order_id" request: "order_id.number"',
            'field: "order_id" response: "ticket"',
            'field: "order_id" constant: {number_value: 1}',
            'field: "order_id" request: "order_id" when_unknown: WHEN_UNKNOWN_SUSPEND',
        )
    ]
    + [
        service(rpc(f"{COMPENSABLE} {filled}", request="Trip"), CANCEL, messages=TRIP)
        for filled in (2 * TRIP_ID, trip_id_from("seats"), trip_id_from("ticket.seat"))
    ]
    + [service(rpc('effect: EFFECT_PIVOT compensation_request: {field: "order_id" request: "order_id"}'))],
    "identity-is-a-field": [service(rpc('effect: EFFECT_PIVOT identity: "trip_id"'))],
    "states-effect": [
        service(rpc("timeout: {seconds: 1}")),
        service(rpc("timeout: {seconds: 1}"), GET),
    ],
    "command-is-unary": [
        service(rpc("effect: EFFECT_QUERY", response="stream Ticket")),
        service(rpc("effect: EFFECT_QUERY", request="stream Booking")),
    ],
    "compensable-names-compensation": [service(rpc("effect: EFFECT_COMPENSABLE"))],
    "compensation-exists": [
        service(rpc('effect: EFFECT_COMPENSABLE compensation: "ferry.v1.RefundService.Refund"')),
        service(rpc('effect: EFFECT_COMPENSABLE compensation: "ferry.v1.FerryService/Cancle"'), CANCEL),
        service(rpc('effect: EFFECT_COMPENSABLE compensation: "Cancle"'), CANCEL),
    ],
    "compensation-is-retryable": [
        service(rpc('effect: EFFECT_COMPENSABLE compensation: "Get"'), GET),
        service(rpc('effect: EFFECT_COMPENSABLE compensation: "Book"')),
        service(
            rpc('effect: EFFECT_COMPENSABLE compensation: "Watch"'),
            "rpc Watch(Booking) returns (stream Ticket);",
        ),
    ],
    "compensation-is-idempotent": [
        service(rpc(COMPENSABLE), rpc("effect: EFFECT_RETRYABLE not_idempotent: true", name="Cancel"))
    ],
    "compensation-request-is-derivable": [
        service(
            rpc(COMPENSABLE),
            rpc("effect: EFFECT_RETRYABLE", name="Cancel", request="Cancellation"),
            messages=f"message Cancellation {{ string order_id = 1; {field} }}",
        )
        for field in (
            "string reason = 2;",
            "string ticket_id = 2;",
            f"string reason = 2 [(saga.v1.field) = {{{ANSWERED}}}];",
            f"int64 ticket_id = 2 [(saga.v1.field) = {{{ANSWERED}}}];",
            f"repeated string ticket_id = 2 [(saga.v1.field) = {{{ANSWERED}}}];",
        )
    ],
    "required-field-is-always-filled": [
        service(
            rpc(options),
            rpc("effect: EFFECT_RETRYABLE", name="Cancel", request=compensation),
            rpc("effect: EFFECT_QUERY", name="Get", request=verify),
            messages=f"""
                message Must {{ required string order_id = 1; }}
                message Cancellation {{ optional string order_id = 1; required string ticket_id = 2{source}; }}
            """,
        )
        for options, compensation, verify, source in (
            (COMPENSABLE, "Must", "Booking", ""),
            (f'{COMPENSABLE} verify: "Get"', "Booking", "Must", ""),
            (COMPENSABLE, "Cancellation", "Booking", f" [(saga.v1.field) = {{{ANSWERED}}}]"),
            (COMPENSABLE, "Cancellation", "Booking", f" [(saga.v1.field) = {{{LEFT_EMPTY}}}]"),
        )
    ],
    "derived-request-is-legal": [
        service(
            rpc(COMPENSABLE, request="Reservation"),
            rpc("effect: EFFECT_RETRYABLE", name="Cancel", request="Cancellation"),
            messages=f"""
                message Row {{ string name = 1; }}
                message Reservation {{ string order_id = 1; {loose} }}
                message Cancellation {{ string order_id = 1; {strict} {of_message} }}
            """,
        )
        for loose, strict, of_message in STRICTER
    ],
    "left-empty-is-legal": [
        service(
            rpc(COMPENSABLE, response="Answer"),
            rpc("effect: EFFECT_RETRYABLE", name="Cancel", request="Cancellation"),
            messages=f"""
                message Answer {{ {field} = 1; }}
                message Cancellation {{
                    string order_id = 1;
                    {field} = 2 [
                        (saga.v1.field) = {{source: SOURCE_RESPONSE when_unknown: WHEN_UNKNOWN_LEAVE_EMPTY}},
                        (buf.validate.field).{constraint}
                    ];
                }}
            """,
        )
        for field, constraint in (
            ("string code", "string.min_len = 1"),
            ("string code", "string.uuid = true"),
            ("string code", 'string.pattern = "^[A-Z]+$"'),
            ("string code", "required = true"),
            ("optional string code", "required = true"),
            ("int64 code", "int64.gt = 0"),
            ("bytes code", "bytes.min_len = 2"),
            ("Ticket code", "required = true"),
            ("repeated string codes", "repeated.min_items = 1"),
            ("map<string, string> codes", "map.min_pairs = 1"),
            ("string code", """cel = {id: "x" expression: "this != ''"}"""),
        )
    ],
    "response-field-states-when-unknown": [
        service(
            rpc(COMPENSABLE),
            rpc("effect: EFFECT_RETRYABLE", name="Cancel", request="Cancellation"),
            messages="""message Cancellation {
                string order_id = 1;
                string ticket_id = 2 [(saga.v1.field).source = SOURCE_RESPONSE];
            }""",
        )
    ],
    "only-compensable-names-compensation": [
        service(rpc(f'effect: EFFECT_{effect} compensation: "Cancel"'), CANCEL)
        for effect in ("QUERY", "PIVOT", "RETRYABLE")
    ],
    "only-compensable-compensates-when-unknown": [
        service(rpc(f"effect: EFFECT_{effect} on_unknown: ON_UNKNOWN_COMPENSATE"))
        for effect in ("QUERY", "PIVOT", "RETRYABLE")
    ],
    "verify-exists": [service(rpc('effect: EFFECT_PIVOT verify: "Show"'), GET)],
    "verify-is-query": [
        service(rpc('effect: EFFECT_PIVOT verify: "Cancel"'), CANCEL),
        service(rpc('effect: EFFECT_PIVOT verify: "Book"')),
    ],
    "verify-request-is-derivable": [
        service(
            rpc('effect: EFFECT_PIVOT verify: "Show"'),
            rpc("effect: EFFECT_QUERY", name="Show", request="Ticket"),
        ),
        service(
            rpc('effect: EFFECT_PIVOT verify: "Show"'),
            rpc("effect: EFFECT_QUERY", name="Show", request="Question"),
            messages="""message Question {
                string ticket_id = 1
                    [(saga.v1.field) = {source: SOURCE_RESPONSE when_unknown: WHEN_UNKNOWN_LEAVE_EMPTY}];
            }""",
        ),
    ],
    "on-unknown-verify-names-verify": [service(rpc("effect: EFFECT_PIVOT on_unknown: ON_UNKNOWN_VERIFY"))],
    "not-idempotent-is-not-resent": [
        service(rpc("effect: EFFECT_PIVOT not_idempotent: true on_unknown: ON_UNKNOWN_RESEND"))
    ],
    "effectful-request-has-identity": [
        service(rpc(f"effect: EFFECT_{effect}", request="Anonymous")) for effect in ("PIVOT", "RETRYABLE")
    ],
    "identity-by-metadata-is-idempotent": [
        service(rpc("effect: EFFECT_PIVOT identity_by_metadata: true not_idempotent: true"))
    ],
    "timeout-is-sane": [
        service(rpc(f"effect: EFFECT_QUERY timeout: {{{timeout}}}"))
        for timeout in (
            *("seconds: 0", "seconds: -1", "nanos: 10", ""),
            *("seconds: 86401", "seconds: 315576000000", "seconds: 9223372036854775807"),
        )
    ],
    "queue-deadline-is-sane": [
        service(rpc(f"effect: EFFECT_QUERY queue_deadline: {{{span}}}"))
        for span in ("seconds: 0", "seconds: -1", "", "seconds: 604801")
    ],
    "retry-is-sane": [
        service(rpc(f"effect: EFFECT_QUERY retry: {{{retry}}}"))
        for retry in (
            "attempts: 101",
            "factor: 0.5",
            "factor: -2",
            "factor: nan",
            "factor: inf",
            "first_delay: {seconds: -1}",
            "first_delay: {}",
            "first_delay: {seconds: 11}",
            "first_delay: {seconds: 2} cap: {seconds: 1}",
            "cap: {nanos: 1000000}",
            "cap: {seconds: 86401}",
            "factor: 1e300",
        )
    ],
    "outcomes-decide": [
        service(rpc(f"effect: EFFECT_PIVOT {rules}"))
        for rules in (
            "outcomes: {code: UNKNOWN}",
            "outcomes: {outcome: OUTCOME_REJECTED}",
            'outcomes: {code: UNKNOWN outcome: OUTCOME_REJECTED message_contains: " "}',
            'outcomes: {code: UNKNOWN outcome: OUTCOME_REJECTED message_contains: "no\\nfunds"}',
            f'outcomes: {{code: UNKNOWN outcome: OUTCOME_REJECTED message_contains: "{"x" * 201}"}}',
            (
                "outcomes: {code: ABORTED outcome: OUTCOME_RETRY}"
                ' outcomes: {code: ABORTED outcome: OUTCOME_REJECTED reason: "SOLD_OUT"}'
            ),
            (
                'outcomes: {code: UNKNOWN outcome: OUTCOME_RETRY message_contains: "funds"}'
                ' outcomes: {code: UNKNOWN outcome: OUTCOME_REJECTED message_contains: "no funds"}'
            ),
        )
    ],
    "constraints-compile": [
        service(rpc("effect: EFFECT_QUERY", request="Question"), messages=f"message Question {{ {field} }} {nested}")
        for field, nested in (
            ('string seat = 1 [(buf.validate.field).string.pattern = "["];', ""),
            ('optional string seat = 1 [(buf.validate.field).string.pattern = "(a"];', ""),
            ('repeated string seats = 1 [(buf.validate.field).repeated.items.string.pattern = "*"];', ""),
            ('map<string, int32> seats = 1 [(buf.validate.field).map.keys.string.pattern = "("];', ""),
            ("int32 seat = 1 [(buf.validate.field).string.min_len = 1];", ""),
            ("""string seat = 1 [(buf.validate.field).cel = {id: "x" expression: "this.matches('[')"}];""", ""),
            ('string seat = 1 [(buf.validate.field).cel = {id: "x" expression: "this +"}];', ""),
            ('string seat = 1 [(buf.validate.field).cel = {id: "x" expression: "int(this) > 3"}];', ""),
            ("Row row = 1;", 'message Row { string name = 1 [(buf.validate.field).string.pattern = "["]; }'),
        )
    ],
    "http-rule-fits": [
        service(over_http(rule))
        for rule in (
            'post: "rides" body: "*"',
            'post: "/rides/{order" body: "*"',
            'post: "/rides/{ride_id}" body: "*"',
            'post: "/rides" body: "ride"',
            'post: "/rides" body: "*" response_body: "ride"',
            'body: "*"',
        )
    ],
    "http-effect-is-no-get": [
        service(over_http(rule))
        for rule in (
            'get: "/rides/{order_id}"',
            'custom: {kind: "HEAD" path: "/rides/{order_id}"}',
            'post: "/rides" body: "*" additional_bindings: {get: "/rides/{order_id}"}',
        )
    ],
    "http-path-is-its-own": [
        service(over_http('post: "/rides/{order_id}"', name="Other"), over_http('post: "/rides/{order_id}" body: "*"'))
    ],
}


@pytest.mark.parametrize(
    ("rule", "contract"),
    [pytest.param(rule, contract, id=rule) for rule, contracts in BREAKING.items() for contract in contracts],
)
def test_a_contract_that_breaks_one_rule_has_the_violation_of_that_rule(
    rule: str, contract: str, compile_service: Callable[..., ServiceDescriptor]
) -> None:
    syntax = "proto2" if "required string" in contract else "proto3"
    violations = check_service(compile_service(contract if syntax == "proto3" else with_labels(contract), syntax))

    assert [violation.rule for violation in violations] == [rule]
    assert violations[0].file == "ferry.proto"
    assert violations[0].rpc == "FerryService.Book"
    assert ";" in violations[0].message, "it says what is wrong; then what to do"


@pytest.mark.parametrize(
    "contract",
    [
        service(rpc(COMPENSABLE), CANCEL),
        service(rpc(f'{COMPENSABLE} verify: "Get" on_unknown: ON_UNKNOWN_VERIFY not_idempotent: true'), CANCEL, GET),
        service(rpc(f"{COMPENSABLE} on_unknown: ON_UNKNOWN_COMPENSATE"), CANCEL),
        service(rpc("effect: EFFECT_PIVOT not_idempotent: true on_unknown: ON_UNKNOWN_SUSPEND")),
        service(rpc("effect: EFFECT_QUERY", request="Anonymous")),
        service(rpc("effect: EFFECT_QUERY retry: {attempts: 1 factor: 1 cap: {seconds: 5}}")),
        service(rpc("effect: EFFECT_QUERY retry: {first_delay: {nanos: 1000} cap: {nanos: 1000}}")),
        service(rpc("effect: EFFECT_QUERY retry: {attempts: 100}")),
        *(
            service(rpc("effect: EFFECT_PIVOT", request="Keyed"), messages=f"message Keyed {{ string {name} = 1; }}")
            for name in ("order_id", "request_id", "idempotency_key")
        ),
        service(GET, "rpc Watch(Booking) returns (stream Ticket);"),
        service(rpc("effect: EFFECT_PIVOT identity_by_metadata: true", request="Anonymous")),
        service(rpc("effect: EFFECT_RETRYABLE not_idempotent: true", request="Anonymous")),
        service(rpc("effect: EFFECT_QUERY timeout: {seconds: 86400} retry: {cap: {seconds: 86400} factor: 100}")),
        service(
            rpc(
                'effect: EFFECT_PIVOT outcomes: {code: UNKNOWN outcome: OUTCOME_REJECTED message_contains: "no funds"}'
                " outcomes: {code: UNKNOWN outcome: OUTCOME_RETRY}"
            )
        ),
        service(rpc("effect: EFFECT_PIVOT identity: 'seat'", request="Anonymous")),
        service(rpc(f"{COMPENSABLE} {TRIP_ID}", request="Trip"), CANCEL, messages=TRIP),
        service(
            rpc('effect: EFFECT_COMPENSABLE compensation: "ferry.v1.RefundService.Refund"'),
            messages=f"service RefundService {{ {CANCEL.replace('Cancel', 'Refund')} }}",
        ),
        service(over_http('post: "/rides" body: "*"'), over_http('patch: "/rides" body: "*"', name="Other")),
        # An rpc that no saga calls needs no options.
        service(GET, "rpc Rename(Anonymous) returns (Ticket);", "rpc Watch(Booking) returns (stream Ticket);"),
        *(
            service(
                rpc(COMPENSABLE, request="Reservation"),
                rpc("effect: EFFECT_RETRYABLE", name="Cancel", request="Cancellation"),
                messages=f"""
                    message Reservation {{ string order_id = 1; {strict} }}
                    message Cancellation {{ string order_id = 1; {loose} }}
                """,
            )
            for strict, loose in LOOSER
        ),
        service(
            rpc("effect: EFFECT_PIVOT", request="Marked"),
            messages="message Marked { string booking_reference = 1 [(saga.v1.field).identity = true]; }",
        ),
        service(
            rpc(COMPENSABLE),
            rpc("effect: EFFECT_RETRYABLE", name="Cancel", request="Cancellation"),
            messages="""message Cancellation {
                string order_id = 1;
                string ticket_id = 2
                    [(saga.v1.field) = {source: SOURCE_RESPONSE when_unknown: WHEN_UNKNOWN_LEAVE_EMPTY}];
            }""",
        ),
        service(
            rpc(COMPENSABLE, request="Tagged"),
            rpc("effect: EFFECT_RETRYABLE", name="Cancel", request="Untagged"),
            messages="""
                message Tagged { string order_id = 1; map<string, Ticket> tickets = 2; }
                message Untagged { string order_id = 1; map<string, Ticket> tickets = 2; }
            """,
        ),
    ],
)
def test_a_complete_contract_has_no_violations(
    contract: str, compile_service: Callable[..., ServiceDescriptor]
) -> None:
    assert check_service(compile_service(contract)) == []


def test_a_service_that_says_nothing_of_commands_takes_no_part_in_sagas(
    compile_service: Callable[..., ServiceDescriptor],
) -> None:
    assert check_service(compile_service(service("rpc Book(Anonymous) returns (Ticket);"))) == []


def test_two_things_wrong_with_one_rule_are_told_apart(
    compile_service: Callable[..., ServiceDescriptor],
) -> None:
    contract = service(rpc("effect: EFFECT_QUERY retry: {attempts: 500 factor: 0.1}"))

    assert len(check_service(compile_service(contract))) == 2


def test_a_violation_reads_as_file_rpc_rule_and_advice(
    compile_service: Callable[..., ServiceDescriptor],
) -> None:
    (violation,) = check_service(compile_service(service(rpc("effect: EFFECT_COMPENSABLE"))))

    assert str(violation) == (
        "ferry.proto: FerryService.Book: [compensable-names-compensation] it is compensable, and nothing says by what; "
        "name the rpc that takes its effect back in `compensation:`, or state another effect"
    )


def test_the_documented_rules_are_the_rules_and_each_is_broken_by_a_test() -> None:
    documented = re.findall(r"^``([a-z-]+)``", rules.__doc__ or "", flags=re.MULTILINE)

    assert documented == list(rules.RULES)
    assert set(BREAKING) == set(rules.RULES)


def test_our_own_contracts_have_no_violations() -> None:
    protos = ROOT / "protos"
    names = {str(path.relative_to(protos)) for path in protos.rglob("*.proto")}
    files = load_image(describe(protos), names)

    assert [
        violation for file in files for each in file.services_by_name.values() for violation in check_service(each)
    ] == []
