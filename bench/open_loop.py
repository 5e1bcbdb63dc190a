"""Orders that come at a fixed rate, whether the venue is ready or not; and what the host itself takes away meanwhile.

The frames lie ready in the port, as a NIC has left them in memory. Order i of a segment is due i/rate seconds after
its start; the loop looks at the time stamp counter, takes what is due (at most a burst), and stamps the end when
everything that these orders caused was given to the port. Latency is from due to that stamp. Nothing else runs in
between: frames are put in and taken out between segments, off the clock.

- Host: before each segment the same core does nothing but look at the clock, for as long as the segment takes
  (`appliance.hiccup`): what a visitor each 1/rate s waits there, he waits for the host.
- Stalls: a look at the clock that took GAP_NS_MIN or longer since the one before, with nothing in between; or a turn
  that took GAP_NS_MIN more than twice what its orders take when each has a turn of its own (the median of several
  runs, so that whatever interrupted one of these is out of it). The same instructions on the same state: what is
  beyond that is not the venue's. Such a turn, and those after it until the loop has once caught up, are told apart.
- Undisturbed: each order's latency in its quickest run. All runs offer the same orders at the same ticks to the same
  state, so what differs is what came from outside, down to a neighbour on the core's other hyperthread, who slows
  everything without stopping anything and is no stall.
- Model: the latencies that follow by arithmetic from each order's own time, one turn an order, on a core that nobody
  takes away. It leaves out that orders which wait share a turn, which is cheaper.

The first WARM_FRAMES of a segment are not counted: what came before it was no venue, and has its caches. Its first
turns take tens of microseconds, and what waited for them is done some hundred frames later.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from appliance.hiccup import GAP_NS_MIN
from appliance.hiccup_loop import FACT_ELAPSED_NS, FACT_GAPS, FACT_STOLEN_NS, FACTS_COUNT, watch
from appliance.histogram import Histogram, max_ns, new_histogram, percentiles_ns
from appliance.pipeline import turn
from appliance.stage_clock import read_ticks
from native import counters
from native.jit import kernel
from native.limits import RX_BURST_MAX
from native.rim import port_rx_burst, port_rx_release

SEGMENT_FRAMES = 8192
"""As many lie ready: a stall longer than a segment delays no more than a segment's orders."""
WARM_FRAMES = SEGMENT_FRAMES // 8
TX_FRAMES_A_FRAME = 4
PERCENTILES_PPM = (500_000, 990_000, 999_000)
TIMES = ("ns_p50", "ns_p99", "ns_p99_9", "ns_max")

FIRST, LOOKED, BEGAN, ENDED = range(4)
"""Of a turn: its first frame, and ticks since the segment's start: the last stamp before it was seen to be due, when it
was, when all was given to the port."""

Ticks = npt.NDArray[np.int64]


@kernel
def due_at(frame, ticks_1024):
    """Tick at which the frame of a segment, counted from 0, is due."""
    return (frame * ticks_1024) >> 10


@kernel
def frames_due(now, ticks_1024):
    """How many frames of a segment are due at tick `now`: those whose `due_at` is not behind it."""
    return (((now + 1) << 10) - 1) // ticks_1024 + 1


@kernel
def run_segment(exchange, port, time_ns, first, last, ticks_1024, turns):
    """The frames [first, last) lie in the port; one is due every ticks_1024 / 1024 ticks. Writes `turns`
    (int64[last - first, 4]: FIRST ...); returns how many."""
    rx_address = exchange.rx.ctypes.data
    count, done = np.int64(0), np.int64(first)
    start = np.int64(read_ticks())
    looked = np.int64(0)
    while done < last:
        first_due_at = due_at(done - first, ticks_1024)
        now = np.int64(read_ticks()) - start
        while now < first_due_at:
            looked = now
            now = np.int64(read_ticks()) - start
        due = min(frames_due(now, ticks_1024), last - first)
        burst = min(due - (done - first), RX_BURST_MAX)
        got = np.int64(port_rx_burst(port, rx_address, burst))
        assert got > 0 and count < turns.shape[0]  # they lie ready
        turn(exchange, port, got, time_ns[done], np.int64(0))
        port_rx_release(port, rx_address, got)
        ended = np.int64(read_ticks()) - start
        turns[count, FIRST], turns[count, LOOKED] = done, looked
        turns[count, BEGAN], turns[count, ENDED] = now, ended
        looked = ended
        count += 1
        done += got
    return count


class Turns(NamedTuple):
    """Turns of one segment. Times in ns from its start, ns_a_frame between two frames that become due."""

    first: Ticks
    """The first frame of each, counted in the segment, from 0."""
    looked_ns: Ticks
    began_ns: Ticks
    ended_ns: Ticks
    frames: int
    """Of the segment."""


def warm_frames(frames: int) -> int:
    """How many of the first frames of a segment are not counted; fewer where it is short."""
    return min(WARM_FRAMES, frames // 8)


def latencies(one: Turns, due_ns: Ticks) -> Ticks:
    """Of each frame: from `due_ns` until its turn ended."""
    counts = np.diff(np.append(one.first, one.frames))
    return np.repeat(one.ended_ns, counts) - due_ns


def stalls(one: Turns, due_ns: Ticks, own_ns: Ticks) -> tuple[Ticks, npt.NDArray[np.bool_]]:
    """(ns that the host took from each turn or right before it, whether each frame was delayed by a stall).

    `own_ns`: what the turn of each frame takes when it is alone.
    """
    sums = np.concatenate(([0], np.cumsum(own_ns)))
    counts = np.diff(np.append(one.first, one.frames))
    own = sums[one.first + counts] - sums[one.first]
    gap = one.began_ns - one.looked_ns
    over = one.ended_ns - one.began_ns - 2 * own
    taken = np.where(gap >= GAP_NS_MIN, gap, 0) + np.where(over >= GAP_NS_MIN, over + own, 0)
    at = np.arange(one.first.size)
    ended_before = np.concatenate(([0], one.ended_ns[:-1]))
    caught_up = due_ns[one.first] >= ended_before  # the loop had nothing to do before this turn
    last_stall = np.maximum.accumulate(np.where(taken > 0, at, -1))
    last_caught_up = np.maximum.accumulate(np.where(caught_up, at, 0))
    return taken, np.repeat(last_stall >= last_caught_up, counts)


def modelled(own_ns: Ticks, interval_ns: float) -> Ticks:
    """Latency of each order when one is due every `interval_ns` and has a turn of its own that takes its `own_ns`."""
    work = np.concatenate(([0.0], np.cumsum(own_ns - interval_ns)))
    waits = work[:-1] - np.minimum.accumulate(work[:-1])  # until the backlog before it is done
    return (waits + own_ns).astype(np.int64)


def told(values: Ticks) -> dict[str, int]:
    """Percentiles; zeros where there is none."""
    if values.size == 0:
        return dict.fromkeys(TIMES, 0)
    at = np.sort(values)
    ranks = [max(-(-values.size * ppm // 1_000_000), 1) - 1 for ppm in PERCENTILES_PPM]
    return dict(zip(TIMES, [*(int(at[rank]) for rank in ranks), int(at[-1])], strict=True))


def told_of(histogram: Histogram) -> dict[str, int]:
    """The same of a histogram."""
    return dict(zip(TIMES, [*percentiles_ns(histogram, PERCENTILES_PPM), max_ns(histogram)], strict=True))


class OpenLoop:
    """One flow at one rate. `bench`: a `bench.pipeline.Bench` whose port has SEGMENT_FRAMES buffers."""

    def __init__(self, bench: Any, rate: int, own_ns: Ticks) -> None:
        """`own_ns` of each frame. `rate` of frames a second."""
        self.bench, self.rate, self.own_ns = bench, rate, own_ns
        self.ticks_1024 = round(bench.ticks_a_s * 1024 / rate)
        self.delays, self.facts = new_histogram(), np.zeros(FACTS_COUNT, np.int64)
        self.turns = np.zeros((SEGMENT_FRAMES, 4), np.int64)
        self.found: list[Ticks] = []
        self.is_stalled: list[npt.NDArray[np.bool_]] = []
        self.taken_ns: list[Ticks] = []
        self.frames, self.busy_ns, self.counted_ns, self.runs = 0, 0.0, 0.0, 0

    def run(self) -> None:
        """The whole flow once, in segments; before each, the meter for as long."""
        bench, flow = self.bench, self.bench.flow
        exchange = bench.venue()
        for first in range(0, flow.count, SEGMENT_FRAMES):
            last = min(first + SEGMENT_FRAMES, flow.count)
            bench.put_in(first, last)
            watch(self.delays, self.facts, (last - first) * 10**9 // self.rate, 10**9 // self.rate, GAP_NS_MIN)
            port = bench.port.handle
            count = run_segment(exchange, port, flow.time_ns, first, last, self.ticks_1024, self.turns)
            bench.take_out()
            assert exchange.tables.counters[counters.TX_DROPPED] == 0
            self.take(first, last, self.turns[:count])
        self.runs += 1
        bench.check(exchange)

    def take(self, first: int, last: int, rows: Ticks) -> None:
        """Count a segment."""
        ns_a_tick = 1e9 / self.bench.ticks_a_s
        looked, began, ended = ((rows[:, at] * ns_a_tick).astype(np.int64) for at in (LOOKED, BEGAN, ENDED))
        one = Turns(rows[:, FIRST] - first, looked, began, ended, last - first)
        due_ns = (((np.arange(one.frames) * self.ticks_1024) >> 10) * ns_a_tick).astype(np.int64)
        taken, is_stalled = stalls(one, due_ns, self.own_ns[first:last])
        warm = warm_frames(one.frames)
        self.found.append(latencies(one, due_ns)[warm:])
        self.is_stalled.append(is_stalled[warm:])
        self.taken_ns.append(taken[(taken > 0) & (one.first >= warm)])
        self.frames += one.frames
        self.busy_ns += float(ended[-1])
        self.counted_ns += float(ended[-1] - due_ns[warm])

    def rows(self) -> list[dict[str, Any]]:
        """What was found, in five rows."""
        bench = self.bench
        facts = {"venue": bench.case, "offered_orders_a_second": self.rate}
        found, is_stalled, taken = (np.concatenate(one) for one in (self.found, self.is_stalled, self.taken_ns))
        whole = {
            "carried_orders_a_second": round(self.frames * 1e9 / self.busy_ns),
            "orders": int(found.size), **told(found),
        }  # fmt: skip
        apart = {
            "orders": int(np.count_nonzero(~is_stalled)), **told(found[~is_stalled]),
            "orders_apart": int(np.count_nonzero(is_stalled)), "stalls": int(taken.size),
            "stalled_ppm": round(float(taken.sum()) * 1e6 / self.counted_ns), "stall_ns_max": int(taken.max(initial=0)),
        }  # fmt: skip
        metered_ns = max(int(self.facts[FACT_ELAPSED_NS]), 1)
        host = {
            **told_of(self.delays), "stalls": int(self.facts[FACT_GAPS]),
            "stalled_ppm": round(int(self.facts[FACT_STOLEN_NS]) * 1e6 / metered_ns),
        }  # fmt: skip
        quickest = found.reshape(self.runs, -1).min(axis=0)
        least = {"orders": int(quickest.size), "runs": self.runs, **told(quickest)}
        own_ns = self.own_ns[warm_frames(self.own_ns.size) :]
        model = {"orders": int(own_ns.size), **told(modelled(own_ns, 1e9 / self.rate))}
        return [
            {"case": name, **facts, **more}
            for name, more in (
                ("open loop", whole), ("open loop without the host's stalls", apart),
                ("open loop, each order undisturbed", least),
                ("the host alone, same core, in between", host), ("open loop by arithmetic", model),
            )
        ]  # fmt: skip
