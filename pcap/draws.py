"""Draws for the generator: whole numbers only, the same on every machine.

The source is the Mersenne Twister of the standard library (`random.Random`), of which only `getrandbits` is used: its
stream for an integer seed is fixed by the algorithm (MT19937, init_by_array), unlike how `randrange` or numpy's
distributions use theirs. Everything else is integer arithmetic here.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from itertools import accumulate
from math import isqrt

_WEIGHT_ONE = 1_000_000


class Draws:
    """A stream of draws from one seed (0 or more)."""

    def __init__(self, seed: int) -> None:
        if seed < 0:
            raise ValueError(f"The seed {seed} is negative.")
        self._bits = random.Random(seed).getrandbits

    def below(self, end: int) -> int:
        """A whole number from 0 to `end` - 1 (`end` at most 2**32)."""
        return (self._bits(32) * end) >> 32

    def chance(self, per_10000: int) -> bool:
        """True in `per_10000` of 10,000 cases."""
        return self.below(10_000) < per_10000

    def weighted(self, cumulative: list[int]) -> int:
        """An index with the weights that `cumulative` adds up."""
        return bisect_right(cumulative, self.below(cumulative[-1]))


def power_law(count: int, *, half_powers: int) -> list[int]:
    """Cumulative weights for `Draws.weighted`: index i has weight (i + 1) ** -(half_powers / 2), in integers."""
    return list(accumulate(max(1, isqrt(_WEIGHT_ONE**2 // rank**half_powers)) for rank in range(1, count + 1)))
