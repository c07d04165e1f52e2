"""The shop's saga as text, for tests that deploy other versions of it."""

from __future__ import annotations

from tests.support.repository import ROOT

V1 = '@saga("place_order", version=1)\nasync def place_order('
_V2 = '@saga("place_order", version=2)\n'
_AFTER = "async def reserve("


def only_first_version() -> str:
    """The module with version 1 alone, as it was before there was another."""
    code = (ROOT / "orchestrator" / "shop" / "place_order.py").read_text()
    assert V1 in code
    before, _, after = code.partition(_V2)
    return before + _AFTER + after.partition(_AFTER)[2]
