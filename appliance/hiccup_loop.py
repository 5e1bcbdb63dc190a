"""The kernel of the hiccup meter. What it counts, and for whom: `appliance.hiccup`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from appliance.histogram import Histogram
from appliance.latency import record
from native.jit import kernel
from native.rim import clock_monotonic_ns

FACT_TURNS = 0
FACT_GAPS = 1
FACT_STOLEN_NS = 2
FACT_GAP_NS_MAX = 3
FACT_ELAPSED_NS = 4
FACT_TURN_NS_MIN = 5
FACTS_COUNT = 8

Facts = npt.NDArray[np.int64]


@kernel
def watch(delays: Histogram, facts: Facts, duration_ns: int, interval_ns: int, gap_ns_min: int) -> int:
    """Read the clock over and over for `duration_ns` and count what is missing; returns the turns made.

    A visitor is due each `interval_ns`, on a fixed schedule; when the loop comes round, everyone who became due is
    counted in `delays` with the time that he waited, ns. So a gap of 1 ms counts a thousand visitors at 1 us, not
    one. Turns that took `gap_ns_min` or longer are gaps; facts (int64[FACTS_COUNT]) sums them. The time that the
    counting itself takes is taken out of the schedule and of the gaps. `interval_ns` must be at least 1.
    """
    assert interval_ns > 0
    start = clock_monotonic_ns()
    last = start
    due = start + interval_ns
    end = start + duration_ns
    turns = 0
    while last < end:
        now = clock_monotonic_ns()
        gap = now - last
        turns += 1
        if facts[FACT_TURN_NS_MIN] == 0 or gap < facts[FACT_TURN_NS_MIN]:
            facts[FACT_TURN_NS_MIN] = gap
        if gap > facts[FACT_GAP_NS_MAX]:
            facts[FACT_GAP_NS_MAX] = gap
        if gap >= gap_ns_min:
            facts[FACT_GAPS] += 1
            facts[FACT_STOLEN_NS] += gap
        last = now
        if now >= due:
            while due <= now:
                record(delays, now - due)
                due += interval_ns
            last = clock_monotonic_ns()
            own = last - now
            due += own
            end += own
    facts[FACT_TURNS] += turns
    facts[FACT_ELAPSED_NS] += duration_ns
    return turns
