"""What the queries of the dashboard and of the alert rules ask for."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = ROOT / "orchestrator" / "observability" / "dashboards"
ALERTS: Final = FOLDER / "alerts.yaml"
DASHBOARD: Final = FOLDER / "orchestrator.json"
OF_PROMETHEUS: Final = frozenset({"up"})
"""The metrics that Prometheus makes by itself."""

_WORDS: Final = frozenset({"by", "without", "on", "ignoring", "and", "or", "unless", "offset", "bool"})
_LABELS: Final = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_MATCHERS: Final = re.compile(r"([A-Za-z_:][\w:]*)\s*\{([^}]*)\}")
_NAME: Final = re.compile(r"(?<![\w:$.])([A-Za-z_:][\w:]*)(?!\s*\(|[\w:])")


class Query(NamedTuple):
    """One query.

    Attributes:
        where: of what it is.
        text: as it is written.
    """

    where: str
    text: str

    @property
    def metrics(self) -> set[str]:
        """The metrics that it asks for."""
        bare = re.sub(r'"[^"]*"', "", self.text)
        bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", _LABELS.sub("", bare))
        return {name for name in _NAME.findall(bare) if name not in _WORDS}

    @property
    def labels(self) -> dict[str, set[str]]:
        """The labels that it asks of each metric, and under the empty name those by which it groups."""
        found: dict[str, set[str]] = {"": set()}
        for group in _LABELS.findall(self.text):
            found[""] |= {label.strip() for label in group.split(",")}
        for metric, matchers in _MATCHERS.findall(self.text):
            found.setdefault(metric, set()).update(re.findall(r"(\w+)\s*(?:=|!)", re.sub(r'"[^"]*"', "", matchers)))
        return found


def queries() -> list[Query]:
    """Every query of the files."""
    return [*_of_alerts(), *_of_dashboard()]


def alerts() -> list[dict[str, Any]]:
    """The alert rules."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def _of_alerts() -> Iterator[Query]:
    for rule in alerts():
        yield Query(f"alert {rule['alert']}", rule["expr"])


def _of_dashboard() -> Iterator[Query]:
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield Query(f"panel {panel['title']}", target["expr"])
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]  # else it is wrong
            yield Query(f"variable {variable['name']}", f'max by ({label}) ({metric}{{{label}=""}})')
