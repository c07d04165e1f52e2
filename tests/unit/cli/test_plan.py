"""``orchestrator plan``: what a saga's code does, in three forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_name_stands_for_its_newest_version(orchestrator: Callable[..., Any]) -> None:
    newest, oldest = orchestrator("plan", "place_order"), orchestrator("plan", "place_order v1")

    assert newest.out.startswith("place_order v2\n")
    assert "approval" in newest.out
    assert oldest.out.startswith("place_order v1\n")
    assert "approval" not in oldest.out


def test_without_a_name_every_saga_is_shown(orchestrator: Callable[..., Any]) -> None:
    assert [line for line in orchestrator("plan").out.splitlines() if line.startswith("place_order")] == [
        "place_order v1",
        "place_order v2",
        "place_order_danced v1",
    ]


def test_a_flowchart_can_be_put_into_a_page(orchestrator: Callable[..., Any]) -> None:
    assert orchestrator("plan", "place_order", "--as", "mermaid").out.startswith("flowchart TD\n")


def test_a_picture_stands_alone_in_its_file(orchestrator: Callable[..., Any]) -> None:
    svg = orchestrator("plan", "place_order", "--as", "svg").out

    assert "<style>" in svg
    assert ET.fromstring(svg).get("role") == "img"


def test_a_picture_is_of_one_saga(orchestrator: Callable[..., Any]) -> None:
    answer = orchestrator("plan", "--as", "svg")

    assert answer.code == 2
    assert "a picture is of one saga; name it: 'place_order v1', 'place_order v2'" in answer.err


def test_an_unknown_name_is_refused_with_those_that_there_are(orchestrator: Callable[..., Any]) -> None:
    answer = orchestrator("plan", "place_oder")

    assert answer.code == 2
    assert "there is no saga 'place_oder'; there are: place_order v1, place_order v2" in answer.err
