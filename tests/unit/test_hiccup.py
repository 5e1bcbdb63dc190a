"""The hiccup meter: what it counts, on a schedule that gaps do not shorten."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest

from appliance import histogram
from appliance.hiccup import GAP_NS_MIN, HiccupMeter, Hiccups, measure_hiccups
from appliance.hiccup_loop import FACT_ELAPSED_NS, FACT_TURNS, FACTS_COUNT, watch

A_CPU = max(os.sched_getaffinity(0))


def test_every_visitor_of_the_schedule_is_counted() -> None:
    delays, facts = histogram.new_histogram(), np.zeros(FACTS_COUNT, np.int64)
    turns = watch(delays, facts, 20_000_000, 10_000, GAP_NS_MIN)
    # 2000 are due in 20 ms of schedule; the last ones may fall due after the last turn, or a gap runs over the end
    over = int(facts[3]) // 10_000 + 1
    assert 2000 - 1 <= histogram.count(delays) <= 2000 + over
    assert facts[FACT_TURNS] == turns > 0 and facts[FACT_ELAPSED_NS] == 20_000_000


def test_a_gap_is_met_by_everyone_who_came_meanwhile() -> None:
    """Stopped for a good while, the meter says so at the percentiles, not in a single count."""
    with HiccupMeter(A_CPU) as meter:
        time.sleep(0.02)
        stopper = threading.Thread(target=_hog, args=(A_CPU, 0.3))
        stopper.start()
        stopper.join()
    hiccups = meter.result()
    summary = hiccups.summary()
    assert hiccups.gap_ns_max > GAP_NS_MIN and hiccups.gaps > 0
    waited = histogram.count(hiccups.delays) - int(
        hiccups.delays[histogram.HEADER_SLOTS : histogram.HEADER_SLOTS + 1000].sum()
    )
    # a visitor each microsecond: as many waited over 1 us as microseconds were stolen, give or take the gaps' ends
    assert abs(waited * 1000 - hiccups.stolen_ns) <= hiccups.stolen_ns // 5 + 2000 * hiccups.gaps
    assert summary["delay_ns"]["max"] <= hiccups.gap_ns_max


def _hog(cpu: int, seconds: float) -> None:
    os.sched_setaffinity(0, {cpu})
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))


def test_the_summary_is_plain() -> None:
    hiccups = measure_hiccups(A_CPU, 0.05)
    assert isinstance(hiccups, Hiccups) and hiccups.elapsed_ns > 0
    assert 0 <= hiccups.stolen_ns and 0 < hiccups.turn_ns_min <= hiccups.gap_ns_max
    summary = hiccups.summary()
    assert list(summary["delay_ns"]) == ["p50", "p90", "p99", "p99.9", "p99.99", "p99.999", "max"]
    assert all(isinstance(value, int) for name, value in summary.items() if name != "delay_ns")


def test_it_stays_where_it_is_put_and_moves_nobody_else() -> None:
    before = os.sched_getaffinity(0)
    with HiccupMeter(A_CPU):
        assert os.sched_getaffinity(0) == before
    with pytest.raises(ValueError, match="not one that this process may use"):
        HiccupMeter(4095)
