"""What the market does while the flow is generated: where the mid goes, and how one-sided takers are.

A scenario is a line of points over the progress of the flow (0 to 10,000); between them the mid's target is drawn
straight. Values are shares of the base price in 1/10,000.
"""

from __future__ import annotations

from typing import NamedTuple

PROGRESS_END = 10_000


class Scenario(NamedTuple):
    """Lines of (progress, value) points, straight in between."""

    sentence: str
    target: tuple[tuple[int, int], ...]  # of the mid: difference from the base, 1/10,000
    noise_1024: int  # largest random move of the mid at an arrival, in 1/1024 of a price step
    taker_sells: tuple[tuple[int, int], ...]  # share of immediate-or-cancel orders that sell, 1/10,000
    sweeps: tuple[tuple[int, int], ...]  # share of immediate-or-cancel orders that sweep levels, 1/10,000


_EVEN = ((0, 5000),)
_FEW = ((0, 150),)

SCENARIOS: dict[str, Scenario] = {
    "calm": Scenario("the mid wanders around where it began", ((0, 0),), 300, _EVEN, _FEW),
    "trending": Scenario(
        "the mid climbs by 3 % from start to end", ((0, 0), (10_000, 300)), 400, ((0, 4000),), ((0, 200),)
    ),
    "swing": Scenario(
        "the mid swings by 4 % to both sides, three times",
        ((0, 0), *((833 + 1667 * n, 400 if n % 2 == 0 else -400) for n in range(6)), (10_000, 0)),
        900,
        _EVEN,
        ((0, 200),),
    ),
    "crash": Scenario(
        "half way the mid falls by 15 % at once, with sweeps of sellers, and gains back half",
        ((0, 0), (5000, 0), (6000, -1500), (8000, -750), (10_000, -750)),
        400,
        ((0, 5000), (4999, 5000), (5000, 8500), (6000, 8500), (6500, 5000)),
        ((0, 150), (4999, 150), (5000, 800), (6000, 800), (6500, 150)),
    ),
}


def value_at(line: tuple[tuple[int, int], ...], progress: int) -> int:
    """The value of a line of points at `progress`, rounded down."""
    before = line[0]
    for point in line:
        if point[0] > progress:
            width = point[0] - before[0]
            return before[1] + (point[1] - before[1]) * (progress - before[0]) // width
        before = point
    return before[1]
