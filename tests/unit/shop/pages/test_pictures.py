"""The drawings and the style of the shop."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import orchestrator.shop.pages
from orchestrator.shop.pages.pictures import PICTURES, UNKNOWN
from services.inventory.migrations import __path__ as inventory
from services.product.migrations import __path__ as product

PAGES = Path(orchestrator.shop.pages.__path__[0])
DRAWN = sorted((PAGES / "templates/pictures").glob("*.svg"))
STYLE = (PAGES / "static/shop.css").read_text()
TEMPLATES = sorted((PAGES / "templates").rglob("*.*"))


def first_day(folder: str) -> set[str]:
    """What a service has in its tables on the first day, as its migration says."""
    text = "".join(path.read_text() for path in Path(folder).glob("0001_*.py"))
    listed = re.search(r"_FIRST_DAY = \((.*?)\n\)", text, re.DOTALL)
    assert listed
    return set(re.findall(r'^    \("([A-Z-]+)"', listed[1], re.MULTILINE))


def test_each_product_of_the_first_day_is_drawn_and_has_a_stock() -> None:
    assert set(PICTURES) == first_day(product[0]) == first_day(inventory[0])


def test_each_drawing_is_of_something() -> None:
    assert {path.stem for path in DRAWN} == {picture.name for picture in (*PICTURES.values(), UNKNOWN)}


@pytest.mark.parametrize("path", DRAWN, ids=lambda path: path.stem)
def test_a_drawing_is_well_formed_and_is_styled_by_classes_that_there_are(path: Path) -> None:
    root = ET.fromstring(path.read_text())
    assert root.attrib["aria-hidden"] == "true"
    for each in root.iter():
        assert "style" not in each.attrib
        assert not any(name in each.attrib for name in ("fill", "stroke"))
        for name in each.attrib.get("class", "").split():
            assert re.search(rf"\.{name}\b", STYLE), name


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_holds_no_style_and_no_script_of_its_own(path: Path) -> None:
    """The policy of the console lets neither pass."""
    if path.is_file():
        text = path.read_text()
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", text)
        assert not re.search(r"<script(?![^>]* src=)", text)
