"""How often Python looks for reference cycles in a process that has many sagas in flight."""

from __future__ import annotations

import gc
from typing import Final

_YOUNG_OBJECTS: Final = 50_000


def look_for_cycles_seldom() -> None:
    """Have Python look for reference cycles after 50,000 new objects, and not after 700 as it does by itself.

    Sagas leave no cycles. But hundreds in flight are so many objects that each look finds them alive, and was a tenth
    of what a saga costs this process. It is for the process to say, so ``opened`` leaves that to its caller.
    """
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
