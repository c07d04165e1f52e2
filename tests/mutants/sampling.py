"""Which mutants are tried: as many of each file as its share of all, by chance within it, the same for one seed."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.mutants.mutations import Mutant


def sample(mutants: Sequence[Mutant], number: int, seed: int) -> list[Mutant]:
    """So many of the mutants, one from each stretch of equal length; all of them, where there are no more."""
    if number >= len(mutants):
        return list(mutants)
    chance = random.Random(seed)
    stretch = len(mutants) / number
    bounds = [round(place * stretch) for place in range(number + 1)]
    return [mutants[chance.randrange(first, last)] for first, last in itertools.pairwise(bounds)]
