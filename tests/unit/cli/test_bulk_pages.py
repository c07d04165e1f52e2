"""What the command line tells of a bulk act."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from orchestrator.cli.output.bulk_pages import bulk_act_page, progress_line, summary
from saga.v1 import bulk_pb2 as pb


def act(status: str, **counts: int) -> pb.BulkAct:
    return pb.BulkAct(
        bulk_act_id="20260101-120000-aaaaaa",
        status=pb.BulkActStatus.Value(f"BULK_ACT_STATUS_{status}"),
        action=pb.ACTION_CANCEL,
        total=sum(counts.values()),
        to_do=0 if status == "CHECKING" else 8,
        counts=[
            pb.BulkCount(answer=pb.BulkAnswer.Value(f"BULK_ANSWER_{name.upper()}"), count=number)
            for name, number in counts.items()
        ],
    )


@pytest.mark.parametrize(
    ("bulk", "told"),
    [
        (act("PREPARED", allowed=8, excluded=2), "10 match: 8 would be cancelled, 2 refused"),
        (
            act("PREPARED", allowed=5, second_person_needed=3),
            "8 match: 8 would be cancelled, 3 of them once a second person asks for the same, 0 refused",
        ),
        (act("CHECKING", unchecked=7, allowed=3), "10 match: 0 would be cancelled, 0 refused, 7 not asked yet"),
        (act("ENDED", done=7, refused=1, excluded=2), "10 matched: 7 cancelled, 3 refused"),
        (
            act("ENDED", done=5, noted=1, failed=1, proposed=1),
            "8 matched: 5 cancelled, 0 refused, 1 proposed, 1 noted, 1 failed",
        ),
        (act("STOPPED", done=3, allowed=5), "8 matched: 3 cancelled, 0 refused, 5 not begun"),
    ],
)
def test_what_it_comes_to_is_told_in_one_line(bulk: pb.BulkAct, told: str) -> None:
    assert summary(bulk) == told


def test_how_far_it_has_come_is_told_of_a_dry_run_and_of_the_act() -> None:
    assert progress_line(act("CHECKING", unchecked=7, allowed=3)).plain == "3 of 10 sagas are asked"
    assert progress_line(act("RUNNING", done=2, refused=1, allowed=5)).plain == "3 of 8: 2 cancelled, 1 refused"


def test_the_reasons_of_refusals_are_told_with_their_number_and_one_saga_the_most_frequent_first() -> None:
    results = [
        pb.BulkResult(saga_id=f"saga-{number}", reason=reason, message=f"saga saga-{number} says no")
        for number, reason in enumerate(("SAGA_ENDED", "PAST_PIVOT", "PAST_PIVOT"))
    ]
    out = StringIO()
    Console(file=out, width=100).print(bulk_act_page(act("ENDED", refused=3), results))

    assert [line.rstrip() for line in out.getvalue().splitlines()[-2:]] == [
        "✗ 2  PAST_PIVOT, such as: saga saga-1 says no",
        "✗ 1  SAGA_ENDED, such as: saga saga-0 says no",
    ]
