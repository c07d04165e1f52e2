"""Where credentials come from, and which are refused."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest

import orchestrator
from orchestrator.channels.grpc.credentials import Security
from orchestrator.channels.grpc.securing import SecurityFiles, open_security
from orchestrator.errors import SettingsError
from tests.support.certificate_files import Authority

LIBRARY = Path(orchestrator.__file__).parent
OPENS = {"insecure_channel", "secure_channel"}


def test_every_channel_of_the_orchestrator_is_opened_in_one_place() -> None:
    # The shop is an application: its demo stands where its customers do.
    opened_in = {
        file.relative_to(LIBRARY).as_posix()
        for file in LIBRARY.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in OPENS
    }

    assert {file for file in opened_in if not file.startswith("shop/")} == {"channels/grpc/credentials.py"}


@pytest.mark.parametrize(
    ("participants", "exposed"),
    [
        ({"hotel.v1.HotelService": "127.0.0.1:1", "trip.v1.TripService": "dns:///localhost:1"}, ""),
        ({"hotel.v1.HotelService": "hotel:1", "trip.v1.TripService": "127.0.0.1:1"}, "hotel.v1.HotelService=hotel:1;"),
        ({"hotel.v1.HotelService": "grpc://10.0.0.7:1"}, "hotel.v1.HotelService=grpc://10.0.0.7:1;"),
        ({"hotel.v1.HotelService": "http://127.0.0.1:1/hotel"}, ""),
        ({"hotel.v1.HotelService": "https://hotel/v1"}, ""),
        ({"hotel.v1.HotelService": "http://hotel/v1"}, "hotel.v1.HotelService=http://hotel/v1;"),
    ],
    ids=["on this machine", "by its name", "by its scheme", "http on this machine", "https", "http"],
)
def test_commands_do_not_go_over_a_network_without_tls(participants: dict[str, str], exposed: str) -> None:
    if not exposed:
        assert open_security(SecurityFiles(), participants, insecure=False) == Security()
        return
    with pytest.raises(SettingsError, match="over a network without TLS, to ") as refused:
        open_security(SecurityFiles(), participants, insecure=False)
    assert exposed in str(refused.value)


def test_commands_that_go_over_a_network_all_the_same_are_told_at_each_start(caplog: pytest.LogCaptureFixture) -> None:
    assert open_security(SecurityFiles(), {"hotel.v1.HotelService": "hotel:1"}, insecure=True) == Security()
    assert "INSECURE: commands go over a network without TLS, to hotel.v1.HotelService=hotel:1" in caplog.text


def test_an_authority_for_grpc_does_not_make_http_unreadable(tmp_path: Path) -> None:
    files = SecurityFiles(ca=Authority(tmp_path).issue("orchestrator.example").ca)

    with pytest.raises(SettingsError, match=r"without TLS, to hotel\.v1\.HotelService=http://hotel; .* https://"):
        open_security(files, {"hotel.v1.HotelService": "http://hotel", "a.v1.A": "payment:1"}, insecure=False)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ca": "nowhere.pem"}, "No such file"),
        ({"ca": "{key}"}, "there is no certificate in PEM"),
        ({"certificate": "{certificate}", "key": "{key}"}, "ORCHESTRATOR_PARTICIPANT_TLS_CA is needed"),
        ({"ca": "{ca}", "certificate": "{certificate}"}, "are needed, both of them or neither"),
        ({"ca": "{ca}", "certificate": "{ended}", "key": "{ended_key}"}, "the certificate of ended.example ended on "),
    ],
    ids=["no file", "no certificate", "no authority", "no key", "ended"],
)
def test_files_that_cannot_be_used_are_refused(tmp_path: Path, given: dict[str, str], told: str) -> None:
    authority = Authority(tmp_path)
    good = authority.issue("orchestrator.example")
    ended = authority.issue("ended.example", life=timedelta(hours=-1))
    names = {**good._asdict(), "ended": ended.certificate, "ended_key": ended.key}
    files = {name: Path(value.format(**names)) for name, value in given.items()}

    with pytest.raises(SettingsError, match=re.escape(told)):
        open_security(SecurityFiles(**files), {}, insecure=False)  # type: ignore[arg-type]  # they are files


@pytest.mark.parametrize("content", ["", "two words"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    files = SecurityFiles(tokens={"hotel.v1.HotelService": file})

    with pytest.raises(SettingsError, match=r"it does not hold one token$"):
        open_security(files, {"hotel.v1.HotelService": "127.0.0.1:1"}, insecure=False)


def test_a_name_or_a_token_for_a_service_that_no_saga_uses_is_refused(tmp_path: Path) -> None:
    for files in (SecurityFiles(names={"a.v1.A": "a"}), SecurityFiles(tokens={"a.v1.A": tmp_path})):
        with pytest.raises(SettingsError, match=r"no saga uses a\.v1\.A"):
            open_security(files, {"hotel.v1.HotelService": "127.0.0.1:1"}, insecure=False)
