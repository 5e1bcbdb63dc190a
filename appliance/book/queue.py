"""Slots of orders, and the queues that they stand in: join at the tail, leave from anywhere, no search.

`join_price`, `leave_price` know plain orders only (displayed whole, no TERMS) and are made for speed; `join` and
`leave` know every order and every place.
"""

from __future__ import annotations

import numpy as np

from appliance.book.index import hash_of, remove_entry
from appliance.book.ladder import drop_level, find_level, find_or_add_level, side_key
from appliance.book.state import Book
from appliance.book.words import (
    AT_CLOSE,
    GTD,
    HIDDEN,
    REDUCE_ONLY,
    is_for_auctions_only,
    is_sell,
    triggers_on_rise,
)
from native.jit import inner_kernel, kernel
from native.layout import (
    NO_INDEX,
    PHASE_CLOSING_AUCTION,
    PHASE_OPENING_AUCTION,
    PHASE_VOLATILITY_AUCTION,
    PLACE_BOOK,
    PLACE_WAITING,
    TRAIT_TERMS,
)

PARKED_FOR_ANY = 0
"""Key of the level of parked GoodForAuction orders."""
PARKED_FOR_CLOSE = 1


@inner_kernel
def side_index(instrument: int, side: int) -> int:
    """Place in `book.sides` of the side that an order of this FIX Side rests on."""
    return 2 * instrument + is_sell(side)


@inner_kernel
def expiry_side(book: Book) -> int:
    """Place in `book.sides` of the ladder of ExpireTimes."""
    return 5 * np.int64(book.instruments.size)


@inner_kernel
def release_slot(book: Book, slot: int) -> None:
    """Give the slot of an order that stands nowhere back."""
    book.orders[slot]["leaves_lots"] = 0
    book.orders[slot]["level"] = NO_INDEX
    book.orders[slot]["next"] = book.state[0]["free_order"]
    book.state[0]["free_order"] = slot
    book.state[0]["open_orders"] -= 1


@inner_kernel
def join_price(book: Book, slot: int) -> int:
    """Put a plain order at the end of the queue of its price and give it the next priority, which is returned."""
    side = side_index(np.int64(book.orders[slot]["instrument"]), np.int64(book.orders[slot]["side"]))
    key = side_key(np.int64(book.orders[slot]["price_ticks"]), side & 1)
    level = find_or_add_level(book, side, key)
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
def leave_price(book: Book, slot: int) -> None:
    """Take a plain order out of its queue, and its level out of the ladder when it was the last."""
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


@kernel
def place_of(book: Book, slot: int) -> int:
    """PLACE_* of an order; an order in flight is in PLACE_BOOK."""
    if np.int64(book.orders[slot]["traits"]) & TRAIT_TERMS:
        return np.int64(book.terms[slot]["place"])
    return np.int64(PLACE_BOOK)


@kernel
def is_iceberg(book: Book, slot: int) -> bool:
    return (
        np.int64(book.orders[slot]["traits"]) & TRAIT_TERMS != 0 and np.int64(book.terms[slot]["display_qty_lots"]) > 0
    )


@kernel
def displayed_lots(book: Book, slot: int) -> int:
    """What the public sees of an order: nothing unless it stands in the book."""
    if np.int64(book.orders[slot]["level"]) == NO_INDEX:
        return np.int64(0)
    traits = np.int64(book.orders[slot]["traits"])
    if traits == 0:
        return np.int64(book.orders[slot]["leaves_lots"])
    if traits & HIDDEN or place_of(book, slot) != PLACE_BOOK:
        return np.int64(0)
    if is_iceberg(book, slot):
        return np.int64(book.terms[slot]["displayed_lots"])
    return np.int64(book.orders[slot]["leaves_lots"])


@kernel
def is_auction(phase: int) -> bool:
    return phase in (PHASE_VOLATILITY_AUCTION, PHASE_OPENING_AUCTION, PHASE_CLOSING_AUCTION)


@kernel
def note_change(book: Book, instrument: int) -> int:
    """The book of an instrument has changed: an auction's indicative price is to be told again. Returns 0."""
    market = book.instruments[instrument]
    if is_auction(np.int64(market["phase"])):
        market["auction_changed"] = 1
        set_due(book, np.int64(book.state[0]["now_ns"]))
    return 0


@kernel
def set_due(book: Book, due_ns: int) -> int:
    """A timer of an instrument is due at `due_ns`. Returns 0."""
    if due_ns < np.int64(book.state[0]["instruments_due_ns"]):
        book.state[0]["instruments_due_ns"] = due_ns
    return 0


@kernel
def ladder_of(book: Book, slot: int) -> int:
    """Place in `book.sides` of the ladder that an order stands in, or would."""
    instrument = np.int64(book.orders[slot]["instrument"])
    side = np.int64(book.orders[slot]["side"])
    place = place_of(book, slot)
    if place == PLACE_BOOK:
        return side_index(instrument, side)
    count = np.int64(book.instruments.size)
    if place == PLACE_WAITING:
        return (
            2 * count + 2 * instrument + (1 if triggers_on_rise(np.int64(book.orders[slot]["ord_type"]), side) else 0)
        )
    return 4 * count + instrument


@kernel
def key_of(book: Book, slot: int) -> int:
    """Key of the level that an order stands at, or would, in its ladder."""
    place = place_of(book, slot)
    side = np.int64(book.orders[slot]["side"])
    if place == PLACE_BOOK:
        return side_key(np.int64(book.orders[slot]["price_ticks"]), is_sell(side))
    if place == PLACE_WAITING:
        rises = triggers_on_rise(np.int64(book.orders[slot]["ord_type"]), side)
        return side_key(np.int64(book.terms[slot]["stop_price_ticks"]), 1 if rises else 0)
    at_close = np.int64(book.orders[slot]["time_in_force"]) == AT_CLOSE
    return np.int64(PARKED_FOR_CLOSE if at_close else PARKED_FOR_ANY)


@kernel
def has_level(book: Book, slot: int) -> bool:
    """Whether there is a level for an order that is in flight, or room for a new one."""
    if np.int64(book.state[0]["free_level"]) != NO_INDEX:
        return True
    return find_level(book, ladder_of(book, slot), key_of(book, slot)) >= 0


@kernel
def can_move(book: Book, level: int, side: int, key: int) -> bool:
    """Whether an order that leaves `level` finds one with this key on another side, or in its own, or room for it."""
    if np.int64(book.state[0]["free_level"]) != NO_INDEX or np.int64(book.levels[level]["orders"]) == 1:
        return True
    return find_level(book, side, key) >= 0


@kernel
def has_expiry_level(book: Book, slot: int) -> bool:
    """Whether there is a level for a GTD order's ExpireTime, or room for a new one."""
    if np.int64(book.state[0]["free_level"]) != NO_INDEX:
        return True
    return find_level(book, expiry_side(book), np.int64(book.terms[slot]["expire_time_ns"])) >= 0


@kernel
def join(book: Book, slot: int) -> int:
    """Put an order at the end of the queue that its terms name; an iceberg shows its first part. Returns its priority.

    The caller has seen that `has_level`.
    """
    order = book.orders[slot]
    side = ladder_of(book, slot)
    key = key_of(book, slot)
    level = find_or_add_level(book, side, key)
    priority = np.int64(book.state[0]["priorities_given"]) + 1
    book.state[0]["priorities_given"] = priority
    instrument = np.int64(order["instrument"])
    traits = np.int64(order["traits"])
    place = place_of(book, slot)
    order["priority"] = priority
    order["level"] = level
    order["next"] = NO_INDEX
    if place == PLACE_BOOK and traits & HIDDEN:
        tail = np.int64(book.level_hidden[level]["tail"])
        book.level_hidden[level]["tail"] = slot
        if tail == NO_INDEX:
            book.level_hidden[level]["head"] = slot
    else:
        tail = np.int64(book.levels[level]["tail"])
        book.levels[level]["tail"] = slot
        if tail == NO_INDEX:
            book.levels[level]["head"] = slot
    order["prev"] = tail
    if tail != NO_INDEX:
        book.orders[tail]["next"] = slot
    book.levels[level]["orders"] += 1
    book.sides[side]["orders"] += 1
    if place == PLACE_BOOK:
        leaves_lots = np.int64(order["leaves_lots"])
        if is_iceberg(book, slot):
            book.terms[slot]["displayed_lots"] = min(leaves_lots, np.int64(book.terms[slot]["display_qty_lots"]))
        count_in_book(book, slot, 1)
    elif place == PLACE_WAITING:
        book.instruments[instrument]["waiting_orders"] += 1
    return priority


@kernel
def leave(book: Book, slot: int) -> int:
    """Take an order out of its queue, and its level out of the ladder when it was the last. Returns the level."""
    order = book.orders[slot]
    side = ladder_of(book, slot)
    place = place_of(book, slot)
    level = np.int64(order["level"])
    before = np.int64(order["prev"])
    behind = np.int64(order["next"])
    if place == PLACE_BOOK:
        count_in_book(book, slot, -1)
    elif place == PLACE_WAITING:
        book.instruments[np.int64(order["instrument"])]["waiting_orders"] -= 1
    is_hidden = place == PLACE_BOOK and np.int64(order["traits"]) & HIDDEN != 0
    if before != NO_INDEX:
        book.orders[before]["next"] = behind
    elif is_hidden:
        book.level_hidden[level]["head"] = behind
    else:
        book.levels[level]["head"] = behind
    if behind != NO_INDEX:
        book.orders[behind]["prev"] = before
    elif is_hidden:
        book.level_hidden[level]["tail"] = before
    else:
        book.levels[level]["tail"] = before
    order["level"] = NO_INDEX
    order["priority"] = 0
    orders_left = np.int64(book.levels[level]["orders"]) - 1
    book.levels[level]["orders"] = orders_left
    book.sides[side]["orders"] -= 1
    if orders_left == 0:
        if place != PLACE_BOOK:  # the heap of a cascade may have been here
            book.level_hidden[level]["hidden_lots"] = 0
            book.level_hidden[level]["head"] = NO_INDEX
            book.level_hidden[level]["tail"] = NO_INDEX
        drop_level(book, side, level)
    return level


@kernel
def count_in_book(book: Book, slot: int, sign: int) -> int:
    """Add an order that stands in the book to the sums of its level and its instrument (-1: take it off). Returns 0."""
    order = book.orders[slot]
    level = np.int64(order["level"])
    instrument = np.int64(order["instrument"])
    shown_lots = displayed_lots(book, slot)
    book.levels[level]["qty_lots"] += sign * shown_lots
    book.level_hidden[level]["hidden_lots"] += sign * (np.int64(order["leaves_lots"]) - shown_lots)
    if np.int64(order["traits"]) & REDUCE_ONLY:
        book.instruments[instrument]["reduce_only_orders"] += np.int64(sign)
    if is_for_auctions_only(np.int64(order["ord_type"]), np.int64(order["time_in_force"])):
        book.instruments[instrument]["auction_only_orders"] += np.int64(sign)
    return note_change(book, instrument)


@kernel
def set_leaves(book: Book, slot: int, leaves_lots: int) -> int:
    """Change what is open of an order where it stands; an iceberg shows no more than that. Returns 0."""
    order = book.orders[slot]
    stands_in_book = np.int64(order["level"]) != NO_INDEX and place_of(book, slot) == PLACE_BOOK
    if stands_in_book:
        count_in_book(book, slot, -1)
    order["leaves_lots"] = leaves_lots
    if is_iceberg(book, slot):
        book.terms[slot]["displayed_lots"] = min(leaves_lots, np.int64(book.terms[slot]["displayed_lots"]))
    if stands_in_book:
        count_in_book(book, slot, 1)
    return 0


@kernel
def join_expiry(book: Book, slot: int) -> int:
    """Enter a GTD order into the queue of its ExpireTime. The caller has seen that there is room. Returns 0."""
    side = expiry_side(book)
    key = np.int64(book.terms[slot]["expire_time_ns"])
    level = find_or_add_level(book, side, key)
    tail = np.int64(book.levels[level]["tail"])
    book.terms[slot]["expiry_level"] = level
    book.terms[slot]["expiry_prev"] = tail
    book.terms[slot]["expiry_next"] = NO_INDEX
    if tail == NO_INDEX:
        book.levels[level]["head"] = slot
    else:
        book.terms[tail]["expiry_next"] = slot
    book.levels[level]["tail"] = slot
    book.levels[level]["orders"] += 1
    book.sides[side]["orders"] += 1
    return 0


@kernel
def leave_expiry(book: Book, slot: int) -> int:
    """Take an order out of the queue of its ExpireTime, where it stands in one. Returns 0."""
    if np.int64(book.orders[slot]["time_in_force"]) != GTD or np.int64(book.terms[slot]["expiry_level"]) == NO_INDEX:
        return 0
    side = expiry_side(book)
    level = np.int64(book.terms[slot]["expiry_level"])
    before = np.int64(book.terms[slot]["expiry_prev"])
    behind = np.int64(book.terms[slot]["expiry_next"])
    if before == NO_INDEX:
        book.levels[level]["head"] = behind
    else:
        book.terms[before]["expiry_next"] = behind
    if behind == NO_INDEX:
        book.levels[level]["tail"] = before
    else:
        book.terms[behind]["expiry_prev"] = before
    book.terms[slot]["expiry_level"] = NO_INDEX
    orders_left = np.int64(book.levels[level]["orders"]) - 1
    book.levels[level]["orders"] = orders_left
    book.sides[side]["orders"] -= 1
    if orders_left == 0:
        drop_level(book, side, level)
    return 0


@kernel
def release(book: Book, slot: int) -> int:
    """An order in flight is gone. Returns 0."""
    leave_expiry(book, slot)
    release_slot(book, slot)
    return 0


@kernel
def remove(book: Book, slot: int) -> int:
    """An order that stands somewhere is gone. Returns 0."""
    hashed = hash_of(book, np.int64(book.orders[slot]["session"]), book.orders[slot]["cl_ord_id"])
    remove_entry(book, hashed, slot)
    leave(book, slot)
    return release(book, slot)
