"""Triggers and their cascade: of all orders that the market has triggered, the one with the lowest priority goes next.

Waiting orders stand in two ladders by trigger price, oldest first at each. While a cascade runs, the triggered levels
are also in a leftist heap by the priority of their first order; `next level that may be triggered` of each ladder moves
on as the market runs. Orders never leave their queue before they go, so a cascade that a breach ends needs nothing put
back: the heap is forgotten. The heap's links lie in LEVEL_HIDDEN, which a trigger level does not need.
"""

from __future__ import annotations

import numpy as np

from appliance.book.ladder import next_level, side_key
from appliance.book.state import Book
from native.jit import inner_kernel, kernel
from native.layout import NO_INDEX, PENDING_CASCADE

HEAP_HEIGHT_MAX = 64
"""Most levels on the right spine of a leftist heap: below log2 of the number of levels, which is below 2**31."""


@inner_kernel
def rank(book: Book, level: int) -> int:
    """Of a leftist heap's node: steps to its nearest missing child."""
    return np.int64(0) if level == NO_INDEX else np.int64(book.level_hidden[level]["hidden_lots"])


@inner_kernel
def first_priority(book: Book, level: int) -> int:
    return np.int64(book.orders[np.int64(book.levels[level]["head"])]["priority"])


@kernel
def merge_heaps(book: Book, one: int, other: int) -> int:
    """Root of the heap of two heaps' levels (NO_INDEX: none). Takes steps in proportion to the logarithm of their
    size."""
    above = np.int64(NO_INDEX)
    for _ in range(2 * HEAP_HEIGHT_MAX):  # down the right spines; each right link points up meanwhile
        if one == NO_INDEX or other == NO_INDEX:
            break
        if first_priority(book, other) < first_priority(book, one):
            one, other = other, one
        below = np.int64(book.level_hidden[one]["tail"])
        book.level_hidden[one]["tail"] = above
        above = one
        one = below
    root = other if one == NO_INDEX else one
    for _ in range(2 * HEAP_HEIGHT_MAX):
        if above == NO_INDEX:
            break
        node = book.level_hidden[above]
        next_above = np.int64(node["tail"])
        left = np.int64(node["head"])
        if rank(book, left) < rank(book, root):
            left, root = root, left
        node["head"] = left
        node["tail"] = root
        node["hidden_lots"] = rank(book, root) + 1
        root = above
        above = next_above
    return root


@kernel
def push_level(book: Book, level: int) -> int:
    """Take a triggered level into the heap. Returns 0."""
    book.level_hidden[level]["head"] = NO_INDEX
    book.level_hidden[level]["tail"] = NO_INDEX
    book.level_hidden[level]["hidden_lots"] = 1
    book.state[0]["cascade_heap"] = merge_heaps(book, np.int64(book.state[0]["cascade_heap"]), level)
    return 0


@kernel
def begin_cascade(book: Book, instrument: int) -> int:
    """What the instrument's market has touched is to be carried out, where it trades continuously. Returns 0."""
    market = book.instruments[instrument]
    state = book.state[0]
    if np.int64(state["pending_work"]) & PENDING_CASCADE:
        return 0
    if np.int64(market["waiting_orders"]) == 0:
        market["is_touched"] = 0
        return 0
    first = 2 * np.int64(book.instruments.size) + 2 * instrument
    state["cascade_instrument"] = instrument
    state["cascade_heap"] = NO_INDEX
    state["cascade_falling"] = book.sides[first]["best"]
    state["cascade_rising"] = book.sides[first + 1]["best"]
    state["pending_work"] |= PENDING_CASCADE
    return 0


@kernel
def next_triggered(book: Book) -> int:
    """A step of the cascade: the slot of the order that goes now; -1 when a level was looked at first; -2 at the
    end."""
    state = book.state[0]
    market = book.instruments[np.int64(state["cascade_instrument"])]
    level = np.int64(state["cascade_rising"])
    if level != NO_INDEX and np.int64(book.levels[level]["key"]) <= np.int64(market["touched_high_ticks"]):
        behind = next_level(book, level)
        state["cascade_rising"] = NO_INDEX if behind < 0 else behind
        push_level(book, level)
        return -1
    level = np.int64(state["cascade_falling"])
    if level != NO_INDEX and np.int64(book.levels[level]["key"]) <= side_key(np.int64(market["touched_low_ticks"]), 0):
        behind = next_level(book, level)
        state["cascade_falling"] = NO_INDEX if behind < 0 else behind
        push_level(book, level)
        return -1
    level = np.int64(state["cascade_heap"])
    if level == NO_INDEX:
        market["is_touched"] = 0
        return -2
    return np.int64(book.levels[level]["head"])


@kernel
def take_triggered(book: Book) -> int:
    """The heap's first level is about to lose its first order: where others wait there, it comes back behind. Returns
    the level, or NO_INDEX when that order was alone."""
    state = book.state[0]
    level = np.int64(state["cascade_heap"])
    node = book.level_hidden[level]
    state["cascade_heap"] = merge_heaps(book, np.int64(node["head"]), np.int64(node["tail"]))
    return level if np.int64(book.levels[level]["orders"]) > 1 else np.int64(NO_INDEX)
