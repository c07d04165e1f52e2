"""A command that a saga sends to a participant over HTTP has an HTTP rule, or nothing starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.bootstrap import opened
from orchestrator.cli.participants import examine_participants
from orchestrator.contract.overlay.reading import read_overlays
from orchestrator.contract.rules.http import check_mapped
from orchestrator.errors import ContractError, DefinitionError
from orchestrator.ports.findings import Severity
from orchestrator.settings import read_settings
from tests.support.contracts import pool
from tests.unit.testing.matrix.selling_saga import sell

if TYPE_CHECKING:
    from google.protobuf.descriptor import ServiceDescriptor

    from tests.support.http_participant import HttpParticipant

_PROTOS = Path(__file__).parents[3] / "acceptance" / "guarded_hotel" / "protos"
HOTEL = "hotel.v1.HotelService"
SENT = {f"{HOTEL}.{name}" for name in ("BookRoom", "CancelRoom", "GetBooking")}


@pytest.fixture(scope="module")
def hotel() -> ServiceDescriptor:
    """A contract that says nothing of HTTP."""
    return pool(_PROTOS).FindServiceByName(HOTEL)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8001", "https://hotel/v1"])
def test_a_command_without_a_rule_is_told_with_what_to_write(hotel: ServiceDescriptor, address: str) -> None:
    book, cancel, get = check_mapped([hotel], {HOTEL: address}, SENT)

    assert str(book) == (
        f"hotel/v1/hotel.proto: HotelService.BookRoom: [http-maps-command] {HOTEL} is reached at {address}, and "
        "nothing says how this command is called there; add an option to its contract, such as "
        '`option (google.api.http) = {post: "/bookRoom" body: "*"};`, or `http: {post: /bookRoom, body: "*"}` to an '
        "overlay; or give an address with grpc://"
    )
    assert cancel.rpc == "HotelService.CancelRoom"
    assert '{get: "/getBooking"}' in get.message


@pytest.mark.parametrize("where", [{}, {HOTEL: "127.0.0.1:1"}, {HOTEL: "grpc://hotel:1"}], ids=str)
def test_a_participant_over_grpc_needs_no_rule(hotel: ServiceDescriptor, where: dict[str, str]) -> None:
    assert check_mapped([hotel], where, SENT) == []


def test_only_what_a_saga_may_send_needs_a_rule(hotel: ServiceDescriptor) -> None:
    [violation] = check_mapped([hotel], {HOTEL: "http://hotel"}, {f"{HOTEL}.GetBooking"})

    assert violation.rpc == "HotelService.GetBooking"


def test_what_an_overlay_says_is_a_rule(hotel: ServiceDescriptor, monkeypatch: pytest.MonkeyPatch) -> None:
    overlay = "methods: [{method: hotel.v1.HotelService.BookRoom, http: {post: /rooms, body: '*'}}]"
    monkeypatch.setattr(
        "orchestrator.contract.http_rule.annotations_of", lambda _: read_overlays({"overlay.yaml": overlay})
    )

    assert {each.rpc for each in check_mapped([hotel], {HOTEL: "http://hotel"}, SENT)} == {
        "HotelService.CancelRoom",
        "HotelService.GetBooking",
    }


async def test_an_orchestrator_does_not_start_with_a_command_that_cannot_be_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestrator.contract.rules.http.compiled_rule", lambda _: None)
    where = ",".join(f"{name}=http://127.0.0.1:1" for name in sell.services)
    settings = read_settings(participants=where, journal="memory:")

    with pytest.raises(DefinitionError, match=r"InventoryService\.ReserveStock: \[http-maps-command\]"):
        async with opened(settings, [sell]):
            pass


async def test_the_doctor_asks_a_participant_over_http_for_its_health(
    participant: HttpParticipant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.channels.http.channel.rule_of", lambda _: None)
    where = ",".join(f"{name}=http://{participant.address}" for name in sell.services)

    found = await examine_participants(read_settings(participants=where), [sell])

    assert {finding.severity for finding in found} == {Severity.FINE}
    told = {finding.about: finding.what for finding in found}
    assert told["participant shop.inventory.v1.InventoryService"] == f"http://{participant.address} serves it"
    assert told["contract shop.inventory.v1.InventoryService"] == "not compared: not reached over gRPC"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{}", "state one of `get`, `put`, `post`, `delete`, `patch` and `custom`"),
        ("{get: /a, post: /b}", "state one of `get`, `put`, `post`, `delete`, `patch` and `custom`"),
        ("{pots: /a}", "`pots` is no option here; did you mean `post`?"),
    ],
)
def test_a_mistake_in_an_overlay_is_told_with_its_line(said: str, told: str) -> None:
    with pytest.raises(ContractError) as refused:
        read_overlays({"overlay.yaml": f"methods:\n- method: a.B.C\n  http: {said}\n"})

    assert str(refused.value).startswith("overlay.yaml:3: ")
    assert told in str(refused.value)
