"""Readers of the public books. What they tell is right at the end of a transaction; empty levels are passed over."""

from __future__ import annotations

import numpy as np

from appliance.book.ladder import side_key
from appliance.feed_book.ladder import next_level
from appliance.feed_book.state import FeedBooks
from native.jit import INTERPRETED, inner_kernel, kernel
from native.layout import NO_INDEX

HASH_FACTOR = 1099511628211
HASH_START = 0x5851F42D4C957F2D

if INTERPRETED:

    def mix(hashed: int, word: int) -> int:
        """One more word of 64 bits into a hash of 64 bits."""
        mask = 0xFFFFFFFFFFFFFFFF
        x = ((int(hashed) ^ int(word)) & mask) * HASH_FACTOR & mask
        x ^= x >> 29
        return np.int64(x - (1 << 64) if x >> 63 else x)

else:

    @inner_kernel
    def mix(hashed: int, word: int) -> int:
        """One more word of 64 bits into a hash of 64 bits."""
        x = (np.uint64(hashed) ^ np.uint64(word)) * np.uint64(HASH_FACTOR)
        return np.int64(x ^ (x >> np.uint64(29)))


@kernel
def best_level(books: FeedBooks, side: int) -> int:
    """Index of the best level of a side that is not empty, or -1."""
    level = np.int64(books.sides[side]["best"])
    if level == NO_INDEX:
        return np.int64(-1)
    if np.int64(books.levels[level]["qty_lots"]) != 0:
        return level
    return np.int64(next_best(books, level))


@kernel
def next_best(books: FeedBooks, level: int) -> int:
    """Index of the next worse level of the same side that is not empty, or -1."""
    level = np.int64(next_level(books, level))
    while level >= 0 and np.int64(books.levels[level]["qty_lots"]) == 0:
        level = np.int64(next_level(books, level))
    return level


@kernel
def level_price(books: FeedBooks, level: int) -> int:
    """Price of a level in 1e-9."""
    return side_key(np.int64(books.levels[level]["key"]), np.int64(books.levels[level]["side"]) & 1)


@kernel
def count_orders(books: FeedBooks, instrument: int) -> int:
    """Orders of an instrument: how many rows `copy_orders` needs."""
    total = np.int64(0)
    for side in range(2 * instrument, 2 * instrument + 2):
        level = np.int64(best_level(books, side))
        while level >= 0:
            total += np.int64(books.levels[level]["orders"])
            level = np.int64(next_best(books, level))
    return total


@kernel
def copy_orders(books: FeedBooks, instrument: int, rows, at: int) -> int:
    """Copy every order of an instrument to `rows[at:]` (FEED_ROW): bids best first, then offers best first, each price
    in queue order. Returns how many; those that `rows` has no room for are left out."""
    start = np.int64(at)
    at = start
    for side in range(2 * instrument, 2 * instrument + 2):
        level = np.int64(best_level(books, side))
        while level >= 0:
            slot = np.int64(books.levels[level]["head"])
            while slot != NO_INDEX and at < rows.size:
                order = books.orders[slot]
                rows[at]["order_id"] = order["order_id"]
                rows[at]["price_nanos"] = order["price_nanos"]
                rows[at]["priority"] = order["priority"]
                rows[at]["transact_time_ns"] = order["transact_time_ns"]
                rows[at]["qty_lots"] = order["qty_lots"]
                rows[at]["orders"] = 1
                rows[at]["side"] = 1 - 2 * (side & 1)
                at += 1
                slot = np.int64(order["next"])
            level = np.int64(next_best(books, level))
    return at - start


@kernel
def copy_side(books: FeedBooks, side: int, depth_max: int, rows, at: int) -> int:
    """Copy the best `depth_max` levels of a side to `rows[at:]` (FEED_ROW). Returns how many."""
    start = np.int64(at)
    at = start
    level = np.int64(best_level(books, side))
    while level >= 0 and at - start < depth_max and at < rows.size:
        rows[at]["order_id"] = 0
        rows[at]["price_nanos"] = level_price(books, level)
        rows[at]["priority"] = 0
        rows[at]["transact_time_ns"] = books.levels[level]["transact_time_ns"]
        rows[at]["qty_lots"] = books.levels[level]["qty_lots"]
        rows[at]["orders"] = books.levels[level]["orders"]
        rows[at]["side"] = 1 - 2 * (side & 1)
        at += 1
        level = np.int64(next_best(books, level))
    return at - start


@kernel
def copy_levels(books: FeedBooks, instrument: int, depth_max: int, rows, at: int) -> int:
    """The best `depth_max` bids, then as many offers, of an instrument, to `rows[at:]`. Returns how many."""
    count = np.int64(copy_side(books, 2 * instrument, depth_max, rows, at))
    return count + np.int64(copy_side(books, 2 * instrument + 1, depth_max, rows, at + count))


@kernel
def book_hash(books: FeedBooks, instrument: int) -> int:
    """Hash of an instrument's orders in queue order: side, price, quantity, priority and OrderId of each."""
    hashed = np.int64(HASH_START)
    for side in range(2 * instrument, 2 * instrument + 2):
        level = np.int64(best_level(books, side))
        while level >= 0:
            slot = np.int64(books.levels[level]["head"])
            while slot != NO_INDEX:
                order = books.orders[slot]
                hashed = mix(hashed, np.int64(1 - 2 * (side & 1)))
                hashed = mix(hashed, np.int64(order["price_nanos"]))
                hashed = mix(hashed, np.int64(order["qty_lots"]))
                hashed = mix(hashed, np.int64(order["priority"]))
                hashed = mix(hashed, np.int64(order["order_id"]))
                slot = np.int64(order["next"])
            level = np.int64(next_best(books, level))
    return hashed


@kernel
def level_hash(books: FeedBooks, instrument: int) -> int:
    """Hash of an instrument's levels, best first: side, price, lots and orders of each."""
    hashed = np.int64(HASH_START)
    for side in range(2 * instrument, 2 * instrument + 2):
        level = np.int64(best_level(books, side))
        while level >= 0:
            hashed = mix(hashed, np.int64(1 - 2 * (side & 1)))
            hashed = mix(hashed, np.int64(level_price(books, level)))
            hashed = mix(hashed, np.int64(books.levels[level]["qty_lots"]))
            hashed = mix(hashed, np.int64(books.levels[level]["orders"]))
            level = np.int64(next_best(books, level))
    return hashed
