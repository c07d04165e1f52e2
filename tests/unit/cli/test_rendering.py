"""Sagas as a terminal shows them."""

from __future__ import annotations

import io
from datetime import UTC

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.code_pb2 import FAILED_PRECONDITION, UNAVAILABLE
from google.rpc.status_pb2 import Status
from rich.console import Console, RenderableType

from orchestrator.cli.output.rendering import (
    changes,
    current_step,
    progress_text,
    reason_text,
    saga_page,
    sagas_table,
    waiting_text,
)
from orchestrator.cli.output.terminal import Terminal
from saga.v1 import contract_pb2, saga_pb2

SHOP = "shop.payment.v1.PaymentService"
EARLIER = "2027-01-15 08:00:00 UTC (3 minutes ago)"


@pytest.fixture(autouse=True)
def _three_minutes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is three minutes after the instant ``at(0)``."""
    monkeypatch.setattr("orchestrator.cli.output.instants.now", lambda: at(180).ToDatetime(UTC))


def drawn(what: RenderableType) -> list[str]:
    console = Console(file=io.StringIO(), width=120)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def step(method: str, state: saga_pb2.StepState.ValueType, **more: object) -> saga_pb2.Step:
    begun = state not in {saga_pb2.STEP_STATE_NOT_BEGUN, saga_pb2.STEP_STATE_SKIPPED}
    return saga_pb2.Step(
        key=f"PaymentService.{method}#1" if begun else "",
        method=f"{SHOP}.{method}",
        effect=contract_pb2.EFFECT_COMPENSABLE,
        state=state,
        **more,  # type: ignore[arg-type]
    )


def at(seconds: int) -> Timestamp:
    return Timestamp(seconds=1_800_000_000 + seconds)


def test_a_page_shows_where_the_saga_stands_and_why() -> None:
    saga = saga_pb2.Saga(
        saga_id="order-1",
        definition="place_order",
        version=2,
        status=saga_pb2.STATUS_COMPENSATED,
        started_at=at(0),
        ended_at=at(2),
        trace_id="ab" * 16,
        attributes={"customer_id": "alice"},
        reason=saga_pb2.Reason(code="REJECTED", step_key="A.B#1", message="A.B#1: FAILED_PRECONDITION: no"),
    )
    assert drawn(saga_page(saga))[:3] == [
        "place_order v2  order-1  compensated in 2.0 s",
        f"customer_id alice · started 2027-01-15 08:00:00 UTC (3 minutes ago) · trace {'ab' * 16}",
        "because REJECTED at A.B#1: FAILED_PRECONDITION: no",
    ]


def test_each_step_shows_its_outcome_and_its_compensation() -> None:
    compensation = saga_pb2.Compensation(
        method=f"{SHOP}.Void", attempts=3, started_at=at(0), ended_at=at(1), position=1
    )
    steps = [
        step(
            "Hold",
            saga_pb2.STEP_STATE_COMPENSATED,
            attempts=2,
            duration=Duration(nanos=4_000_000),
            compensation=compensation,
        ),
        step("Charge", saga_pb2.STEP_STATE_REJECTED, error=Status(code=FAILED_PRECONDITION, message="declined")),
        step("Thank", saga_pb2.STEP_STATE_SKIPPED, conditional=True),
    ]
    assert drawn(saga_page(saga_pb2.Saga(steps=steps)))[3:] == [
        "↩ PaymentService.Hold    compensable  compensated, sent 2 times  4 ms  1. Void 1.0 s, sent 3 times",
        "✗ PaymentService.Charge  compensable  rejected: declined            -",
        "- PaymentService.Thank   compensable  skipped, conditional          -",
    ]


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (saga_pb2.STEP_STATE_COMPENSATED, "compensated, in doubt"),
        (saga_pb2.STEP_STATE_STANDS, "stands, in doubt"),
    ],
)
def test_a_step_rolled_back_in_doubt_shows_the_doubt_instead_of_its_last_error(
    state: saga_pb2.StepState.ValueType, told: str
) -> None:
    lost = step("Hold", state, error=Status(code=UNAVAILABLE, message="broken pipe"))
    shown = "\n".join(drawn(saga_page(saga_pb2.Saga(steps=[lost]))))
    assert told in shown
    assert "broken pipe" not in shown


def test_a_reason_names_who_asked() -> None:
    reason = saga_pb2.Reason(code="CANCELLED", message="changed my mind", requested_by="judy")
    assert reason_text(reason).plain == "because CANCELLED by judy: changed my mind"


def test_a_list_has_one_line_for_each_saga() -> None:
    running = saga_pb2.Saga(saga_id="order-1", definition="place_order", version=1, started_at=at(0))
    running.status = saga_pb2.STATUS_RUNNING
    assert drawn(sagas_table([running]))[1].split("  ")[:2] == ["order-1", "running"]


def test_changes_are_shown_once() -> None:
    before = [step("Hold", saga_pb2.STEP_STATE_IN_PROGRESS), step("Charge", saga_pb2.STEP_STATE_NOT_BEGUN)]
    after = [step("Hold", saga_pb2.STEP_STATE_COMPLETED), step("Charge", saga_pb2.STEP_STATE_IN_PROGRESS)]
    told = [line.plain for line in changes(before, after)]
    assert told == ["✓ PaymentService.Hold completed", "▸ PaymentService.Charge in progress"]
    assert changes(after, after) == []


def test_progress_is_a_sign_for_each_step() -> None:
    steps = [step("Hold", saga_pb2.STEP_STATE_COMPLETED), step("Charge", saga_pb2.STEP_STATE_IN_PROGRESS)]
    assert progress_text(steps).plain == "✓ ▸"
    assert current_step(steps) == "PaymentService.Charge"


def test_enum_values_of_a_newer_server_are_shown_as_numbers() -> None:
    assert drawn(saga_page(saga_pb2.Saga(status=99, steps=[step("Hold", 99)])))  # type: ignore[arg-type]


def narrow(what: RenderableType, width: int = 60) -> list[str]:
    terminal = Terminal(file=io.StringIO(), width=width)
    terminal.print(what)
    assert isinstance(terminal.file, io.StringIO)
    return [line.rstrip() for line in terminal.file.getvalue().splitlines()]


LONG_ID = f"{'0' * 36}/order-2026-000123/saga.fulfil_order_in_all_warehouses#1"


def test_a_list_that_does_not_fit_has_a_few_lines_for_each_saga() -> None:
    saga = saga_pb2.Saga(
        saga_id="0" * 36,
        definition="place_order",
        version=1,
        status=saga_pb2.STATUS_PARTIALLY_COMPENSATED,
        started_at=at(0),
        ended_at=at(2),
        attributes={"customer_id": "ada"},
    )

    assert narrow(sagas_table([saga])) == [
        f"{'0' * 36}  partially compensated",
        "    started 2027-01-15 08:00:00 UTC  took 2.0 s",
        "    place_order v1  customer_id=ada",
    ]


@pytest.mark.parametrize("width", [20, 60, 80, 120, 160])
def test_an_id_that_is_wider_than_the_terminal_is_left_to_it_whole(width: int) -> None:
    saga = saga_pb2.Saga(saga_id=LONG_ID, definition="place_order", version=1, status=saga_pb2.STATUS_COMPENSATED)
    long = step("Hold", saga_pb2.STEP_STATE_COMPLETED)
    long.key = f"warehouse-frankfurt-1/order-2026-000123/{'x' * 60}#1"
    saga.steps.append(long)

    for page in (sagas_table([saga]), saga_page(saga)):
        lines = narrow(page, width)
        assert any(LONG_ID in line for line in lines)
        assert any("compensated" in line for line in lines)
    assert any(long.key in line for line in narrow(saga_page(saga), width))


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_a_detail_that_is_wider_than_the_terminal_is_left_to_it_whole(width: int) -> None:
    definition = "fulfil_order_in_all_warehouses_of_the_north_and_tell_everybody"
    saga = saga_pb2.Saga(
        saga_id="0" * 36, definition=definition, version=1, status=saga_pb2.STATUS_COMPLETED, started_at=at(0)
    )

    lines = narrow(sagas_table([saga]), width)

    assert any(line.strip() == f"{definition} v1" for line in lines)
    assert any("started 2027-01-15 08:00:00 UTC" in line for line in lines)


def test_a_clock_that_was_set_back_makes_no_negative_duration() -> None:
    saga = saga_pb2.Saga(status=saga_pb2.STATUS_COMPLETED, started_at=at(3600), ended_at=at(0))

    assert "completed in 0 ms" in drawn(saga_page(saga))[0]


DOWN = saga_pb2.Waiting(
    reason=saga_pb2.WAIT_REASON_PARTICIPANT_DOWN,
    step_key="PaymentService.Hold#1",
    service=SHOP,
    attempt=6,
    since=at(0),
    until=at(2),
    error=Status(code=UNAVAILABLE, message="failed to connect to all addresses; last error: ..."),
)


def test_a_step_whose_participant_is_down_says_so_and_not_which_socket_failed() -> None:
    going = step("Hold", saga_pb2.STEP_STATE_IN_PROGRESS, error=DOWN.error, attempts=5)
    saga = saga_pb2.Saga(status=saga_pb2.STATUS_RUNNING, started_at=at(0), steps=[going], waiting=[DOWN])

    shown = drawn(saga_page(saga))
    assert waiting_text(DOWN).plain == (
        f"PaymentService.Hold waits: {SHOP} is down since 2027-01-15 08:00:00 UTC (3 minutes ago), "
        "asked again at 08:00:02 UTC"
    )
    assert shown[2].startswith(
        f"PaymentService.Hold waits: {SHOP} is down since 2027-01-15 08:00:00 UTC (3 minutes ago)"
    )
    outcome = "in progress, sent 5 times: down since 2027-01-15 08:00:00 UTC"
    assert outcome in " ".join(" ".join(shown).split())
    assert "failed to connect" not in "".join(shown)


def test_a_step_that_backs_off_says_since_when_until_when_and_why() -> None:
    waiting = saga_pb2.Waiting(
        reason=saga_pb2.WAIT_REASON_BACKOFF,
        step_key="PaymentService.Hold#2",
        attempt=3,
        since=at(0),
        until=at(60),
        error=Status(code=FAILED_PRECONDITION, message="too busy"),
    )

    assert waiting_text(waiting).plain == (
        "PaymentService.Hold#2 backs off since 2027-01-15 08:00:00 UTC (3 minutes ago), "
        "attempt 3 at 08:01:00 UTC: too busy"
    )
    waiting.error.CopyFrom(DOWN.error)
    assert waiting_text(waiting).plain.endswith(": nobody answers there")


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (
            saga_pb2.WAIT_REASON_QUEUED,
            "queued since 2027-01-15 08:00:00 UTC (3 minutes ago): it begins when there is room",
        ),
        (
            saga_pb2.WAIT_REASON_RATE,
            f"PaymentService.Hold waits since {EARLIER}: shop.v1.Bank is called as often as it may be",
        ),
    ],
)
def test_a_saga_that_waits_its_turn_says_for_which(reason: saga_pb2.WaitReason.ValueType, shown: str) -> None:
    waiting = saga_pb2.Waiting(reason=reason, step_key="PaymentService.Hold#1", service="shop.v1.Bank", since=at(0))

    assert waiting_text(waiting).plain == shown


def test_markup_and_control_characters_are_text() -> None:
    saga = saga_pb2.Saga(saga_id="[bold]x[/bold]\x1b[2J", definition="d", version=1, started_at=at(0))

    (line,) = [line for line in narrow(sagas_table([saga]), 160) if "bold" in line]
    assert line.startswith(r"[bold]x[/bold]\x1b[2J")


def test_no_duration_is_negative_where_the_clock_was_set_back() -> None:
    compensation = saga_pb2.Compensation(
        method="shop.inventory.v1.InventoryService.ReleaseStock",
        position=1,
        started_at=Timestamp(seconds=7200),
        ended_at=Timestamp(seconds=3600),
    )
    saga = saga_pb2.Saga(
        saga_id="order-1",
        status=saga_pb2.STATUS_COMPENSATED,
        started_at=Timestamp(seconds=7200),
        ended_at=Timestamp(seconds=3600),
        steps=[saga_pb2.Step(key="InventoryService.ReserveStock#1", compensation=compensation)],
    )
    for page in (drawn(saga_page(saga)), drawn(sagas_table([saga]))):
        assert any("0 ms" in line for line in page)
        assert not any("-3600" in line for line in page)
