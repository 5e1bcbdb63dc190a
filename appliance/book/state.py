"""The memory of all books: one set of arrays, allocated once, never grown.

Thousands of instruments share four pools (orders, levels, ladder nodes, the ClOrdID index), so a busy instrument uses
what a quiet one does not, and what is hot lies together. Links are 32-bit indexes: the arrays can be copied, mapped
or compared byte by byte. Every scalar lies in `state[0]`, so a snapshot is a copy of the arrays and nothing else.

What a message touches, in cache lines of 64 bytes: the index bucket of its ClOrdID (1), the order (1), its level (1),
the line of the instrument's two sides (1), and the neighbour in the queue if there is one. A ladder node (2) is
touched when a level comes or goes, or is not the best one.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from native.arrays import Arrays
from native.layout import BOOK_SIDE, BOOK_STATE, LADDER_NODE, LEVEL, NO_INDEX, ORDER
from native.limits import INSTRUMENTS_MAX, LEVELS_MAX, ORDERS_MAX, SESSIONS_MAX

BUCKET_WORDS = 4
"""A bucket of the ClOrdID index is 32 bytes: see appliance/book/index.py."""
CHILDREN = 64
CACHE_LINE_BYTES = 64
BUCKETS_MIN = 8

assert max(SESSIONS_MAX, INSTRUMENTS_MAX) <= 1 << 16, "ORDER keeps session and instrument in 16 bits"
assert max(ORDERS_MAX, LEVELS_MAX) < 1 << 31, "indexes are 32 bits, and ladder references need one of them"


class Book(Arrays):
    """All books of a core. Kernels take it whole; people read it through appliance/book/view.py."""

    state: npt.NDArray[np.void]
    """(1,) BOOK_STATE: counters, heads of the free lists, what is pending."""
    sides: npt.NDArray[np.void]
    """(2 * instruments,) BOOK_SIDE: the buy side of instrument i at 2 * i, its sell side at 2 * i + 1."""
    orders: npt.NDArray[np.void]
    """(orders_max,) ORDER."""
    levels: npt.NDArray[np.void]
    """(levels_max,) LEVEL."""
    nodes: npt.NDArray[np.void]
    """(levels_max,) LADDER_NODE. Every node has two children or more, so levels run out first."""
    children: npt.NDArray[np.uint32]
    """(64 * levels_max,) references; those of node n from 64 * n. Meaningful where the node's bit is set."""
    index: npt.NDArray[np.uint64]
    """(4 * buckets,) words of the index from (session, ClOrdID) to the order's slot."""


def aligned_zeros(count: int, dtype: npt.DTypeLike) -> npt.NDArray[np.generic]:
    """`count` zeroed items of `dtype`, the first at the start of a cache line, every page already there."""
    item_bytes = np.dtype(dtype).itemsize
    memory = np.empty(count * item_bytes + CACHE_LINE_BYTES, dtype=np.uint8)
    start = -memory.ctypes.data % CACHE_LINE_BYTES
    memory[:] = 0
    items: npt.NDArray[np.generic] = memory[start : start + count * item_bytes].view(dtype)
    return items


def allocate_book(instruments: int, orders_max: int, levels_max: int) -> Book:
    """Empty books of `instruments` instruments that share room for `orders_max` orders on `levels_max` price levels.

    Raises ValueError when a number is below 1 or above its limit in native/limits.py. Takes about 64 bytes an
    instrument, 96 an order (64 and its share of the index) and 320 a level.
    """
    for name, value, largest in (
        ("instruments", instruments, INSTRUMENTS_MAX),
        ("orders_max", orders_max, ORDERS_MAX),
        ("levels_max", levels_max, LEVELS_MAX),
    ):
        if not 1 <= value <= largest:
            raise ValueError(f"{name} is {value}: give 1 to {largest}.")
    buckets = max(BUCKETS_MIN, 1 << (orders_max - 1).bit_length())
    book = Book(
        state=aligned_zeros(1, BOOK_STATE),
        sides=aligned_zeros(2 * instruments, BOOK_SIDE),
        orders=aligned_zeros(orders_max, ORDER),
        levels=aligned_zeros(levels_max, LEVEL),
        nodes=aligned_zeros(levels_max, LADDER_NODE),
        children=aligned_zeros(levels_max * CHILDREN, np.uint32),
        index=aligned_zeros(buckets * BUCKET_WORDS, np.uint64),
    )
    book.sides["best"] = NO_INDEX
    book.sides["root"] = NO_INDEX
    for pool, link in ((book.orders, "next"), (book.levels, "head"), (book.nodes, "parent")):
        pool[link][:-1] = np.arange(1, pool.size)
        pool[link][-1] = NO_INDEX
    book.orders["prev"] = NO_INDEX
    book.orders["level"] = NO_INDEX
    return book


def copy_book(book: Book) -> Book:
    """A snapshot: equal arrays that share nothing with `book`. It goes on exactly as the original would."""
    copies = []
    for array in book:
        copy = aligned_zeros(array.size, array.dtype)
        copy[:] = array
        copies.append(copy)
    return Book(*copies)


def open_orders(book: Book) -> npt.NDArray[np.void]:
    """Copies of all ORDER records in use, in order of priority (an order in flight, without one, comes first)."""
    used = book.orders[book.orders["leaves_lots"] > 0]
    return used[np.argsort(used["priority"], kind="stable")]


HASHED_ORDER_FIELDS = (
    "order_id", "cl_ord_id", "priority", "price_ticks", "leaves_lots", "cum_lots", "account", "session", "instrument",
    "side", "ord_type", "time_in_force", "exec_inst",
)  # fmt: skip
HASHED_STATE_FIELDS = ("orders_taken", "priorities_given", "trades", "pending_stage")


def state_hash(book: Book) -> str:
    """64 hex digits (SHA-256) of what the books hold: the open orders and the sequence counters.

    It depends on logical state alone. Priorities rise over all instruments in the order in which orders take their
    places and a queue is joined at its end only, so the list of open orders by priority gives every queue of every
    price; levels, sums, best prices, ladders and the index follow from it (`check_book` proves that they do). Links,
    free lists and the places of index entries are left out: they tell how the state was reached, not what it is. (The
    low bits of an OrderID name a slot, so which one the next order gets does depend on the free list: a copy of the
    arrays, or the same inputs from the start, go on with the same ids.)
    """
    digest = hashlib.sha256()
    for field in HASHED_STATE_FIELDS:
        digest.update(int(book.state[0][field]).to_bytes(8, "little"))
    orders = open_orders(book)
    digest.update(orders.size.to_bytes(8, "little"))
    for field in HASHED_ORDER_FIELDS:
        digest.update(np.ascontiguousarray(orders[field]).tobytes())
    if book.state[0]["pending_stage"]:
        for field in ("pending_request_kind", "pending_flags"):
            digest.update(int(book.state[0][field]).to_bytes(8, "little"))
        digest.update(int(book.orders[book.state[0]["pending_slot"]]["order_id"]).to_bytes(8, "little"))
    return digest.hexdigest()
