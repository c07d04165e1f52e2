"""What ``stats`` shows of the replica that answers."""

from __future__ import annotations

from io import StringIO

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from orchestrator.cli.output.operating_pages import statistics_page
from saga.v1.saga_service_pb2 import (
    AdmissionStatistics,
    DefinitionLoad,
    FeedStatistics,
    GetStatisticsResponse,
    ParticipantStatistics,
    RecoveryStatistics,
    UnclaimedSagas,
)


def page(statistics: GetStatisticsResponse) -> str:
    out = StringIO()
    Console(file=out, width=120).print(statistics_page(statistics))
    return out.getvalue()


@pytest.mark.parametrize(
    ("statistics", "shown"),
    [
        (
            GetStatisticsResponse(
                admission=AdmissionStatistics(in_flight=3, queued=4, most_in_flight=5, most_queued=6, refused=7)
            ),
            "starts: 3 of 5 in flight, 4 of 6 queued, 7 refused",
        ),
        (
            GetStatisticsResponse(live_sagas=2, admission=AdmissionStatistics(most_live_sagas=9)),
            "this replica advances 2 of them, at most 9",
        ),
        (GetStatisticsResponse(feed=FeedStatistics(watchers=1, most_watchers=2)), "watchers: 1 of 2"),
        (
            GetStatisticsResponse(recovery=RecoveryStatistics(under_way=True, recovered=300, expected=740)),
            "recovery is under way: 300 of 740 sagas so far",
        ),
        (
            GetStatisticsResponse(unclaimed=[UnclaimedSagas(definition="trip", version=7, count=3)]),
            "no replica advances 3 of trip v7",
        ),
    ],
)
def test_the_limits_and_the_work_under_way_are_shown(statistics: GetStatisticsResponse, shown: str) -> None:
    assert shown in page(statistics)


def test_what_is_queued_is_shown_by_definition() -> None:
    loads = [
        DefinitionLoad(definition="trip", live=7, most_live=8, queued=12, most_queued=50, oldest_queued_at=Timestamp()),
        DefinitionLoad(definition="order", live=3, most_queued=50),
    ]

    shown = page(GetStatisticsResponse(loads=loads))

    (line,) = (line for line in shown.splitlines() if line.startswith("trip"))
    assert line.split()[:5] == ["trip", "7", "8", "12", "50"]
    assert "order" not in shown, "it has no limit of its own, and nothing is queued"


def test_a_rate_is_shown_with_its_participant() -> None:
    participants = [ParticipantStatistics(service="shop.v1.Bank", rate="50/s")]

    assert "up, at most 50/s" in page(GetStatisticsResponse(participants=participants))


def test_fields_that_an_older_orchestrator_does_not_send_are_not_shown() -> None:
    shown = page(GetStatisticsResponse(live_sagas=2))

    assert "this replica advances 2 of them\n" in shown.replace(" \n", "\n")
    assert not any(word in shown for word in ("starts", "watchers", "recovery"))
