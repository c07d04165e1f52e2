"""The plan of a saga as a flowchart of Mermaid."""

from __future__ import annotations

import re
from textwrap import dedent

from orchestrator.analysis.plan.nodes import Arm, Branch, Leave, Sequence, Way
from orchestrator.analysis.plan.plan import Plan
from orchestrator.analysis.plan.reader import read_plan
from orchestrator.console.drawing.mermaid import plan_mermaid
from orchestrator.shop.place_order import place_order_2
from tests.support.engine_world import trip


def ways(chart: str) -> set[tuple[str, str]]:
    """From which label to which a way leads."""
    labels = dict(re.findall(r"^  (n\d+)[^\w\s]+([^\"<]*)", chart, re.MULTILINE))
    found = re.findall(r"(n\d+) -->(?:\|.*\|)? (n\d+)$", chart, re.MULTILINE)
    return {(labels[one], labels[other]) for one, other in found}


def test_the_commands_of_a_trip_follow_one_another_and_its_pivot_is_thick() -> None:
    chart = plan_mermaid(read_plan(trip))

    assert chart.startswith(
        dedent("""\
        flowchart TD
          n1(["trip v1"])
          n2["PricingService.PriceOrder<br>query"]
          n1 --> n2
          n3["InventoryService.ReserveStock<br>compensable, by ReleaseStock"]
          n2 --> n3
        """)
    )
    assert '  n6[["PaymentService.CapturePayment<br>pivot"]]' in chart
    assert chart.endswith("  classDef pivot stroke-width:4px\n  class n6 pivot")


def test_what_runs_side_by_side_parts_and_meets() -> None:
    found = ways(plan_mermaid(read_plan(place_order_2)))

    assert {("side by side", "EmailService.SendConfirmation"), ("EmailService.SendConfirmation", "all done")} <= found


def test_a_return_within_a_function_leads_to_what_follows_the_function() -> None:
    chart = plan_mermaid(read_plan(place_order_2))

    assert re.search(r'-->\|"if not order.member"\| n\d+$', chart, re.MULTILINE)
    assert "return" not in chart


def test_every_node_is_drawn_once_and_every_way_leads_to_one() -> None:
    chart = plan_mermaid(read_plan(place_order_2))
    drawn = re.findall(r"^  (n\d+)\W", chart, re.MULTILINE)
    targets = re.findall(r"--> ?(?:\|.*\| )?(n\d+)$", chart, re.MULTILINE)

    assert set(targets) <= set(drawn)


def test_a_label_cannot_end_itself() -> None:
    arm = Arm('if name == "<b>#1"', Sequence((Leave(Way.RAISE, 1),)), 1)
    chart = plan_mermaid(Plan("odd", 1, "", Sequence((Branch((arm,)),))))

    assert '|"if name == #quot;#lt;b#gt;#35;1#quot;"|' in chart
