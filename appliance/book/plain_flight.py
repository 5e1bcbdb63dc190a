"""A plain order's place in the book, and its way through the other side of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.events import write_order_event
from appliance.book.flight import set_in_flight
from appliance.book.index import add_entry, hash_of, prefetch_entry, remove_entry
from appliance.book.ladder import ONE, drop_level, level_of, side_key
from appliance.book.positions import add_to_position
from appliance.book.protection import set_trade_range
from appliance.book.queue import release_slot, side_index
from appliance.book.record_words import (
    EVENT_MAKER_ACCOUNT_WORD,
    EVENT_MAKER_CL_ORD_ID_WORD,
    EVENT_MAKER_CUM_WORD,
    EVENT_MAKER_ORDER_ID_WORD,
    EVENT_MAKER_PRIORITY_WORD,
    EVENT_TRADE_ID_WORD,
    LOW_32,
    ORDER_CL_ORD_ID,
    ORDER_LEAVES,
    ORDER_LEVEL,
    ORDER_LINKS,
    ORDER_ORDER_ID,
    ORDER_PRICE,
    ORDER_PRIORITY,
    ORDER_TERMS,
    SESSION_MASK,
    bits_of,
    shift_of,
    write_words,
)
from appliance.book.state import CHILDREN, Book
from appliance.book.words import IOC
from appliance.book.work import proceed_apart
from native.codes import RESTATEMENT_IOC_REMAINDER, RESTATEMENT_NONE
from native.jit import inner_kernel, kernel
from native.layout import (
    EVENT,
    EVENT_CANCELED,
    EVENT_FLAG_AGGRESSOR,
    EVENT_FLAG_LAST,
    EVENT_RESTED,
    EVENT_TRADE,
    LEVEL,
    NO_INDEX,
    ORDER,
    PENDING_END,
    PENDING_SWEEP,
)
from native.lowlevel import count_trailing_zeros64, load_word, prefetch, prefetch_to_write, rarely, store_word

NONE = np.int64(RESTATEMENT_NONE)
ORDER_BYTES = ORDER.itemsize
LEVEL_BYTES = LEVEL.itemsize
EVENT_BYTES = EVENT.itemsize
TOP_BIT = np.uint64(1 << 63)
TRADE = bits_of(EVENT, kind=EVENT_TRADE, flags=EVENT_FLAG_AGGRESSOR)
FLAGS_SHIFT = shift_of(EVENT, "flags")
REQUEST_KIND_SHIFT = shift_of(EVENT, "request_kind")


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


@inner_kernel
def fetch_best(book: Book, side: int) -> None:
    """Start to fetch the order that is first on a side, and the level behind its level, where that is in the same
    block: they are at random places, and nobody was there of late. Changes nothing."""
    level = np.int64(book.sides[np.uint64(side)]["best"])
    if level != NO_INDEX:
        queue = book.levels[np.uint64(level)]
        prefetch(np.int64(book.orders.ctypes.data) + np.int64(queue["head"]) * ORDER_BYTES)
        block = np.int64(queue["parent"])
        occupied = book.nodes[np.uint64(block)]["occupied"]
        digit = count_trailing_zeros64((occupied & (occupied - ONE)) | TOP_BIT)
        behind = np.int64(book.children[np.uint64(block * CHILDREN + digit)])
        prefetch(np.int64(book.levels.ctypes.data) + behind * LEVEL_BYTES)


@inner_kernel
def fetch_event(events: Any, at: int) -> None:
    """The same for where an event will be written."""
    address = np.int64(events.ctypes.data) + at * EVENT_BYTES
    prefetch_to_write(address)
    prefetch_to_write(address + EVENT_BYTES // 2)


@inner_kernel
def write_plain_trade(
    book: Book, slot: int, maker_slot: int, events: Any, at: int, kind: int, request_kind: int, price_ticks: int,
    fill_lots: int, leaves_cum: int, maker_leaves_cum: int, trade_id: int,
) -> None:  # fmt: skip
    """One fill of two plain orders. kind: with the flags, and request_kind, each in its place in its word; leaves_cum:
    ORDER_LEAVES after the fill."""
    terms = load_word(book.orders, slot, ORDER_TERMS)
    account_high = load_word(book.orders, slot, ORDER_LEVEL) & ~LOW_32
    maker_terms = load_word(book.orders, maker_slot, ORDER_TERMS)
    maker_account = (load_word(book.orders, maker_slot, ORDER_LEVEL) >> 32) & LOW_32
    maker_order_id = load_word(book.orders, maker_slot, ORDER_ORDER_ID)
    maker_cl_ord_id = load_word(book.orders, maker_slot, ORDER_CL_ORD_ID)
    maker_priority = load_word(book.orders, maker_slot, ORDER_PRIORITY)
    write_words(
        events, at, kind, terms, request_kind | ((maker_terms & SESSION_MASK) << 32), account_high,
        load_word(book.orders, slot, ORDER_ORDER_ID), load_word(book.orders, slot, ORDER_CL_ORD_ID), price_ticks,
        fill_lots | (leaves_cum << 32), (leaves_cum >> 32) & LOW_32, load_word(book.orders, slot, ORDER_PRIORITY),
    )  # fmt: skip
    store_word(events, at, EVENT_MAKER_ACCOUNT_WORD, maker_account | (maker_leaves_cum << 32))
    store_word(events, at, EVENT_MAKER_CUM_WORD, ((maker_leaves_cum >> 32) & LOW_32) | (maker_leaves_cum << 32))
    store_word(events, at, EVENT_MAKER_ORDER_ID_WORD, maker_order_id)
    store_word(events, at, EVENT_MAKER_CL_ORD_ID_WORD, maker_cl_ord_id)
    store_word(events, at, EVENT_MAKER_PRIORITY_WORD, maker_priority)
    store_word(events, at, EVENT_TRADE_ID_WORD, trade_id)


@kernel
def match_plain(book: Book, slot: int, request_kind: int, flags: int, hashed: int, events: Any, first: int) -> int:
    """Match a plain order in flight whose first event stands at `first`, then rest or cancel what is left of it.

    Goes over to `proceed` where the order meets one that is not plain or `events` is full.
    Returns how many events were written. `flags`: of its trades and its rest; `hashed`: of its ClOrdID.

    A maker that is filled leaves its queue before anything is told of it: who comes next is fetched meanwhile.
    """
    state = book.state[0]
    order = book.orders[np.uint64(slot)]
    instrument = np.int64(order["instrument"])
    side = side_index(instrument, np.int64(order["side"])) ^ 1
    limit_key = side_key(np.int64(order["price_ticks"]), side & 1)
    time_in_force = np.int64(order["time_in_force"])
    leaves_lots = np.int64(order["leaves_lots"])
    cum_lots = np.int64(order["cum_lots"])
    ladder = book.sides[np.uint64(side)]
    trade_kind = TRADE | (flags << FLAGS_SHIFT)
    trade_request = request_kind << REQUEST_KIND_SHIFT
    trade_id = np.int64(state["trades"])
    at = first + 1
    goes_on = False
    filled_lots = np.int64(0)
    last_ticks = np.int64(0)
    for _ in range(events.size):
        level = np.int64(ladder["best"])
        if leaves_lots == 0 or level == NO_INDEX or np.int64(ladder["best_key"]) > limit_key:
            break
        queue = book.levels[np.uint64(level)]
        maker_slot = np.int64(queue["head"])
        goes_on = at + 2 > events.size or maker_slot == NO_INDEX
        if rarely(goes_on or np.int64(book.orders[np.uint64(maker_slot)]["traits"]) != 0):
            goes_on = True
            break
        maker = book.orders[np.uint64(maker_slot)]
        maker_leaves_lots = np.int64(maker["leaves_lots"])
        maker_cum_lots = np.int64(maker["cum_lots"])
        last_ticks = np.int64(maker["price_ticks"])
        fill_lots = min(leaves_lots, maker_leaves_lots)
        leaves_lots -= fill_lots
        cum_lots += fill_lots
        filled_lots += fill_lots
        trade_id += 1
        is_filled = fill_lots == maker_leaves_lots
        maker_hashed = np.int64(0)
        queue["qty_lots"] -= fill_lots
        if is_filled:
            maker_hashed = hash_of(book, np.int64(maker["session"]), maker["cl_ord_id"])
            prefetch_entry(book, maker_hashed)
            leave_level(book, side, level, load_word(book.orders, maker_slot, ORDER_LINKS), np.int64(0))
            if leaves_lots != 0:
                fetch_best(book, side)
                fetch_event(events, at + 1)
        maker_leaves_cum = (maker_leaves_lots - fill_lots) | ((maker_cum_lots + fill_lots) << 32)
        store_word(book.orders, maker_slot, ORDER_LEAVES, maker_leaves_cum)
        add_to_position(book, np.int64(maker["account"]), instrument, fill_lots if side & 1 == 0 else -fill_lots)
        write_plain_trade(
            book, slot, maker_slot, events, at, trade_kind, trade_request, last_ticks, fill_lots,
            leaves_lots | (cum_lots << 32), maker_leaves_cum, trade_id,
        )  # fmt: skip
        at += 1
        if is_filled:
            remove_entry(book, maker_hashed, maker_slot)
            release_slot(book, maker_slot)
    if filled_lots != 0:
        order["leaves_lots"] = leaves_lots
        order["cum_lots"] = cum_lots
        state["trades"] = trade_id
        market = book.instruments[np.uint64(instrument)]
        market["has_last"] = 1
        market["last_ticks"] = last_ticks
        bought_lots = filled_lots if side & 1 else -filled_lots
        add_to_position(book, np.int64(order["account"]), instrument, bought_lots)
    if rarely(goes_on):
        return go_on(book, slot, request_kind, flags, events, first, at)
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
