"""Slots of orders, and the queue of each price level: join at the tail, leave from anywhere, no search."""

from __future__ import annotations

import numpy as np

from appliance.book.ladder import add_level, drop_level, find_level, side_key
from appliance.book.state import Book
from native.jit import inner_kernel
from native.layout import NO_INDEX

SIDE_BUY = 1
SIDE_SELL = 2
SIDE_SELL_SHORT = 5
SIDE_SELL_SHORT_EXEMPT = 6


@inner_kernel
def is_known_side(side: int) -> bool:
    """FIX Side (tag 54): buy 1, sell 2, sell short 5, sell short exempt 6."""
    return side in (SIDE_BUY, SIDE_SELL, SIDE_SELL_SHORT, SIDE_SELL_SHORT_EXEMPT)


@inner_kernel
def side_index(instrument: int, side: int) -> int:
    """Place in `book.sides` of the side that an order of this FIX Side rests on."""
    return 2 * instrument + (0 if side == SIDE_BUY else 1)


@inner_kernel
def release_order(book: Book, slot: int) -> None:
    """Give the slot of an order that rests nowhere back."""
    book.orders[slot]["leaves_lots"] = 0
    book.orders[slot]["level"] = NO_INDEX
    book.orders[slot]["next"] = book.state[0]["free_order"]
    book.state[0]["free_order"] = slot
    book.state[0]["open_orders"] -= 1


@inner_kernel
def join_queue(book: Book, slot: int) -> int:
    """Put an order at the end of the queue of its price and give it the next priority, which is returned."""
    side = side_index(np.int64(book.orders[slot]["instrument"]), np.int64(book.orders[slot]["side"]))
    key = side_key(np.int64(book.orders[slot]["price_ticks"]), side & 1)
    level = find_level(book, side, key)
    if level < 0:
        level = add_level(book, side, key)
    priority = np.int64(book.state[0]["priorities_given"]) + 1
    book.state[0]["priorities_given"] = priority
    tail = np.int64(book.levels[level]["tail"])
    book.orders[slot]["priority"] = priority
    book.orders[slot]["level"] = level
    book.orders[slot]["prev"] = tail
    book.orders[slot]["next"] = NO_INDEX
    if tail == NO_INDEX:
        book.levels[level]["head"] = slot
    else:
        book.orders[tail]["next"] = slot
    book.levels[level]["tail"] = slot
    book.levels[level]["orders"] += 1
    book.levels[level]["qty_lots"] += np.int64(book.orders[slot]["leaves_lots"])
    book.sides[side]["orders"] += 1
    return priority


@inner_kernel
def leave_queue(book: Book, slot: int) -> None:
    """Take an order out of its queue, and its level out of the ladder when it was the last."""
    side = side_index(np.int64(book.orders[slot]["instrument"]), np.int64(book.orders[slot]["side"]))
    level = np.int64(book.orders[slot]["level"])
    before = np.int64(book.orders[slot]["prev"])
    behind = np.int64(book.orders[slot]["next"])
    if before == NO_INDEX:
        book.levels[level]["head"] = behind
    else:
        book.orders[before]["next"] = behind
    if behind == NO_INDEX:
        book.levels[level]["tail"] = before
    else:
        book.orders[behind]["prev"] = before
    book.orders[slot]["level"] = NO_INDEX
    book.orders[slot]["priority"] = 0
    book.levels[level]["qty_lots"] -= np.int64(book.orders[slot]["leaves_lots"])
    orders_left = np.int64(book.levels[level]["orders"]) - 1
    book.levels[level]["orders"] = orders_left
    book.sides[side]["orders"] -= 1
    if orders_left == 0:
        drop_level(book, side, level)
