"""What Prometheus would find on a page of metrics."""

from __future__ import annotations

import re
import urllib.request
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Labels = frozenset[tuple[str, str]]
PATIENCE = 30


class Scraped:
    """The samples of one page."""

    def __init__(self, text: str) -> None:
        self._values: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self._values.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value

    @property
    def names(self) -> set[str]:
        """The names of all samples."""
        return set(self._values)

    def labels(self, name: str) -> set[str]:
        """The names of the labels of a metric's samples."""
        return {label for labels in self._values[name] for label, _ in labels}

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name that have these labels."""
        wanted = labels.items()
        return sum(value for found, value in self._values.get(name, {}).items() if wanted <= dict(found).items())


def scrape(url: str, headers: Mapping[str, str] | None = None) -> Scraped:
    """The page at a URL; blocks."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers or {})), timeout=PATIENCE) as page:
        return Scraped(page.read().decode())


def page_of(said: Iterable[str]) -> str:
    """The URL of the page of metrics, as a process has told it."""
    found = [match[1] for line in said if (match := re.search(r"metrics on (\S+)", line))]
    assert found, "".join(said)
    return found[0]
