"""Orders of the public books: found by (instrument, OrderId), standing in queues by priority.

The order table is open addressing with linear steps, at most half full, and an entry that goes pulls those behind it
back, so searches stay short for ever. An entry carries 31 bits of the hash: other orders are met in the table alone.

Nearly every new order is the last of its queue (a venue counts priorities up), so it is placed from the tail.
"""

from __future__ import annotations

import numpy as np

from appliance.book.ladder import SIGN_BIT, side_key
from appliance.feed_book.ladder import drop_level, find_level, find_or_add_level, known_level
from appliance.feed_book.state import FeedBooks
from native.codes import ERROR_FEED_LEVELS_FULL, ERROR_FEED_ORDERS_FULL
from native.jit import INTERPRETED, inner_kernel, kernel
from native.layout import NO_INDEX

_FACTOR = 0x9E3779B97F4A7C15
_INSTRUMENT_FACTOR = 0xC2B2AE3D27D4EB4F
TAG_SHIFT = 33
LOW_32 = 0xFFFFFFFF

if INTERPRETED:

    def tag_of(instrument: int, order_id: int) -> int:
        """31 bits of hash: where the order's entry is looked for, and what the entry has in front."""
        mask = 0xFFFFFFFFFFFFFFFF
        x = (int(order_id) + int(instrument) * _INSTRUMENT_FACTOR) & mask
        return np.int64((((x ^ x >> 32) * _FACTOR) & mask) >> TAG_SHIFT)

else:

    @inner_kernel
    def tag_of(instrument: int, order_id: int) -> int:
        """31 bits of hash: where the order's entry is looked for, and what the entry has in front."""
        x = np.uint64(order_id) + np.uint64(instrument) * np.uint64(_INSTRUMENT_FACTOR)
        return np.int64(((x ^ (x >> np.uint64(32))) * np.uint64(_FACTOR)) >> np.uint64(TAG_SHIFT))


@inner_kernel
def find_place(books: FeedBooks, instrument: int, order_id: int, tag: int) -> int:
    """Place of the order's entry in `order_places`, or -1."""
    mask = np.int64(books.order_places.size) - 1
    place = tag & mask
    entry = np.int64(books.order_places[np.uint64(place)])
    while entry != 0:
        if entry >> 32 == tag:
            order = books.orders[np.uint64((entry & LOW_32) - 1)]
            if np.int64(order["order_id"]) == order_id and np.int64(order["instrument"]) == instrument:
                return place
        place = (place + 1) & mask
        entry = np.int64(books.order_places[np.uint64(place)])
    return np.int64(-1)


@inner_kernel
def enter(books: FeedBooks, slot: int, tag: int) -> None:
    """Enter an order that is not in the table."""
    mask = np.int64(books.order_places.size) - 1
    place = tag & mask
    while books.order_places[np.uint64(place)] != 0:
        place = (place + 1) & mask
    books.order_places[np.uint64(place)] = tag << 32 | (slot + 1)


@inner_kernel
def take_out(books: FeedBooks, place: int) -> None:
    """Free a place; entries that passed by it on their way from home come nearer."""
    mask = np.int64(books.order_places.size) - 1
    free = place
    place = (place + 1) & mask
    entry = np.int64(books.order_places[np.uint64(place)])
    while entry != 0:
        from_home = (place - (entry >> 32)) & mask
        if from_home >= (place - free) & mask:
            books.order_places[np.uint64(free)] = entry
            free = place
        place = (place + 1) & mask
        entry = np.int64(books.order_places[np.uint64(place)])
    books.order_places[np.uint64(free)] = 0


@inner_kernel
def mark_dirty(books: FeedBooks, level: int) -> None:
    """The open transaction touches this level."""
    if books.levels[level]["is_dirty"] == 0:
        count = np.int64(books.state[0]["dirty_count"])
        books.levels[level]["is_dirty"] = 1
        books.dirty[count] = level
        books.state[0]["dirty_count"] = count + 1


@inner_kernel
def is_behind(books: FeedBooks, slot: int, priority: int, order_id: int) -> bool:
    """Whether the order in `slot` stands behind one of this priority (64 bits, unsigned) and OrderId."""
    theirs = np.int64(books.orders[slot]["priority"]) ^ SIGN_BIT
    ours = priority ^ SIGN_BIT
    return theirs > ours or (theirs == ours and np.int64(books.orders[slot]["order_id"]) > order_id)


@inner_kernel
def join(books: FeedBooks, slot: int, level: int) -> None:
    """Put the order in `slot` (whole but for its links) into the queue of `level`, where its priority says."""
    order_id = np.int64(books.orders[slot]["order_id"])
    priority = np.int64(books.orders[slot]["priority"])
    before = np.int64(books.levels[level]["tail"])
    behind = np.int64(NO_INDEX)
    while before != NO_INDEX and is_behind(books, before, priority, order_id):
        behind = before
        before = np.int64(books.orders[before]["prev"])
    books.orders[slot]["prev"] = before
    books.orders[slot]["next"] = behind
    if before == NO_INDEX:
        books.levels[level]["head"] = slot
    else:
        books.orders[before]["next"] = slot
    if behind == NO_INDEX:
        books.levels[level]["tail"] = slot
    else:
        books.orders[behind]["prev"] = slot
    books.orders[slot]["level"] = level
    books.levels[level]["orders"] += 1
    books.levels[level]["qty_lots"] += np.int64(books.orders[slot]["qty_lots"])
    mark_dirty(books, level)


@inner_kernel
def leave(books: FeedBooks, slot: int) -> None:
    """Take the order in `slot` out of its queue. A level that is empty now stays until `settle`."""
    level = np.int64(books.orders[slot]["level"])
    before = np.int64(books.orders[slot]["prev"])
    behind = np.int64(books.orders[slot]["next"])
    if before == NO_INDEX:
        books.levels[level]["head"] = behind
    else:
        books.orders[before]["next"] = behind
    if behind == NO_INDEX:
        books.levels[level]["tail"] = before
    else:
        books.orders[behind]["prev"] = before
    books.levels[level]["orders"] -= 1
    books.levels[level]["qty_lots"] -= np.int64(books.orders[slot]["qty_lots"])
    mark_dirty(books, level)


@inner_kernel
def level_for(books: FeedBooks, side: int, price_nanos: int) -> int:
    """Index of the level of this price, made where there is none; -1: no room."""
    key = side_key(price_nanos, side & 1)
    level = np.int64(known_level(books, side, key))
    if level >= 0:
        return level
    if np.int64(books.state[0]["free_level"]) == NO_INDEX:
        return np.int64(find_level(books, side, key))
    level = np.int64(find_or_add_level(books, side, key))
    books.levels[level]["side"] = side
    return level


@inner_kernel
def free_slot(books: FeedBooks, slot: int) -> None:
    books.orders[slot]["qty_lots"] = 0
    books.orders[slot]["next"] = books.state[0]["free_order"]
    books.state[0]["free_order"] = slot
    books.state[0]["open_orders"] -= 1


@kernel
def put_order(
    books: FeedBooks,
    instrument: int,
    side: int,
    order_id: int,
    price_nanos: int,
    qty_lots: int,
    priority: int,
    transact_time_ns: int,
) -> int:
    """An order rests on `side` (2 * instrument + 1 for offers), new or in place of what it was. Returns 0 or a code.

    Without room for a new price, an order that was there is gone: what stood in its old place is not what rests.
    """
    tag = tag_of(instrument, order_id)
    place = find_place(books, instrument, order_id, tag)
    slot = np.int64(-1)
    if place >= 0:
        slot = (np.int64(books.order_places[place]) & LOW_32) - 1
        level = np.int64(books.orders[slot]["level"])
        if (
            np.int64(books.orders[slot]["priority"]) == priority
            and np.int64(books.orders[slot]["price_nanos"]) == price_nanos
            and np.int64(books.levels[level]["side"]) == side
        ):
            books.levels[level]["qty_lots"] += qty_lots - np.int64(books.orders[slot]["qty_lots"])
            books.orders[slot]["qty_lots"] = qty_lots
            books.orders[slot]["transact_time_ns"] = transact_time_ns
            mark_dirty(books, level)
            return np.int64(0)
        leave(books, slot)
    level = level_for(books, side, price_nanos)
    if level < 0:
        if place >= 0:
            take_out(books, place)
            free_slot(books, slot)
        return np.int64(ERROR_FEED_LEVELS_FULL)
    if place < 0:
        slot = np.int64(books.state[0]["free_order"])
        if slot == NO_INDEX:
            mark_dirty(books, level)  # so that `settle` drops it if it is new
            return np.int64(ERROR_FEED_ORDERS_FULL)
        books.state[0]["free_order"] = books.orders[slot]["next"]
        books.state[0]["open_orders"] += 1
        books.orders[slot]["order_id"] = order_id
        books.orders[slot]["instrument"] = instrument
        enter(books, slot, tag)
    books.orders[slot]["price_nanos"] = price_nanos
    books.orders[slot]["priority"] = np.int64(priority)
    books.orders[slot]["transact_time_ns"] = transact_time_ns
    books.orders[slot]["qty_lots"] = qty_lots
    join(books, slot, level)
    return np.int64(0)


@kernel
def find_order(books: FeedBooks, instrument: int, order_id: int) -> int:
    """Slot of an order, or -1."""
    place = find_place(books, instrument, order_id, tag_of(instrument, order_id))
    if place < 0:
        return np.int64(-1)
    return (np.int64(books.order_places[place]) & LOW_32) - 1


@kernel
def delete_order(books: FeedBooks, instrument: int, order_id: int) -> int:
    """An order is gone. Returns 0, or -1 where there is none."""
    place = find_place(books, instrument, order_id, tag_of(instrument, order_id))
    if place < 0:
        return np.int64(-1)
    slot = (np.int64(books.order_places[place]) & LOW_32) - 1
    leave(books, slot)
    take_out(books, place)
    free_slot(books, slot)
    return np.int64(0)


@kernel
def put_level(books: FeedBooks, side: int, price_nanos: int, qty_lots: int, orders: int, transact_time_ns: int) -> int:
    """What stands at a price of a book without orders (an L2 channel); 0 lots: nothing. Returns 0 or a code."""
    key = side_key(price_nanos, side & 1)
    if qty_lots == 0 and find_level(books, side, key) < 0:
        return np.int64(0)
    level = level_for(books, side, price_nanos)
    if level < 0:
        return np.int64(ERROR_FEED_LEVELS_FULL)
    books.levels[level]["qty_lots"] = qty_lots
    books.levels[level]["orders"] = orders
    books.levels[level]["transact_time_ns"] = transact_time_ns
    mark_dirty(books, level)
    return np.int64(0)


@kernel
def settle(books: FeedBooks) -> int:
    """The transaction is over: levels that it emptied go, the list of what it touched is forgotten. Returns 0."""
    for i in range(np.int64(books.state[0]["dirty_count"])):
        level = np.int64(books.dirty[i])
        books.levels[level]["is_dirty"] = 0
        if np.int64(books.levels[level]["qty_lots"]) == 0:
            drop_level(books, np.int64(books.levels[level]["side"]), level)
    books.state[0]["dirty_count"] = 0
    return np.int64(0)
