"""Messages a second through the book alone: one thread, reports written for every message, checked before timed.

Each flow is first run through the naive twin of the book (a prefix of it) and demanded equal, event for event; then
through a fresh book, whole, with the clock on from the moment the book is full.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np

from appliance.book.check import check_book
from appliance.book.match import PREFETCH_AHEAD, apply, is_pending, prefetch_request, resume
from appliance.book.state import Book, allocate_book
from bench.flows import SCENARIOS, make_flow
from bench.host import report
from native.jit import kernel
from native.layout import EVENT, EVENT_CANCELED, EVENT_REJECTED, EVENT_TRADE
from tests.naive.twins import Twins

EVENTS_ROOM = 4096
ORDERS_MAX = 1 << 17
LEVELS_MAX = 1 << 16


@kernel
def run(book: Book, commands: Any, first: int, last: int, events: Any, kinds: Any) -> int:
    """Apply commands[first:last], overwriting `events`; counts the kinds of last events. Returns the events."""
    total = 0
    for index in range(first, last):
        if index + PREFETCH_AHEAD < last:
            prefetch_request(book, commands, index + PREFETCH_AHEAD)
        count = apply(book, commands, index, events, 0)
        if count < 0:
            return count
        total += count
        while is_pending(book):
            count = resume(book, events, 0)
            total += count
        kinds[events[count - 1]["kind"]] += 1
    return total


def measure(name: str, messages: int, seed: int, validated: int, repeats: int) -> dict[str, Any]:
    scenario = SCENARIOS[name]
    commands, before = make_flow(scenario, messages, seed)
    twins = Twins(scenario.instruments, ORDERS_MAX, LEVELS_MAX)
    twins.apply(commands[:validated])
    twins.compare_books()
    best_ns = best_cpu_ns = 1 << 62
    events = np.zeros(EVENTS_ROOM, dtype=EVENT)
    for _ in range(repeats):
        kinds = np.zeros(16, dtype=np.int64)
        book = allocate_book(scenario.instruments, ORDERS_MAX, LEVELS_MAX)
        run(book, commands, 0, before, events, kinds)
        kinds[:] = 0
        resting = int(book.state[0]["open_orders"])
        started_cpu, started = time.thread_time_ns(), time.perf_counter_ns()
        told = run(book, commands, before, commands.size, events, kinds)
        elapsed, elapsed_cpu = time.perf_counter_ns() - started, time.thread_time_ns() - started_cpu
        assert told > 0
        best_ns, best_cpu_ns = min(best_ns, elapsed), min(best_cpu_ns, elapsed_cpu)
    faults = check_book(book)
    assert not faults, faults[:3]
    return {
        "flow": name,
        "messages": messages,
        "ns_a_message": round(best_ns / messages, 1),
        "cpu_ns_a_message": round(best_cpu_ns / messages, 1),  # without the time that others had this core
        "messages_a_second": round(messages * 1e9 / best_ns),
        "events": told,
        "filled_whole": int(kinds[EVENT_TRADE]),
        "cancels": int(kinds[EVENT_CANCELED]),
        "rejects": int(kinds[EVENT_REJECTED]),
        "trades": int(book.state[0]["trades"]),
        "resting_first": resting,
        "resting_last": int(book.state[0]["open_orders"]),
        "levels_last": int(book.state[0]["open_levels"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=500_000)
    parser.add_argument("--validated", type=int, default=40_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=26)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("flows", nargs="*", default=list(SCENARIOS))
    given = parser.parse_args()
    results = []
    for name in given.flows:
        results.append(measure(name, given.messages, given.seed, given.validated, given.repeats))
        if not given.json:
            print(json.dumps(results[-1]), flush=True)
    lowest = min(row["messages_a_second"] for row in results)
    if given.json:
        print(json.dumps(report("lowest of the flows", lowest, "messages/s", results, equal=True)))
    else:
        print(f"lowest of the flows: {lowest:,} messages/s")


if __name__ == "__main__":
    main()
