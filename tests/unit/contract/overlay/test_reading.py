"""An overlay file says what a contract would say, and a mistake in it is told with its file and line."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from orchestrator.contract.options import Place
from orchestrator.contract.overlay.reading import read_overlays
from orchestrator.errors import ContractError
from saga.v1 import contract_pb2

CHARGE = "demo.PaymentService.Charge"

ALL = """\
methods:
- method: demo.PaymentService/Charge
  effect: COMPENSABLE
  compensation:
    method: refunds.v1.RefundService.Refund
    request:
      transaction_id: {response: transaction_id, when_unknown: SUSPEND}
      amount: {request: payer.amount}
      reason: {constant: rolled back}
      number: {constant: 9007199254740993}
  verify: FindCharge
  on_unknown: VERIFY
  timeout: 1.5s
  retry: {attempts: 3, first_delay: 250ms, factor: 1.5, cap: 1m}
  not_idempotent: true
  identity: [trip_id]
  outcomes:
  - {code: UNKNOWN, message_contains: card, outcome: REJECTED}
  - {code: ABORTED, reason: BUSY, outcome: RETRY}
fields:
- field: demo.Card.number
  sensitive: true
- field: demo.Order.customer
  attribute: true
- field: demo.Undo.id
  source: RESPONSE
  when_unknown: LEAVE_EMPTY
"""
SAID = """
effect: EFFECT_COMPENSABLE
compensation: "refunds.v1.RefundService.Refund"
compensation_request { field: "transaction_id" response: "transaction_id" when_unknown: WHEN_UNKNOWN_SUSPEND }
compensation_request { field: "amount" request: "payer.amount" }
compensation_request { field: "reason" constant { string_value: "rolled back" } }
compensation_request { field: "number" constant { string_value: "9007199254740993" } }
verify: "FindCharge"
on_unknown: ON_UNKNOWN_VERIFY
timeout { seconds: 1 nanos: 500000000 }
retry { attempts: 3 first_delay { nanos: 250000000 } factor: 1.5 cap { seconds: 60 } }
not_idempotent: true
identity: "trip_id"
outcomes { code: UNKNOWN message_contains: "card" outcome: OUTCOME_REJECTED }
outcomes { code: ABORTED reason: "BUSY" outcome: OUTCOME_RETRY }
"""


def test_an_overlay_says_what_a_contract_would_say() -> None:
    said = read_overlays({"overlay.yaml": ALL})

    assert said.methods == {CHARGE: text_format.Parse(SAID, contract_pb2.Command())}
    assert said.fields["demo.Order.customer"] == contract_pb2.Field(attribute=True)
    assert said.fields["demo.Undo.id"] == text_format.Parse(
        "source: SOURCE_RESPONSE when_unknown: WHEN_UNKNOWN_LEAVE_EMPTY", contract_pb2.Field()
    )
    assert said.sensitive == {"demo.Card.number"}


@pytest.mark.parametrize(
    ("option", "line"),
    [("", 2), ("effect", 3), ("compensation", 4), ("compensation_request", 6), ("retry", 14), ("outcomes", 17)],
)
def test_each_option_has_its_line(option: str, line: int) -> None:
    assert read_overlays({"overlay.yaml": ALL}).place(CHARGE, option) == Place("overlay.yaml", line)


def test_an_option_that_is_not_said_is_at_the_line_of_its_subject() -> None:
    said = read_overlays({"overlay.yaml": ALL})

    assert said.place("demo.Card.number", "attribute") == Place("overlay.yaml", 21)
    assert said.place("demo.Card.cvv") is None


def test_several_overlays_say_together_what_they_say() -> None:
    one = "methods: [{method: demo.A.Do, effect: QUERY}]"
    other = "methods: [{method: demo.B.Do, effect: PIVOT}]"

    assert set(read_overlays({"one.yaml": one, "other.yaml": other}).methods) == {"demo.A.Do", "demo.B.Do"}


def entry(text: str) -> str:
    return f"methods:\n- method: demo.A.Do\n  {text}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":1: it says nothing"),
        ("methods: [", ":1: this is not YAML"),
        ("\x00", ":1: this is not YAML"),
        ("- methods", ":1: `the file` is a list; write a mapping"),
        ("metods: []", ":1: `metods` is no option here; did you mean `methods`?"),
        ("methods:\n", ":1: `methods` has no value"),
        ("methods:\n- effect: QUERY\n", ":2: `method` is missing"),
        (entry("efect: QUERY"), ":3: `efect` is no option here; did you mean `effect`?"),
        (entry("effect: QUERRY"), ":3: `effect` is 'QUERRY'"),
        (entry("effect: QUERY\n  effect: PIVOT"), ":4: `effect` stands here twice"),
        (entry("timeout: 2 seconds"), ":3: `timeout` is '2 seconds', and no span of time"),
        (entry("timeout: 2"), ":3: `timeout` is 2"),
        (entry("timeout:"), ":3: `timeout` has no value"),
        (entry("retry:\n    attempts: 0"), ":4: `attempts` is 0"),
        (entry("retry: often"), ":3: `retry` is a text; write a mapping"),
        (entry("outcomes:\n  - {code: BROKEN, outcome: REJECTED}"), ":4: there is no status code 'BROKEN'"),
        (entry("outcomes:\n  - {code: UNKNOWN}"), ":4: `outcome` is missing"),
        (entry("compensation:\n    request: {}"), ":3: `method` is missing"),
        (entry("compensation:\n    method: B\n    request:\n      id: {reqest: id}"), ":6: `reqest` is no option here"),
        (entry("compensation:\n    method: B\n    request:\n      id: {}"), ":6: `id`: state one of"),
        (
            entry("compensation:\n    method: B\n    request:\n      id: {request: id, constant: 1}"),
            ":6: `id`: state one of",
        ),
        (entry("effect: QUERY\n- method: demo.A/Do"), ":4: demo.A.Do has an entry already, in overlay.yaml:2"),
        ("fields:\n- {field: demo.Card.number, sensitve: true}\n", ":2: `sensitve` is no option here"),
        ("methods: &all\n- *all\n", ":1: it contains itself"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(ContractError) as error:
        read_overlays({"overlay.yaml": text})

    assert str(error.value).startswith(f"overlay.yaml{told}")
    assert "\n" not in str(error.value)


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    with pytest.raises(ContractError) as error:
        read_overlays({"overlay.yaml": entry("efect: QUERY\n  timeout: soon")})

    assert [line.split(":")[1] for line in sorted(str(error.value).splitlines())] == ["3", "4"]
