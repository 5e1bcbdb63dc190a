"""The designs under bench/alternatives/ beside those of the book, on what the flows of bench/core.py ask of them.

Index: the ids of a flow are entered, found and taken out; all designs must find the same. Levels: the prices at which
new orders of a flow come to rest, looked up in the book as the flow left it: by the table of known levels and the
ladder behind it, and by the ladder alone. Look-ahead: `apply` one by one beside `apply_batch`. CPU time of the thread,
the designs in turn, medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from appliance.book import index as index_lines
from appliance.book.ladder import find_level, level_of, side_key
from appliance.book.match import apply, is_pending, resume
from appliance.book.queue import side_index
from appliance.book.state import Book, aligned_zeros, allocate_book
from bench.alternatives import index_buckets, index_words
from bench.core import EVENTS_ROOM, LEVELS_MAX, ORDERS_MAX, run
from bench.flows import SCENARIOS, make_flow
from bench.host import report
from native.arrays import Arrays
from native.jit import kernel
from native.layout import EVENT, KIND_CANCEL, KIND_NEW_ORDER, KIND_REPLACE

FLOWS = ("fixed_middle", "crash_60", "friendly_1", "friendly_100")
IOC = ord("3")
OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}


class Names(Arrays):
    """Orders that have names only, and an index to them."""

    state: npt.NDArray[np.void]
    orders: npt.NDArray[np.void]
    index: npt.NDArray[Any]


def names_of(book: Book, design: Any) -> Names:
    if design is index_lines:
        return Names(state=book.state, orders=book.orders.copy(), index=aligned_zeros(book.index.size, np.uint8))
    words = aligned_zeros(design.WORDS_AN_ORDER * book.orders.size, np.uint64)
    return Names(state=book.state, orders=book.orders.copy(), index=words)


def index_run(design: Any) -> Any:
    """A kernel that plays the names of a flow on a design; returns a hash of the slots that it found."""
    find_entry, add_entry, remove_entry, hash_of = (
        design.find_entry, design.add_entry, design.remove_entry, index_lines.hash_of,
    )  # fmt: skip

    def play(names: Any, commands: Any) -> int:
        used = np.int64(0)
        found = np.int64(0)
        for i in range(commands.size):
            command = commands[np.uint64(i)]
            kind = np.int64(command["kind"])
            session = np.int64(command["session"])
            slot = np.int64(-1)
            if kind != KIND_NEW_ORDER:
                hashed = hash_of(names, session, command["orig_cl_ord_id"])
                slot = np.int64(find_entry(names, hashed, session, command["orig_cl_ord_id"]))
                found = (found ^ slot) * 1099511628211
                if slot >= 0:
                    remove_entry(names, hashed, slot)
            if kind == KIND_CANCEL and slot >= 0:
                names.orders[np.uint64(slot)]["next"] = used
                used = slot
            if kind == KIND_NEW_ORDER and np.int64(command["time_in_force"]) != IOC:
                slot = used
                used = np.int64(names.orders[np.uint64(slot)]["next"])
            elif kind != KIND_REPLACE:
                slot = np.int64(-1)
            if slot >= 0:
                names.orders[np.uint64(slot)]["cl_ord_id"] = command["cl_ord_id"]
                names.orders[np.uint64(slot)]["session"] = session
                add_entry(names, hash_of(names, session, command["cl_ord_id"]), slot)
        return found

    return numba.njit(**OPTIONS)(play)


@kernel
def one_by_one(book: Book, commands: Any, first: int, events: Any) -> int:
    """`apply` for each of commands[first:]. Returns how many events were told."""
    total = np.int64(0)
    for index in range(first, commands.size):
        total += np.int64(apply(book, commands, index, events, 0))
        while is_pending(book):
            total += np.int64(resume(book, events, 0))
    return total


@kernel
def look_up(book: Book, commands: Any, by_ladder: int) -> int:
    """A hash of the levels at which the orders of `commands` would rest."""
    found = np.int64(0)
    for i in range(commands.size):
        command = commands[np.uint64(i)]
        side = side_index(np.int64(command["instrument"]), np.int64(command["side"]))
        key = side_key(np.int64(command["price_ticks"]), side & 1)
        level = np.int64(find_level(book, side, key)) if by_ladder else np.int64(level_of(book, side, key))
        found = (found ^ level) * 1099511628211
    return found


def timed(function: Any, *arguments: Any) -> tuple[int, int]:
    """(result, CPU time of the thread, ns)."""
    began = time.thread_time_ns()
    result = function(*arguments)
    return int(result), time.thread_time_ns() - began


def measure(name: str, messages: int, repeats: int) -> dict[str, Any]:
    scenario = SCENARIOS[name]
    commands, before = make_flow(scenario, messages, 26)
    events, progress = np.zeros(EVENTS_ROOM, dtype=EVENT), np.zeros(1, dtype=np.int64)
    designs = {"lines": index_lines, "buckets": index_buckets, "words": index_words}
    kernels = {label: index_run(design) for label, design in designs.items()}
    taken: dict[str, list[float]] = {}

    def take(label: str, expected: dict[str, int], kind: str, count: int, outcome: tuple[int, int]) -> None:
        assert expected.setdefault(kind, outcome[0]) == outcome[0], f"{label} finds something else"
        taken.setdefault(label, []).append(outcome[1] / count)

    expected: dict[str, int] = {}
    for again in range(repeats + 1):
        for label, design in designs.items():
            names = names_of(allocate_book(scenario.instruments, ORDERS_MAX, LEVELS_MAX), design)
            take(f"index_{label}", expected, "index", commands.size, timed(kernels[label], names, commands))
        books = [allocate_book(scenario.instruments, ORDERS_MAX, LEVELS_MAX) for _ in range(2)]
        for book in books:
            run(book, commands, 0, before, events, progress)
        outcome = timed(run, books[0], commands, before, commands.size, events, progress)
        take("apply_batch", expected, "events", messages, outcome)
        take("apply_one_by_one", expected, "events", messages, timed(one_by_one, books[1], commands, before, events))
        rests = commands[before:][(commands["kind"][before:] == KIND_NEW_ORDER)][-100_000:]
        take("levels_known", expected, "levels", rests.size, timed(look_up, books[0], rests, 0))
        take("levels_by_ladder", expected, "levels", rests.size, timed(look_up, books[0], rests, 1))
        if again == 0:
            taken.clear()  # compiled, and in cache
    return {"flow": name} | {f"{label}_ns": round(statistics.median(values), 1) for label, values in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("flows", nargs="*", default=list(FLOWS))
    given = parser.parse_args()
    rows = [measure(name, given.messages, given.repeats) for name in given.flows]
    worst = max(row["index_lines_ns"] for row in rows)
    if given.json:
        print(json.dumps(report("index, worst of the flows", worst, "ns a message", rows, equal=True)))
        return
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
