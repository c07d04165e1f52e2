"""The page about metrics, the table in the code and the file of names say the same."""

from __future__ import annotations

import re

from orchestrator.observability import names
from orchestrator.observability.metrics.instruments import INSTRUMENTS, Kind
from tests.support.repository import ROOT

PAGE = (ROOT / "orchestrator" / "observability" / "README.md").read_text()
ROW = re.compile(r"^\| `([\w.]+)` \| (counter|gauge|histogram) \| `([^`]+)` \|(.*)\| (.*?)( \*)? \|$", re.MULTILINE)


def test_the_table_of_the_page_is_that_of_the_code() -> None:
    rows = [
        (name, kind, unit, tuple(re.findall(r"`([\w.]+)`", attributes)), about, bool(shared))
        for name, kind, unit, attributes, about, shared in ROW.findall(PAGE)
    ]
    assert rows == [
        (each.name, each.kind.value, each.unit, each.attributes, each.about, each.shared) for each in INSTRUMENTS
    ]


def test_every_name_is_in_the_file_of_names() -> None:
    known = {value for value in vars(names).values() if isinstance(value, str)}
    for instrument in INSTRUMENTS:
        assert {instrument.name, *instrument.attributes} <= known, instrument.name


def test_no_series_is_that_of_one_saga() -> None:
    of_one = {names.SAGA_ID, names.SAGA_STEP, names.SAGA_IDEMPOTENCY_KEY, names.SAGA_REASON_MESSAGE}
    assert not [each.name for each in INSTRUMENTS if of_one & {*each.attributes}]


def test_no_metric_is_named_like_the_beginning_of_another() -> None:
    found = [each.name for each in INSTRUMENTS]
    assert not [(one, other) for one in found for other in found if other.startswith(f"{one}.")]


def test_histograms_have_growing_bounds_and_nothing_else_has_any() -> None:
    for instrument in INSTRUMENTS:
        assert bool(instrument.bounds) is (instrument.kind is Kind.HISTOGRAM), instrument.name
        assert list(instrument.bounds) == sorted(set(instrument.bounds))
