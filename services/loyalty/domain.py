"""The rule of stamps: one for each order of a member; three fill a card."""

from __future__ import annotations

from typing import Final

STAMPS_A_CARD: Final = 3


def card_filled_by(stamps: int) -> int:
    """Which card the last of so many stamps has filled, from 1; 0 for none."""
    filled, over = divmod(stamps, STAMPS_A_CARD)
    return 0 if over else filled
