"""Messages a second through the book alone: one thread, reports written for every message, checked before timed.

Each flow is first run through the naive twin (a prefix of it), event for event; then whole, once by `apply` and once by
`apply_batch`, and the hash of all events must be the same. Only then is it timed, on a fresh book each time, the flows
in turn, `--repeats` times over; medians are told.

What is timed: `apply_batch` over commands that lie in cache, as the stage before leaves them there (pieces of RING
commands are copied into a ring, off the clock), its events written to a buffer of EVENTS_ROOM, in CPU time of the
thread. `undisturbed`: the same work with each piece of RING commands in its quickest repeat, so with the least that the
host, or a neighbour on the other half of the core, took from it; the headline is the slowest flow's. `streamed`: the
same over the whole flow where it lies in memory; so 128 bytes a message come from DRAM, too.

ns a message (p50 to max) come from a run of its own, with a reading of the time stamp counter before and after each
message; their cost, the median of readings with nothing between them, is subtracted. Such a reading does not wait for
earlier instructions, so a short message may be charged for the one before it.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from typing import Any

import numpy as np
from numba import types

from appliance.book.check import check_book
from appliance.book.match import (
    apply,
    apply_batch,
    do_request,
    hash_ahead,
    is_pending,
    look_ahead,
    resume,
)
from appliance.book.state import AHEAD_GROUP, Book, allocate_book
from appliance.histogram import max_ns, new_histogram, percentiles_ns
from appliance.latency import record
from bench.flows import FRIENDLY_FLOWS, GROWTH_FLOWS, HEADLINE_FLOWS, SCENARIOS, make_flow
from bench.host import report
from bench.instructions import instructions_a_message
from native.jit import kernel
from native.layout import COMMAND, EVENT
from native.lowlevel import load_word, read_cycles
from tests.naive.twins import Twins

RING = 1024
EVENTS_ROOM = 256
ORDERS_MAX = 1 << 17
LEVELS_MAX = 1 << 16
GROWTH_ORDERS_MAX = 1 << 20
GROWTH_LEVELS_MAX = 1 << 18
EVENT_WORDS = EVENT.itemsize // 8
COMMAND_WORDS = COMMAND.itemsize // 8
FNV_PRIME = 1099511628211
MEMORY_GOAL_BYTES = 1 << 30


_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int64, types.int64))


@kernel
def thread_cpu_ns(clock: Any) -> int:
    """CPU time that this thread has had. clock: (2,) int64, room for a timespec."""
    _clock_gettime(time.CLOCK_THREAD_CPUTIME_ID, clock.ctypes.data)
    return clock[0] * 1_000_000_000 + clock[1]


@kernel
def run(book: Book, commands: Any, first: int, last: int, events: Any, progress: Any) -> int:
    """Apply commands[first:last], overwriting `events`. Returns how many events were told, or a code."""
    total = np.int64(0)
    index = np.int64(first)
    while index < last or is_pending(book):
        count = np.int64(apply_batch(book, commands, index, last, events, progress))
        if count < 0:
            return count
        total += count
        index = np.int64(progress[0])
    return total


@kernel
def run_in_cache(
    book: Book, commands: Any, first: int, ring: Any, events: Any, progress: Any, clock: Any, pieces_ns: Any
) -> int:
    """`run` to the end by way of `ring`. Returns the CPU time of the thread that it took, ns, copying left out; and in
    `pieces_ns` that of each piece."""
    taken_ns = np.int64(0)
    for start in range(first, commands.size, ring.size):
        count = min(ring.size, commands.size - start)
        for i in range(count):
            ring[i] = commands[start + i]
        began_ns = thread_cpu_ns(clock)
        run(book, ring, 0, count, events, progress)
        piece_ns = thread_cpu_ns(clock) - began_ns
        pieces_ns[(start - first) // ring.size] = piece_ns
        taken_ns += piece_ns
    return taken_ns


@kernel
def run_stamped(book: Book, commands: Any, first: int, ring: Any, events: Any, ticks: Any, empty: int) -> int:
    """`run_in_cache` with the ticks of each message in `ticks`; empty: only the readings. Returns 0."""
    for start in range(first, commands.size, ring.size):
        count = min(ring.size, commands.size - start)
        for i in range(count):
            ring[i] = commands[start + i]
        for i in range(count):
            if not empty and i % AHEAD_GROUP == 0:
                look_ahead(book, ring, 0, i, count)
            began = read_cycles()
            if not empty:
                do_request(book, ring, i, hash_ahead(book, i), events, 0)
                while is_pending(book):
                    resume(book, events, 0)
            ticks[start - first + i] = read_cycles() - began
    return 0


@kernel
def fill_histogram(histogram: Any, ticks: Any, subtracted: int, ns_a_thousand_ticks: int) -> int:
    for i in range(ticks.size):
        record(histogram, (np.int64(ticks[i]) - subtracted) * ns_a_thousand_ticks // 1000)
    return 0


@kernel
def hash_of_events(book: Book, commands: Any, one_by_one: int, events: Any, progress: Any) -> int:
    """A hash of all events of a flow, given one by one or in batches."""
    hashed = np.int64(0)
    index = np.int64(0)
    while index < commands.size or is_pending(book):
        if is_pending(book):
            count = np.int64(resume(book, events, 0))
        elif one_by_one:
            count = np.int64(apply(book, commands, index, events, 0))
            index += 1
        else:
            count = np.int64(apply_batch(book, commands, index, commands.size, events, progress))
            index = np.int64(progress[0])
        if count < 0:
            return count
        for at in range(count):
            for word in range(EVENT_WORDS):
                hashed = (hashed ^ load_word(events, at, word)) * FNV_PRIME
                hashed ^= hashed >> 29
    return hashed & 0x7FFFFFFFFFFFFFFF


def ticks_a_second() -> float:
    """Rate of the time stamp counter, against the monotonic clock over 50 ms."""
    _ticks()  # compiled
    began, ticks = time.perf_counter_ns(), _ticks()
    while time.perf_counter_ns() - began < 50_000_000:
        pass
    ended, ticks_then = time.perf_counter_ns(), _ticks()
    return (ticks_then - ticks) * 1e9 / (ended - began)


@kernel
def _ticks() -> int:
    return read_cycles()


class Flow:
    """One flow: made, proved, timed."""

    def __init__(self, name: str, messages: int, seed: int) -> None:
        self.name = name
        self.scenario = SCENARIOS[name]
        self.commands, self.before = make_flow(self.scenario, messages, seed)
        self.messages = self.commands.size - self.before
        self.events = np.zeros(EVENTS_ROOM, dtype=EVENT)
        self.ring = np.zeros(RING, dtype=COMMAND)
        self.progress = np.zeros(1, dtype=np.int64)
        self.clock = np.zeros(2, dtype=np.int64)
        self.in_cache_ns: list[float] = []
        self.least_ns = np.full(-(-self.messages // RING), np.iinfo(np.int64).max, dtype=np.int64)
        self.streamed_cpu_ns: list[float] = []
        self.page_faults: list[int] = []
        self.facts: dict[str, Any] = {}

    def new_book(self) -> Book:
        if self.name in GROWTH_FLOWS:
            return allocate_book(self.scenario.instruments, GROWTH_ORDERS_MAX, GROWTH_LEVELS_MAX)
        return allocate_book(self.scenario.instruments, ORDERS_MAX, LEVELS_MAX)

    def prove(self, validated: int) -> None:
        """Events equal to the twin's over a prefix, and to each other's over the flow; the book whole at its end."""
        twins = Twins(self.scenario.instruments, ORDERS_MAX, LEVELS_MAX, EVENTS_ROOM)
        twins.apply(self.commands[:validated])
        twins.compare_books()
        hashes = set()
        for one_by_one in (1, 0):
            book = self.new_book()
            hashes.add(int(hash_of_events(book, self.commands, one_by_one, self.events, self.progress)))
        assert len(hashes) == 1, f"{self.name}: apply and apply_batch tell different events"
        faults = check_book(book)
        assert not faults, faults[:3]
        self.facts["events_hash"] = f"{hashes.pop():016x}"
        nothing = self.commands[:0]  # loads the kernels, which takes pages, before anything is timed
        run(book, nothing, 0, 0, self.events, self.progress)
        run_in_cache(book, nothing, 0, self.ring, self.events, self.progress, self.clock, self.least_ns)

    def time(self) -> None:
        book = self.new_book()
        run(book, self.commands, 0, self.before, self.events, self.progress)
        faults = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        pieces_ns = np.ones_like(self.least_ns)  # written, so that its pages are there
        taken_ns = run_in_cache(
            book, self.commands, self.before, self.ring, self.events, self.progress, self.clock, pieces_ns
        )
        self.page_faults.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - faults)
        self.in_cache_ns.append(taken_ns / self.messages)
        self.least_ns = np.minimum(self.least_ns, pieces_ns)
        book = self.new_book()
        run(book, self.commands, 0, self.before, self.events, self.progress)
        self.facts["resting_first"] = int(book.state[0]["open_orders"])
        began = time.thread_time_ns()
        self.facts["events"] = int(
            run(book, self.commands, self.before, self.commands.size, self.events, self.progress)
        )
        self.streamed_cpu_ns.append((time.thread_time_ns() - began) / self.messages)
        self.facts |= {
            "trades": int(book.state[0]["trades"]),
            "resting_last": int(book.state[0]["open_orders"]),
            "levels_last": int(book.state[0]["open_levels"]),
            "book_bytes": sum(int(array.nbytes) for array in book),
        }

    def stamp(self, ticks_a_s: float) -> dict[str, float]:
        """Percentiles of ns a message."""
        ticks = np.ones(self.messages, dtype=np.int64)
        book = self.new_book()
        run(book, self.commands, 0, self.before, self.events, self.progress)
        run_stamped(book, self.commands, self.before, self.ring, self.events, ticks, 1)
        empty = int(np.median(ticks))
        run_stamped(book, self.commands, self.before, self.ring, self.events, ticks, 0)
        histogram = new_histogram()
        fill_histogram(histogram, ticks, empty, round(1e12 / ticks_a_s))
        p50, p99, p99_9 = percentiles_ns(histogram, (500_000, 990_000, 999_000))
        return {
            "ns_p50": p50,
            "ns_p99": p99,
            "ns_p99_9": p99_9,
            "ns_max": max_ns(histogram),
            "ns_subtracted": round(empty * 1e9 / ticks_a_s, 1),
        }

    def row(self) -> dict[str, Any]:
        in_cache_ns = statistics.median(self.in_cache_ns)
        return {
            "flow": self.name,
            "messages": self.messages,
            "ns_a_message": round(in_cache_ns, 1),
            "ns_a_message_best": round(min(self.in_cache_ns), 1),
            "ns_a_message_undisturbed": round(int(self.least_ns.sum()) / self.messages, 1),
            "messages_a_second": round(1e9 / in_cache_ns),
            "streamed_cpu_ns_a_message": round(statistics.median(self.streamed_cpu_ns), 1),
            "page_faults": min(self.page_faults),
        } | self.facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=2_000_000)
    parser.add_argument("--validated", type=int, default=40_000, help="messages that the naive twin runs, too")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=26)
    parser.add_argument("--instructions", type=int, default=100_000, help="messages under callgrind; 0: none")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("flows", nargs="*", default=[*HEADLINE_FLOWS, *FRIENDLY_FLOWS, *GROWTH_FLOWS])
    given = parser.parse_args()
    flows = [Flow(name, given.messages, given.seed) for name in given.flows]
    for flow in flows:
        flow.prove(given.validated)
    ticks_a_s = ticks_a_second()
    for _ in range(given.repeats):
        for flow in flows:
            flow.time()
    rows = []
    for flow in flows:
        rows.append(flow.row() | flow.stamp(ticks_a_s))
        if given.instructions and flow.name not in GROWTH_FLOWS:
            rows[-1] |= instructions_a_message(flow.new_book(), flow.commands, flow.before, given.instructions)
        if not given.json:
            print(json.dumps(rows[-1]), flush=True)
        assert rows[-1]["page_faults"] == 0, f"{flow.name}: memory was missing while it was timed"
        assert rows[-1]["book_bytes"] <= MEMORY_GOAL_BYTES, f"{flow.name}: the book is too large"
    by_name = {row["flow"]: row for row in rows}
    headline = [by_name[name] for name in HEADLINE_FLOWS if name in by_name] or rows
    lowest = round(1e9 / max(row["ns_a_message_undisturbed"] for row in headline))
    growth = [by_name[name]["ns_a_message_undisturbed"] for name in GROWTH_FLOWS if name in by_name]
    facts = {"growth_of_cost": round(max(growth) / min(growth), 2)} if len(growth) > 1 else {}
    if given.json:
        print(json.dumps(report("lowest of the flows, undisturbed", lowest, "messages/s", rows, equal=True) | facts))
        return
    print(f"lowest of the flows, undisturbed: {lowest:,} messages/s {facts or ''}")


if __name__ == "__main__":
    main()
