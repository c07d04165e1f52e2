"""Participants in Go and in Node, built by the commands of `services/README.md`, and a saga over both."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf import descriptor_pb2, json_format, message_factory

from orchestrator.participant import guard, metadata, transactions
from orchestrator.shop.demo.procfile import ROOT
from saga.v1.saga_pb2 import STATUS_COMPENSATED, STATUS_COMPLETED, Saga
from saga.v1.saga_service_pb2 import StartSagaRequest
from saga.v1.saga_service_pb2_grpc import SagaServiceStub
from tests.support.blocking import reply_of, stub_over
from tests.support.contracts import call, pool
from tests.support.languages import PATIENCE, Process, copy_of, done, fetched, running
from tests.support.tokens import keep_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import FileDescriptor

# Modules are fetched and compiled once for each machine, and that takes longer than any test.
pytestmark = pytest.mark.timeout(600)

SOURCE = Path(__file__).parent / "other_languages"
PAGE = ROOT / "services" / "README.md"
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
HOTEL, AIRLINE = "hotel.v1.HotelService", "airline.v1.AirlineService"
HOTEL_ADDRESS, AIRLINE_ADDRESS = "127.0.0.1:52001", "127.0.0.1:52002"
ANY_PORT = "127.0.0.1:0"


def commands(beginning: str) -> list[str]:
    """The lines of the page's one block of commands that begins so."""
    [found] = [code for language, code in BLOCKS if language == "sh" and code.startswith(beginning)]
    return found.replace("\\\n", " ").splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the examples, elsewhere."""
    return copy_of(SOURCE, tmp_path_factory.mktemp("elsewhere") / "travel")


@pytest.fixture(scope="module")
def hotel(folder: Path) -> Iterator[Process]:
    """The guarded participant, built from its own contract by Go."""
    tools, generate, build, start = commands("GOBIN=")
    fetched(folder, "go", "go mod download")
    fetched(folder, "go", tools)
    done(folder, "go", generate)
    done(folder, "go", build)
    with running(folder, "go", start.replace(HOTEL_ADDRESS, ANY_PORT)) as process:
        yield process


@pytest.fixture(scope="module")
def airline(folder: Path) -> Iterator[Process]:
    """The plain service, by Node."""
    install, start = commands("npm install")
    fetched(folder, "node", f"{install} --no-audit --no-fund")
    with running(folder, "node", start.replace(AIRLINE_ADDRESS, ANY_PORT)) as process:
        yield process


@pytest.fixture(scope="module")
def orchestrator(folder: Path, hotel: Process, airline: Process) -> Iterator[Process]:
    """Over both."""
    generate, check, serve = commands("orchestrator generate")
    done(folder, ".", generate)
    assert "2 contracts, 5 commands, 1 saga: no violations" in done(folder, ".", check)
    keep_token(folder / ".state")
    serve = serve.replace(HOTEL_ADDRESS, hotel.address).replace(AIRLINE_ADDRESS, airline.address)
    with running(folder, ".", f"{serve} --listen {ANY_PORT}") as process:
        yield process


def travel(address: str, city: str, budget: int) -> tuple[Saga, dict[str, str]]:
    """Start a saga, wait for its end, and read its result, with the contract and no stubs of it."""
    known = pool(SOURCE / "protos" / "annotated")
    order, result = (
        message_factory.GetMessageClass(known.FindMessageTypeByName(f"travel.v1.{name}"))()
        for name in ("TravelRequest", "Travel")
    )
    json_format.ParseDict({"city": city, "budget": budget}, order)
    request = StartSagaRequest(definition="travel")
    request.wait.FromSeconds(20)
    request.input.Pack(order)
    with grpc.insecure_channel(address) as channel:
        saga = reply_of(stub_over(channel, SagaServiceStub).StartSaga(request, timeout=PATIENCE)).saga
    saga.result.Unpack(result)
    return saga, json_format.MessageToDict(result)


def booking(address: str, trip: str) -> grpc.StatusCode:
    """What the hotel says of the room of a trip."""
    try:
        call(pool(SOURCE / "protos" / "theirs"), address, f"{HOTEL}/GetBooking", {"trip_id": trip})
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def compensated(saga: Saga) -> list[str]:
    steps = [step for step in saga.steps if step.HasField("compensation")]
    return [step.compensation.method for step in sorted(steps, key=lambda step: step.compensation.position)]


def checked(folder: Path, conform: str) -> dict[tuple[str, str], str]:
    """The verdicts by rpc and check; none of them is a failure."""
    report = json.loads(done(folder, ".", f"{conform} --json"))
    return {(each["rpc"], each["check"]): each["verdict"] for each in report["findings"]}


def shape(file: FileDescriptor) -> dict[str, object]:
    """What a file is on the wire: its messages and methods, without options and imports."""
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    methods = [method for service in proto.service for method in service.method]
    fields = [field for message in proto.message_type for field in message.field]
    for each in (proto, *methods, *fields):
        each.ClearField("options")
    proto.ClearField("dependency")
    return json_format.MessageToDict(proto)


def test_the_page_shows_the_code_of_the_examples() -> None:
    known = [path.read_text() for path in SOURCE.rglob("*") if path.is_file()]
    shown = [code for language, code in BLOCKS if language != "sh"]
    assert len(shown) == 6
    assert all(any(code in text for text in known) for code in shown)


def test_the_page_shows_whole_files_of_go_node_and_python() -> None:
    shown = {code for _, code in BLOCKS}
    assert {SOURCE.joinpath(name).read_text() for name in ("go/guard.go", "go/main.go", "node/server.js")} <= shown
    assert (SOURCE / "travel_sagas.py").read_text() in shown


def test_the_guard_in_go_has_less_than_sixty_lines_in_the_form_of_gofmt(folder: Path, hotel: Process) -> None:
    assert hotel.address, "there is a Go to ask"
    assert len((SOURCE / "go" / "guard.go").read_text().splitlines()) < 60
    assert done(folder, "go", "gofmt -l guard.go main.go") == ""


def test_the_links_of_the_page_lead_somewhere() -> None:
    text = re.sub(r"^```.*?^```", "", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    assert all((PAGE.parent / link.partition("#")[0]).exists() for link in links)


def test_the_page_names_the_metadata_that_the_guard_reads() -> None:
    named = set(re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(), flags=re.MULTILINE))
    values = vars(metadata)
    assert named == {values[name] for name in ("IDEMPOTENCY_KEY", "COMPENSATES", "VERIFIES", "SAGA_ID", "TRACEPARENT")}


def test_the_page_says_of_each_reason_of_the_guard() -> None:
    code = "".join(Path(module.__file__ or "").read_text() for module in (guard, transactions))
    raised = set(re.findall(r'"([A-Z]+_[A-Z_]+)"', code))
    assert raised
    assert raised <= set(re.findall(r"`([A-Z_]+)`", PAGE.read_text()))


@pytest.mark.parametrize("name", ["hotel/v1/hotel.proto", "airline/v1/airline.proto"])
def test_an_annotated_copy_is_the_contract_of_the_service_with_options(name: str) -> None:
    theirs, ours = (pool(SOURCE / "protos" / kind).FindFileByName(name) for kind in ("theirs", "annotated"))
    assert shape(theirs) == shape(ours)


def test_a_participant_in_go_passes_every_check_of_its_guard(folder: Path, hotel: Process) -> None:
    [command] = commands(f"orchestrator conform {HOTEL}")
    verdicts = checked(folder, command.replace(HOTEL_ADDRESS, hotel.address))
    assert verdicts["BookRoom", "echoes"] == "passed"
    assert set(verdicts.values()) == {"passed", "not applicable"}
    # What needs a restart, and constraints that its contract does not state.
    assert sum(verdict == "not applicable" for verdict in verdicts.values()) == 5


def test_a_participant_in_go_repeats_its_rejection_after_the_compensation(hotel: Process) -> None:
    known, nowhere = pool(SOURCE / "protos" / "theirs"), {"trip_id": "trip-0", "city": "Nowhere"}
    rejections = []
    for _ in range(2):
        with pytest.raises(grpc.RpcError) as rejected:
            call(known, hotel.address, f"{HOTEL}/BookRoom", nowhere, (metadata.IDEMPOTENCY_KEY, "booking"))
        echoes = [
            str(each.value) for each in rejected.value.trailing_metadata() if each.key == metadata.IDEMPOTENCY_KEY
        ]
        rejections.append((rejected.value.details(), echoes))
        keys = (metadata.IDEMPOTENCY_KEY, "cancelling"), (metadata.COMPENSATES, "booking")
        assert call(known, hotel.address, f"{HOTEL}/CancelRoom", {"trip_id": "trip-0"}, *keys) == {}
    assert rejections == [("no hotel in Nowhere", ["booking"])] * 2


def test_a_plain_service_in_node_fails_no_check(folder: Path, airline: Process) -> None:
    [command] = commands(f"orchestrator conform {AIRLINE}")
    verdicts = checked(folder, command.replace(AIRLINE_ADDRESS, airline.address))
    assert verdicts["BuyTicket", "accepts-command"] == "passed"
    assert verdicts["BuyTicket", "command-after-compensation"] == "not applicable"


def test_both_live_contracts_are_compared_and_their_missing_options_are_no_difference(orchestrator: Process) -> None:
    told = "".join(orchestrator.told)
    assert "not compared" not in told
    assert "differs" not in told


def test_a_saga_over_go_and_node_completes(orchestrator: Process, hotel: Process) -> None:
    saga, result = travel(orchestrator.address, "Lisbon", budget=500)

    assert saga.status == STATUS_COMPLETED
    assert result.pop("ticket")
    assert result == {"room": "Sea view, Lisbon"}
    assert booking(hotel.address, saga.saga_id) is grpc.StatusCode.OK


def test_a_saga_over_go_and_node_rolls_back_both(orchestrator: Process, hotel: Process, airline: Process) -> None:
    saga, _ = travel(orchestrator.address, "Porto", budget=100)

    assert saga.status == STATUS_COMPENSATED
    assert compensated(saga) == [f"{AIRLINE}.RefundTicket", f"{HOTEL}.CancelRoom"]
    assert booking(hotel.address, saga.saga_id) is grpc.StatusCode.NOT_FOUND
    assert any(re.fullmatch(r"refunded T\d+, Porto\n", line) for line in airline.says)


def test_a_text_of_node_is_a_rejection_and_rolls_back_go(orchestrator: Process, hotel: Process) -> None:
    saga, _ = travel(orchestrator.address, "Atlantis", budget=500)

    assert saga.status == STATUS_COMPENSATED
    assert "no airport in Atlantis" in saga.reason.message
    assert compensated(saga) == [f"{HOTEL}.CancelRoom"]
    assert booking(hotel.address, saga.saga_id) is grpc.StatusCode.NOT_FOUND


def test_a_rejection_of_go_tells_its_reason_and_ends_the_saga(orchestrator: Process) -> None:
    saga, _ = travel(orchestrator.address, "Nowhere", budget=500)

    assert saga.status == STATUS_COMPENSATED
    assert "NO_HOTEL" in saga.reason.message
    assert compensated(saga) == []
