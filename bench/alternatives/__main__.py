"""Structures of the book beside designs that lost: ns an operation, on the operations that a flow makes.

A flow is recorded first (bench/alternatives/record.py); every design then answers all of it on fresh arrays, and each
answer must be the recorded one. Only then are they timed: a fresh structure each time, filled off the clock, the
designs in turn, `--repeats` times over, in CPU time of the thread; medians are told. Operations follow each other with
nothing between them and nothing fetched ahead, and nothing else of the book is in the caches, so a figure tells which
design costs less, not what an operation costs within the book.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from appliance.book.state import aligned_zeros, allocate_book
from bench.alternatives.level_trie import LevelTrie, new_level_trie
from bench.alternatives.name_index import new_buckets, new_places, run_buckets, run_linear, run_lines
from bench.alternatives.price_levels import run_blocks, run_known, run_sorted, run_trie
from bench.alternatives.queues import CHUNK_WORDS, NEXT, run_chunked, run_linked
from bench.alternatives.record import Operations, record
from bench.flows import SCENARIOS, make_flow
from bench.host import report
from native.layout import LEVEL, NO_INDEX, ORDER

FLOWS = ("routine_day", "swing_40", "routine_100")
ORDERS_MAX = 1 << 17
LEVELS_MAX = 1 << 16
KNOWN_LEVELS = 1 << 16
KNOWN_LEVELS_MIN = 64


class Design(NamedTuple):
    structure: str
    """index, levels or queues: which operations it answers."""
    name: str
    run: Callable[..., int]
    fresh: Callable[[], tuple[Any, ...]]
    """New arrays: what `run` takes before rows, first, last and answers."""


def designs(instruments: int, levels_a_side_max: int, orders_max: int, levels_max: int) -> list[Design]:
    """All designs, of each structure the book's own first."""

    def orders() -> Any:
        return aligned_zeros(orders_max, ORDER)

    def empty_levels() -> Any:
        levels = aligned_zeros(levels_max, LEVEL)
        levels["head"] = levels["tail"] = NO_INDEX
        return levels

    def sorted_arrays() -> tuple[Any, ...]:
        sides = 2 * instruments
        places = sides * (levels_a_side_max + 1)
        levels = aligned_zeros(levels_max, LEVEL)
        levels["head"][:-1] = np.arange(1, levels_max)
        counts, free = aligned_zeros(sides, np.int64), aligned_zeros(1, np.int64)
        return aligned_zeros(places, np.int64), aligned_zeros(places, np.uint32), counts, levels, free

    def chunks() -> tuple[Any, ...]:
        words = aligned_zeros(CHUNK_WORDS * orders_max, np.uint32)
        words[NEXT::CHUNK_WORDS] = np.arange(1, orders_max + 1)
        return orders(), empty_levels(), words, aligned_zeros(1, np.int64)

    def level_tries(known_levels: int) -> LevelTrie:
        return new_level_trie(2 * instruments, levels_max, known_levels)

    def book() -> tuple[Any, ...]:
        return (allocate_book(instruments, orders_max, levels_max),)

    return [
        Design("index", "lines of 64 bytes", run_lines, book),
        Design("index", "buckets of 32 bytes", run_buckets, lambda: (new_buckets(orders_max), orders())),
        Design("index", "linear probing", run_linear, lambda: (new_places(orders_max), orders())),
        Design("levels", "known blocks, trie", run_blocks, book),
        Design("levels", "known levels, trie", run_known, lambda: (level_tries(KNOWN_LEVELS),)),
        Design("levels", "trie of levels", run_trie, lambda: (level_tries(KNOWN_LEVELS_MIN),)),
        Design("levels", "sorted array", run_sorted, sorted_arrays),
        Design("queues", "linked orders", run_linked, lambda: (orders(), empty_levels())),
        Design("queues", "chunks with graves", run_chunked, chunks),
    ]


def wrong_answers(design: Design, operations: Operations) -> int:
    """How many of the recorded answers a design does not give."""
    answers = np.full(operations.answers.size, -9, dtype=np.int64)
    design.run(*design.fresh(), operations.rows, 0, operations.answers.size, answers)
    return int(np.count_nonzero(answers != operations.answers))


def ns_an_operation(design: Design, operations: Operations) -> float:
    answers = np.zeros(operations.answers.size, dtype=np.int64)
    arrays = design.fresh()
    design.run(*arrays, operations.rows, 0, operations.first, answers)
    began_ns = time.thread_time_ns()
    design.run(*arrays, operations.rows, operations.first, operations.answers.size, answers)
    return (time.thread_time_ns() - began_ns) / (operations.answers.size - operations.first)


def measure(flow: str, messages: int, seed: int, repeats: int) -> list[dict[str, Any]]:
    """A row a design. Raises SystemExit when one answers otherwise than recorded."""
    scenario = SCENARIOS[flow]
    commands, before = make_flow(scenario, messages, seed)
    told, recorder = record(commands, before, scenario.instruments, ORDERS_MAX, LEVELS_MAX)
    all_designs = designs(scenario.instruments, recorder.levels_a_side_max, ORDERS_MAX, LEVELS_MAX)
    for design in all_designs:
        wrong = wrong_answers(design, told[design.structure])
        if wrong:
            raise SystemExit(f"{flow}: {design.name} gives {wrong} wrong answers; nothing was timed.")
    taken_ns: dict[str, list[float]] = {design.name: [] for design in all_designs}
    for _ in range(repeats):
        for design in all_designs:
            taken_ns[design.name].append(ns_an_operation(design, told[design.structure]))
    return [
        {
            "flow": flow,
            "structure": design.structure,
            "design": design.name,
            "operations": told[design.structure].answers.size - told[design.structure].first,
            "ns_an_operation": round(statistics.median(taken_ns[design.name]), 1),
            "ns_an_operation_best": round(min(taken_ns[design.name]), 1),
            "orders_last": len(recorder.names),
            "levels_a_side_max": recorder.levels_a_side_max,
        }
        for design in all_designs
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench.alternatives", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--seed", type=int, default=26)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("flows", nargs="*", help=f"default: {' '.join(FLOWS)}")
    given = parser.parse_args()
    if given.messages < 1000 or given.repeats < 1:
        parser.error("give 1000 messages or more and 1 repeat or more")
    unknown = [flow for flow in given.flows if flow not in SCENARIOS]
    if unknown:
        parser.error(f"there is no flow {unknown[0]}: give some of {', '.join(SCENARIOS)}")
    rows: list[dict[str, Any]] = []
    for flow in given.flows or FLOWS:
        rows += measure(flow, given.messages, given.seed, given.repeats)
    if given.json:
        own = max(row["ns_an_operation"] for row in rows if row["design"] == "lines of 64 bytes")
        print(json.dumps(report("highest of the flows, index of lines", own, "ns/operation", rows, equal=True)))
        return
    print(f"{'flow':16}{'structure':11}{'design':22}{'operations':>11}{'ns median':>11}{'ns best':>9}")
    for row in rows:
        print(
            f"{row['flow']:16}{row['structure']:11}{row['design']:22}{row['operations']:>11,}"
            f"{row['ns_an_operation']:>11}{row['ns_an_operation_best']:>9}"
        )


if __name__ == "__main__":
    main()
