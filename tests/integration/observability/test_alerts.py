"""The alert rules and the queries of the dashboard, as Prometheus' own tool sees them: `make promtool` builds it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from tests.support.queries import ALERTS, alerts, queries
from tests.support.repository import ROOT
from tests.support.tools import found

if TYPE_CHECKING:
    from pathlib import Path

PROMTOOL: Final = found("promtool")
SCENARIOS: Final = ROOT / "tests" / "integration" / "observability" / "alerts.yaml"

needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="promtool is not here: `make promtool` builds it")


def promtool(*arguments: str) -> str:
    done = subprocess.run(
        [PROMTOOL, *arguments], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_every_alert_has_a_scenario_in_which_it_fires() -> None:
    fired = {
        test["alertname"]
        for scenario in yaml.safe_load(SCENARIOS.read_text())["tests"]
        for test in scenario["alert_rule_test"]
        if test["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in alerts()}


@needs_promtool
def test_prometheus_understands_the_rules() -> None:
    assert f"SUCCESS: {len(alerts())} rules found" in promtool("check", "rules", str(ALERTS))


@needs_promtool
def test_each_alert_fires_when_it_should_and_says_so() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(SCENARIOS))


@needs_promtool
def test_prometheus_understands_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    texts = [query.text.replace("$__rate_interval", "5m").replace("$definition", ".*") for query in queries()]
    rules = [{"record": f"query:{number}", "expr": text} for number, text in enumerate(texts)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", str(file))
