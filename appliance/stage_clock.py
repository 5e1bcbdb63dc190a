"""Times the stages of the loop from within: a stamp is a read of the CPU's tick counter and a count in a histogram.

What is measured, and where it lies: `appliance.stages`. Nothing here is ever read by a decision: times go into
histograms and nowhere else, so a replay, which does not stamp, ends in the same state.
"""

from __future__ import annotations

import platform

import numpy as np

from appliance import stages
from appliance.histogram import HISTOGRAM_SLOTS
from appliance.latency import record
from native.arrays import Arrays
from native.jit import INTERPRETED, far_kernel, kernel
from native.rim import clock_monotonic_ns

if INTERPRETED or platform.machine() != "x86_64":
    read_ticks = clock_monotonic_ns
else:
    from native.lowlevel import read_cycles as read_ticks

# indexes of `StageClock.scalars`
ENABLED = 0
LAST_TICKS = 1
"""The stamp before."""
NS_A_TICK = 2
"""In units of 2^-NS_A_TICK_BITS."""
BASE_TICKS = 3
BASE_NS = 4
SCALARS_COUNT = 5

NS_A_TICK_BITS = 20
CALIBRATION_NS = 500_000
"""How long a first calibration takes; it is made better while the loop runs."""


class StageClock(Arrays):
    """The histograms of the stages, and the counter's rate."""

    scalars: np.ndarray
    receive: np.ndarray
    decode: np.ndarray
    sequence: np.ndarray
    match: np.ndarray
    send: np.ndarray
    whole: np.ndarray
    """int64[HISTOGRAM_SLOTS] each"""
    every: np.ndarray
    """int64[len(STAGES) * HISTOGRAM_SLOTS]: all of these, one after the other"""
    turns_by_frames: np.ndarray
    """int64[stages.TURN_SLOTS]"""


def allocate_stage_clock(memory: np.ndarray, *, enabled: bool) -> StageClock:
    """A clock over `memory` (int64[stages.SLOTS]), shared or not. One that is not enabled costs a test a stamp."""
    histograms, turns = stages.split(memory)
    scalars = np.zeros(SCALARS_COUNT, np.int64)
    scalars[ENABLED] = int(enabled)
    scalars[NS_A_TICK] = 1 << NS_A_TICK_BITS
    every = memory[: len(stages.STAGES) * HISTOGRAM_SLOTS]
    return StageClock(scalars=scalars, turns_by_frames=turns, every=every, **histograms)


@kernel
def start(clock):
    """Find the counter's rate, roughly; waits for CALIBRATION_NS. Returns 0."""
    scalars = clock.scalars
    if scalars[ENABLED] == 0:
        return 0
    scalars[BASE_NS] = clock_monotonic_ns()
    scalars[BASE_TICKS] = read_ticks()
    while clock_monotonic_ns() - scalars[BASE_NS] < CALIBRATION_NS:
        continue
    return calibrate(clock)


@kernel
def calibrate(clock):
    """Find the counter's rate from everything since `start`. Returns 0."""
    scalars = clock.scalars
    if scalars[ENABLED] == 0:
        return 0
    ns = np.int64(clock_monotonic_ns()) - scalars[BASE_NS]
    ticks = np.int64(read_ticks()) - scalars[BASE_TICKS]
    if ns >= 1 << 42:  # an hour: the product would leave 63 bits
        scalars[BASE_NS] += ns
        scalars[BASE_TICKS] += ticks
    elif ticks > 0:
        scalars[NS_A_TICK] = (ns << NS_A_TICK_BITS) // ticks
    return 0


@kernel
def begin_stages(clock, frames):
    """A turn that took so many frames begins: what follows is measured from here. Returns 0."""
    if clock.scalars[ENABLED] != 0:
        clock.turns_by_frames[frames] += 1
        clock.scalars[LAST_TICKS] = read_ticks()
    return 0


@kernel
def stamp(clock, stage):
    """A `stage` (appliance.stages) ends here: count the time since the stamp before. Returns 0."""
    if clock.scalars[ENABLED] != 0:
        _count_since(clock, np.int64(stage))
    return 0


@far_kernel
def _count_since(clock, stage):
    scalars = clock.scalars
    ticks = np.int64(read_ticks())
    _count(clock, stage, ((ticks - scalars[LAST_TICKS]) * scalars[NS_A_TICK]) >> NS_A_TICK_BITS)
    scalars[LAST_TICKS] = ticks
    return 0


@kernel
def count_span(clock, stage, span_ns):
    """Count a time of `stage` that was measured by the clock itself. Returns 0."""
    if clock.scalars[ENABLED] != 0:
        _count(clock, np.int64(stage), np.int64(span_ns))
    return 0


@far_kernel
def _count(clock, stage, span_ns):
    return record(clock.every[stage * HISTOGRAM_SLOTS : (stage + 1) * HISTOGRAM_SLOTS], span_ns)
