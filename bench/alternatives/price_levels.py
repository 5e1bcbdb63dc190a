"""(side, price) to level, and the best of a side, four designs: the book's own, two tries of levels, a sorted array.

All take LEVEL records from a free list and clear them. Each `run_*` does operations[first:last] of
bench/alternatives/record.py, writes their answers, and returns 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.ladder import drop_level, find_level, known_level, level_of
from appliance.book.state import Book
from appliance.feed_book.ladder import drop_level as drop_leaf
from appliance.feed_book.ladder import find_level as find_leaf
from appliance.feed_book.ladder import find_or_add_level as find_or_add_leaf
from appliance.feed_book.ladder import known_level as known_leaf
from bench.alternatives.level_trie import LevelTrie
from bench.alternatives.record import LEVEL_ADD, LEVEL_FIND
from native.jit import inner_kernel, kernel
from native.layout import NO_INDEX


@inner_kernel
def best_of(side: Any) -> int:
    """Index of the best level of a side, or -1."""
    best = np.int64(side["best"])
    return best if best != NO_INDEX else np.int64(-1)


@kernel
def run_blocks(book: Book, rows: Any, first: int, last: int, answers: Any) -> int:
    """The book's own: a table of known blocks before a trie of blocks."""
    for i in range(first, last):
        kind, side, key, level = rows[i, 0], rows[i, 1], rows[i, 2], rows[i, 3]
        if kind == LEVEL_FIND:
            known = known_level(book, side, key)
            answers[i] = known if known >= 0 else np.int64(find_level(book, side, key))
            continue
        if kind == LEVEL_ADD:
            level_of(book, side, key)
        else:
            drop_level(book, side, level)
        answers[i] = best_of(book.sides[side])
    return 0


@inner_kernel
def change(trie: LevelTrie, kind: int, side: int, key: int, level: int) -> int:
    """Add or drop a level. Returns the best of the side, or -1."""
    if kind == LEVEL_ADD:
        find_or_add_leaf(trie, side, key)
    else:
        drop_leaf(trie, side, level)
    return best_of(trie.sides[side])


@kernel
def run_known(trie: LevelTrie, rows: Any, first: int, last: int, answers: Any) -> int:
    """A table of known levels before a trie of levels."""
    for i in range(first, last):
        kind, side, key, level = rows[i, 0], rows[i, 1], rows[i, 2], rows[i, 3]
        if kind == LEVEL_FIND:
            known = known_leaf(trie, side, key)
            answers[i] = known if known >= 0 else np.int64(find_leaf(trie, side, key))
        else:
            answers[i] = change(trie, kind, side, key, level)
    return 0


@kernel
def run_trie(trie: LevelTrie, rows: Any, first: int, last: int, answers: Any) -> int:
    """The trie of levels alone: nothing reads its table, which is written to all the same, so it is a small one."""
    for i in range(first, last):
        kind, side, key, level = rows[i, 0], rows[i, 1], rows[i, 2], rows[i, 3]
        if kind == LEVEL_FIND:
            answers[i] = find_leaf(trie, side, key)
        else:
            answers[i] = change(trie, kind, side, key, level)
    return 0


@inner_kernel
def place_in_sorted(keys: Any, start: int, count: int, key: int) -> int:
    """Where a key stands, or would, among keys[start:start + count], which fall."""
    low = start
    high = start + count
    while low < high:
        middle = (low + high) >> 1
        if keys[np.uint64(middle)] > key:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def run_sorted(
    keys: Any, numbers: Any, counts: Any, levels: Any, free: Any, rows: Any, first: int, last: int, answers: Any
) -> int:
    """Per side the keys in one array, best last, found by bisection; what is better moves by one place.

    keys, numbers: (sides * room,) int64 and uint32 level numbers; counts: (sides,); free: (1,) the free list of LEVELs.
    """
    room = keys.size // counts.size
    for i in range(first, last):
        kind, side, key = rows[i, 0], rows[i, 1], rows[i, 2]
        start = side * room
        count = counts[side]
        place = place_in_sorted(keys, start, count, key)
        if kind == LEVEL_FIND:
            is_there = place < start + count and keys[place] == key
            answers[i] = np.int64(numbers[place]) if is_there else np.int64(-1)
            continue
        if kind == LEVEL_ADD:
            level = free[0]
            free[0] = np.int64(levels[level]["head"])
            levels[level]["key"] = key
            levels[level]["qty_lots"] = 0
            levels[level]["head"] = NO_INDEX
            levels[level]["tail"] = NO_INDEX
            levels[level]["orders"] = 0
            for at in range(start + count, place, -1):
                keys[at] = keys[at - 1]
                numbers[at] = numbers[at - 1]
            keys[place] = key
            numbers[place] = level
            count += 1
        else:
            level = np.int64(numbers[place])
            for at in range(place, start + count - 1):
                keys[at] = keys[at + 1]
                numbers[at] = numbers[at + 1]
            count -= 1
            levels[level]["head"] = free[0]
            free[0] = level
        counts[side] = count
        answers[i] = np.int64(numbers[start + count - 1]) if count else np.int64(-1)
    return 0
