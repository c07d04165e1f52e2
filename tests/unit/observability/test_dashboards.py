"""The dashboard and the alert rules ask for what there is."""

from __future__ import annotations

import json
from typing import Final

import pytest

from orchestrator.observability.metrics.families import prometheus_name
from orchestrator.observability.metrics.instruments import INSTRUMENTS, Instrument, Kind
from tests.support.queries import DASHBOARD, OF_PROMETHEUS, Query, alerts, queries

SUFFIXES: Final = {Kind.COUNTER: ("_total",), Kind.GAUGE: ("",), Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}
SAMPLES: Final[dict[str, Instrument]] = {
    prometheus_name(instrument) + suffix: instrument
    for instrument in INSTRUMENTS
    for suffix in SUFFIXES[instrument.kind]
}
OF_EVERY_TARGET: Final = {"instance", "job"}


def labels_of(metric: str) -> set[str]:
    """The labels that samples of this name have at Prometheus."""
    if metric in OF_PROMETHEUS:
        return OF_EVERY_TARGET
    bound = {"le"} if metric.endswith("_bucket") else set()
    return {each.replace(".", "_") for each in SAMPLES[metric].attributes} | OF_EVERY_TARGET | bound


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.where)
def test_a_query_names_metrics_and_labels_that_exist(query: Query) -> None:
    assert query.metrics
    assert query.metrics <= SAMPLES.keys() | OF_PROMETHEUS
    asked = query.labels
    grouped = asked.pop("")
    for metric in query.metrics:
        assert asked.get(metric, set()) | grouped <= labels_of(metric), metric


def test_what_every_replica_says_alike_is_never_added_up() -> None:
    shared = {prometheus_name(instrument) for instrument in INSTRUMENTS if instrument.shared}
    for query in queries():
        for metric in query.metrics & shared:
            before = query.text.partition(metric)[0]
            assert "max" in before.rpartition("sum")[2], query


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {
        SAMPLES[metric].name for query in queries() if not query.where.startswith("alert") for metric in query.metrics
    }
    assert shown == {instrument.name for instrument in INSTRUMENTS}


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names)
    for rule in alerts():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["description"].endswith((".", "`."))


def test_no_two_panels_lie_upon_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not taken & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
