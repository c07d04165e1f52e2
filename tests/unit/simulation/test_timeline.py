"""The timeline of a world: what concerns one saga, and what concerns none."""

from __future__ import annotations

from orchestrator.testing.simulation import Timeline

BY_SCHEDULE = "63d9cedb-147f-5c1c-8fc0-a06a5e20f4ad"


def test_what_is_told_of_a_saga_leaves_out_what_concerns_other_sagas_alone() -> None:
    timeline = Timeline(lambda: 0.0)
    for what, about in (
        ("crashed", ()),
        ("appended", ("saga-1", "SagaStarted")),
        ("appended", ("saga-12/parcel#1", "SagaStarted")),
        ("appended", (f"{BY_SCHEDULE}/parcel#1", "SagaStarted")),
        ("lost", ("saga-1", BY_SCHEDULE)),
        ("scheduled", ("schedule-1", 2, BY_SCHEDULE)),
        ("scheduled", ("schedule-1", 3)),
    ):
        timeline.note("replica-1.1", what, *about)

    def told(saga_id: str) -> list[int]:
        whole = timeline.lines()
        return [whole.index(line) for line in timeline.lines(saga_id)]

    assert told("saga-1") == [0, 1, 4, 6]
    assert told("saga-12") == [0, 2, 6]
    assert told(BY_SCHEDULE) == [0, 3, 4, 5, 6]
