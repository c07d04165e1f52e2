"""What a request to start a saga becomes."""

from __future__ import annotations

import uuid

from orchestrator.transport.requests import _time_ordered_id


def test_ids_of_sagas_without_a_request_id_are_uuids_in_the_order_of_time() -> None:
    ids = [_time_ordered_id() for _ in range(2000)]

    assert len(set(ids)) == len(ids)
    assert {uuid.UUID(each).version for each in ids} == {7}
    assert {uuid.UUID(each).variant for each in ids} == {uuid.RFC_4122}
    milliseconds = [uuid.UUID(each).int >> 80 for each in ids]
    assert milliseconds == sorted(milliseconds)
