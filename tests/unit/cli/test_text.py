"""Text from outside is harmless, whatever holds it, and every payload can be shown."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status

from orchestrator.cli.output.payloads import Payloads
from orchestrator.cli.output.text import made_visible, visible
from orchestrator.contract.wording import counted, for_people
from orchestrator.errors import SettingsError
from orchestrator.ports.quotas import Rate
from orchestrator.settings import Settings, read_settings
from saga.v1 import saga_pb2

EVIL, TAME = "a\x1b[2J\nb\u202ec", r"a\x1b[2J\nb\u202ec"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("José ☃ 🙂", "José ☃ 🙂"),
        (EVIL, TAME),
        ("\x9b31m\x7f", r"\x9b31m\x7f"),
        ("\ud800", r"\ud800"),
        ("tab\there", r"tab\there"),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_every_text_of_an_answer_is_made_harmless_wherever_it_stands() -> None:
    saga = saga_pb2.Saga(
        saga_id=EVIL,
        attributes={EVIL: EVIL},
        reason=saga_pb2.Reason(message=EVIL),
        steps=[saga_pb2.Step(key=EVIL, error=Status(message=EVIL))],
        journal=[saga_pb2.JournalEntry(value=EVIL)],
        waiting=[saga_pb2.Waiting(error=Status(message=EVIL))],
    )

    assert made_visible(saga) == saga_pb2.Saga(
        saga_id=TAME,
        attributes={TAME: TAME},
        reason=saga_pb2.Reason(message=TAME),
        steps=[saga_pb2.Step(key=TAME, error=Status(message=TAME))],
        journal=[saga_pb2.JournalEntry(value=TAME)],
        waiting=[saga_pb2.Waiting(error=Status(message=TAME))],
    )


def packed(message: object) -> AnyMessage:
    box = AnyMessage()
    box.Pack(message)  # type: ignore[arg-type]
    return box


NOT_A_NUMBER = Struct()
NOT_A_NUMBER.fields["rate"].number_value = float("nan")
UNKNOWN = AnyMessage(type_url="type.googleapis.com/nobody.knows.This", value=b"12345")


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (packed(NOT_A_NUMBER), "nan"),
        (packed(Timestamp(seconds=10**15)), "1000000000000000"),
        (packed(Duration(seconds=10**15)), "1000000000000000"),
        (packed(saga_pb2.Saga(input=UNKNOWN)), "nobody.knows.This"),
        (packed(saga_pb2.Saga(started_at=Timestamp(seconds=-(10**15)))), "-1000000000000000"),
        (UNKNOWN, "nobody.knows.This, 5 bytes"),
        (AnyMessage(type_url="type.googleapis.com/saga.v1.Saga", value=b"\xff\xff"), "saga.v1.Saga, 2 bytes"),
        (AnyMessage(type_url="type.googleapis.com/saga.v1.Saga", value=b"\x0a\x01\xff"), "saga.v1.Saga, 3 bytes"),
        (packed(saga_pb2.Saga(saga_id=EVIL)), r"\u202e"),
    ],
)
def test_a_payload_that_json_cannot_express_is_shown_as_text_or_type(payload: AnyMessage, shown: str) -> None:
    told = Payloads(descriptor_pool.Default()).as_json(payload)

    assert shown in told
    assert told.isprintable()


@pytest.mark.parametrize(
    ("violation", "told"),
    [
        ("must be at least 1 characters", "must not be empty"),
        ("must be at least 2 characters", "must be at least 2 characters"),
        ("must be at most 1 characters", "must be at most 1 character"),
        ("must contain at least 1 item(s)", "must not be empty"),
        ("must contain no more than 3 item(s)", "must contain no more than 3 items"),
        ("value is empty, which is not a valid UUID", "must not be empty: give a valid UUID"),
        ("must be greater than or equal to 1", "must be 1 or more"),
        ("must be greater than or equal to 0 and less than or equal to 9", "must be 0 or more and 9 or less"),
        ("does not match regex pattern `^a$`", "is not written as its contract demands (^a$)"),
        ("value is required", "must be given"),
        ("value must be one of the defined enum values", "must be one of the values that its contract names"),
        ("must not be in list [0]", "must be given, and not as 0"),
        ("must not be in list [1, 2]", "must be none of: 1, 2"),
        ("map must be at most 2 entries", "must be at most 2 entries"),
        ("of the contract's own", "of the contract's own"),
    ],
)
def test_violations_are_written_in_words(violation: str, told: str) -> None:
    assert for_people(violation) == told


def test_counts_are_written_in_words_for_people() -> None:
    assert [counted(number, "saga") for number in (0, 1, 2, 3000)] == ["no sagas", "1 saga", "2 sagas", "3,000 sagas"]
    assert counted(0, "saga", none="0") == "0 sagas"


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"listen": "nowhere"}, "ORCHESTRATOR_LISTEN: expected host:port, such as 127.0.0.1:50100, not 'nowhere'"),
        (
            {"journal": "mysql:x"},
            "ORCHESTRATOR_JOURNAL: expected sqlite:<path>, postgresql://<host>/<database> or memory:, not 'mysql:x'",
        ),
        ({"log_level": "LOUD"}, "ORCHESTRATOR_LOG_LEVEL: expected DEBUG, INFO, WARNING or ERROR, not 'LOUD'"),
        ({"most_in_flight": "0"}, "ORCHESTRATOR_MOST_IN_FLIGHT: expected a whole number, 1 or more, not '0'"),
        (
            {"rates": "a.Shop=fast"},
            "ORCHESTRATOR_RATES: expected full.service.Name=50/s or =30/min, separated by commas, not 'a.Shop=fast'",
        ),
        (
            {"weights": "trip"},
            "ORCHESTRATOR_WEIGHTS: expected place_order=3, separated by commas; each 1 or more, not 'trip'",
        ),
    ],
)
def test_the_error_of_a_setting_says_which_values_are_valid(option: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(**option)
    assert str(refused.value) == told


@pytest.mark.parametrize("rate", ["0/s", "-1/s", "50", "50/h", "1.5/s", "100001/s", "/s"])
def test_a_rate_is_a_whole_number_of_calls_in_a_second_or_a_minute(rate: str) -> None:
    with pytest.raises(SettingsError, match="ORCHESTRATOR_RATES"):
        read_settings(rates=f"shop.v1.Shop={rate}")


@pytest.mark.parametrize("field", ["most_live_by_definition", "weights"])
def test_no_definition_is_starved_by_a_setting(field: str) -> None:
    with pytest.raises(SettingsError, match="each 1 or more"):
        read_settings(**{field: "trip=0"})


def test_limits_are_read_by_name() -> None:
    settings = read_settings(
        rates="shop.v1.Shop=50/s, shop.v1.Bank=30/min", most_live_by_definition="trip=2,order=3", weights="trip=5"
    )

    assert settings.rates == {"shop.v1.Shop": Rate(50, 1), "shop.v1.Bank": Rate(30, 60)}
    assert (settings.most_live_by_definition, settings.weights) == ({"trip": 2, "order": 3}, {"trip": 5})


def test_every_setting_says_in_words_which_values_are_valid() -> None:
    for field in Settings.model_fields:
        with pytest.raises(SettingsError, match=r"expected .*, not"):
            read_settings(**{field: object()})
