"""A plain order's place in the book, and its way through the other side of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.events import write_order_event, write_trade
from appliance.book.flight import set_in_flight
from appliance.book.index import add_entry, hash_of, remove_entry
from appliance.book.ladder import drop_level, level_of, side_key
from appliance.book.positions import add_to_position
from appliance.book.protection import set_trade_range
from appliance.book.queue import release_slot, side_index
from appliance.book.record_words import (
    LOW_32,
    ORDER_LEAVES,
    ORDER_LEVEL,
    ORDER_LINKS,
    ORDER_PRICE,
    ORDER_PRIORITY,
    ORDER_TERMS,
)
from appliance.book.state import Book
from appliance.book.words import IOC
from appliance.book.work import proceed_apart
from native.codes import RESTATEMENT_IOC_REMAINDER, RESTATEMENT_NONE
from native.jit import inner_kernel, kernel
from native.layout import (
    EVENT_CANCELED,
    EVENT_FLAG_AGGRESSOR,
    EVENT_FLAG_LAST,
    EVENT_RESTED,
    NO_INDEX,
    PENDING_END,
    PENDING_SWEEP,
)
from native.lowlevel import load_word, rarely, store_word

NONE = np.int64(RESTATEMENT_NONE)


@inner_kernel
def reaches(book: Book, other: int, key: int) -> bool:
    """Whether an order with this key would trade with the best level of the other side."""
    best = book.sides[np.uint64(other)]
    return (np.int64(best["best"]) != NO_INDEX) & (np.int64(best["best_key"]) <= ~key)


@inner_kernel
def join_level(book: Book, slot: int, side: int, level: int, account_high: int, lots: int) -> int:
    """Put a plain order at the end of the displayed queue of a level; writes the words of its place. Returns the
    priority that it gets."""
    state = book.state[0]
    queue = book.levels[np.uint64(level)]
    priority = np.int64(state["priorities_given"]) + 1
    tail = np.int64(queue["tail"])
    state["priorities_given"] = priority
    store_word(book.orders, slot, ORDER_PRIORITY, priority)
    store_word(book.orders, slot, ORDER_LINKS, NO_INDEX | (tail << 32))
    store_word(book.orders, slot, ORDER_LEVEL, account_high | level)
    queue["tail"] = slot
    queue["orders"] += 1
    queue["qty_lots"] += lots
    book.sides[np.uint64(side)]["orders"] += 1
    if tail == NO_INDEX:
        queue["head"] = slot
    else:
        book.orders[np.uint64(tail)]["next"] = slot
    return priority


@inner_kernel
def leave_level(book: Book, side: int, level: int, links: int, lots: int) -> None:
    """Take a plain order with these ORDER_LINKS out of its queue; its level leaves the ladder with the last."""
    before = (links >> 32) & LOW_32
    behind = links & LOW_32
    queue = book.levels[np.uint64(level)]
    orders_left = np.int64(queue["orders"]) - 1
    book.sides[np.uint64(side)]["orders"] -= 1
    queue["orders"] = orders_left
    queue["qty_lots"] -= lots
    if before == NO_INDEX:
        queue["head"] = behind
    else:
        book.orders[np.uint64(before)]["next"] = behind
    if behind == NO_INDEX:
        queue["tail"] = before
    else:
        book.orders[np.uint64(behind)]["prev"] = before
    if orders_left == 0:
        drop_level(book, side, level)


@kernel
def rest_plain(book: Book, slot: int, hashed: int) -> int:
    """Put what is left of a plain order into its queue and the index. Returns 0."""
    terms = load_word(book.orders, slot, ORDER_TERMS)
    side = side_index((terms >> 16) & 0xFFFF, (terms >> 32) & 0xFF)
    key = side_key(load_word(book.orders, slot, ORDER_PRICE), side & 1)
    level = level_of(book, side, key)
    account_high = load_word(book.orders, slot, ORDER_LEVEL) & ~LOW_32
    join_level(book, slot, side, level, account_high, load_word(book.orders, slot, ORDER_LEAVES) & LOW_32)
    add_entry(book, hashed, slot)
    return 0


@kernel
def match_plain(book: Book, slot: int, request_kind: int, flags: int, hashed: int, events: Any, first: int) -> int:
    """Match a plain order in flight whose first event stands at `first`, then rest or cancel what is left of it.

    Goes over to `proceed` where the order meets one that is not plain or `events` is full.
    Returns how many events were written. `flags`: of its trades and its rest; `hashed`: of its ClOrdID.
    """
    order = book.orders[np.uint64(slot)]
    instrument = np.int64(order["instrument"])
    side = side_index(instrument, np.int64(order["side"])) ^ 1
    limit_key = side_key(np.int64(order["price_ticks"]), side & 1)
    time_in_force = np.int64(order["time_in_force"])
    at = first + 1
    goes_on = False
    filled_lots = np.int64(0)
    for _ in range(events.size):
        leaves_lots = np.int64(order["leaves_lots"])
        level = np.int64(book.sides[np.uint64(side)]["best"])
        if leaves_lots == 0 or level == NO_INDEX or np.int64(book.sides[np.uint64(side)]["best_key"]) > limit_key:
            break
        maker_slot = np.int64(book.levels[np.uint64(level)]["head"])
        goes_on = at + 2 > events.size or maker_slot == NO_INDEX
        if rarely(goes_on or np.int64(book.orders[np.uint64(maker_slot)]["traits"]) != 0):
            goes_on = True
            break
        maker = book.orders[np.uint64(maker_slot)]
        maker_leaves_lots = np.int64(maker["leaves_lots"])
        fill_lots = min(leaves_lots, maker_leaves_lots)
        price_ticks = np.int64(maker["price_ticks"])
        order["leaves_lots"] = leaves_lots - fill_lots
        order["cum_lots"] += fill_lots
        maker["leaves_lots"] = maker_leaves_lots - fill_lots
        maker["cum_lots"] += fill_lots
        book.levels[np.uint64(level)]["qty_lots"] -= fill_lots
        filled_lots += fill_lots
        bought_lots = fill_lots if side & 1 == 0 else -fill_lots
        add_to_position(book, np.int64(maker["account"]), instrument, bought_lots)
        book.instruments[instrument]["has_last"] = 1
        book.instruments[instrument]["last_ticks"] = price_ticks
        write_trade(
            book, slot, maker_slot, events, at, request_kind, flags | EVENT_FLAG_AGGRESSOR, price_ticks, fill_lots,
            np.int64(0), maker_leaves_lots - fill_lots, np.int64(0),
        )  # fmt: skip
        at += 1
        if fill_lots == maker_leaves_lots:
            maker_hashed = hash_of(book, np.int64(maker["session"]), maker["cl_ord_id"])
            remove_entry(book, maker_hashed, maker_slot)
            leave_level(book, side, level, load_word(book.orders, maker_slot, ORDER_LINKS), np.int64(0))
            release_slot(book, maker_slot)
    if filled_lots != 0:
        bought_lots = filled_lots if side & 1 else -filled_lots
        add_to_position(book, np.int64(order["account"]), instrument, bought_lots)
    if rarely(goes_on):
        return go_on(book, slot, request_kind, flags, events, first, at)
    leaves_lots = np.int64(order["leaves_lots"])
    if leaves_lots == 0:
        release_slot(book, slot)
        events[at - 1]["flags"] |= EVENT_FLAG_LAST
        return at - first
    kind = np.int64(EVENT_RESTED)
    reason = NONE
    qty_lots = leaves_lots + np.int64(order["cum_lots"])
    shown_lots = leaves_lots
    rests = time_in_force != IOC
    if rests:
        rest_plain(book, slot, hashed)
    else:
        kind = np.int64(EVENT_CANCELED)
        reason = np.int64(RESTATEMENT_IOC_REMAINDER)
        flags = np.int64(0)
        qty_lots = leaves_lots
        leaves_lots = np.int64(0)
        shown_lots = np.int64(0)
    write_order_event(
        book, slot, events, at, kind, request_kind, flags | EVENT_FLAG_LAST, reason, order["cl_ord_id"], qty_lots,
        leaves_lots, shown_lots,
    )  # fmt: skip
    if not rests:
        release_slot(book, slot)
    return at + 1 - first


@kernel
def go_on(book: Book, slot: int, request_kind: int, flags: int, events: Any, first: int, at: int) -> int:
    """The order in flight is no matter for `match_plain` any more. Returns how many events were written."""
    state = book.state[0]
    state["request_kind"] = request_kind
    state["is_first_told"] = 1
    state["is_held"] = 0
    instrument = np.int64(book.orders[np.uint64(slot)]["instrument"])
    set_trade_range(book, instrument)
    set_in_flight(book, slot, flags, np.int64(PENDING_SWEEP | PENDING_END))
    return proceed_apart(book, events, first, at)
