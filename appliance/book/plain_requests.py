"""The shortest way for plain requests: limit orders without extras, their cancels and replaces, where no rule but price
and time is at work.

Each function here looks whether request, order and instrument are plain before it changes anything, and returns
NOT_PLAIN where they are not: the whole rulebook (appliance/book/requests.py) then gives the answer. So nothing is
rejected here but the request whose order is gone, which is a few per cent of the cancels and replaces of any day.
Records are read and written as words (appliance/book/record_words.py), and what is rare is a call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.index import NAME_IS_TAKEN, find_place, find_room, hash_of, put_entry, slot_at, take_out
from appliance.book.ladder import level_of, side_key
from appliance.book.plain import FLAGS_OF_INTEREST
from appliance.book.plain_flight import join_level, leave_level, match_plain, reaches
from appliance.book.queue import side_index
from appliance.book.record_words import (
    COMMAND_ACCOUNT,
    COMMAND_CL_ORD_ID,
    COMMAND_MIN_QTY,
    COMMAND_ORDER_ID,
    COMMAND_ORIG_CL_ORD_ID,
    COMMAND_PRICE,
    COMMAND_QTY,
    COMMAND_SESSION,
    COMMAND_TERMS,
    EVENT_CL_ORD_ID_WORD,
    EVENT_CUM_WORD,
    EVENT_INSTRUMENT_WORD,
    EVENT_KIND_WORD,
    EVENT_ORDER_ID_WORD,
    EVENT_PRICE_WORD,
    EVENT_PRIORITY_WORD,
    EVENT_QTY_WORD,
    EVENT_SESSION_WORD,
    EVENT_WORDS,
    LOW_32,
    MARKET_PHASE,
    MARKET_QTY_LIMITS,
    MARKET_STEPS,
    MARKET_WAITING,
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
    write_words,
)
from appliance.book.state import Book
from appliance.book.words import DAY, GTC, IOC, LIMIT
from native.codes import REJECT_UNKNOWN_ORDER
from native.jit import inner_kernel
from native.layout import (
    BOOK_INSTRUMENT,
    COMMAND,
    EVENT,
    EVENT_ACCEPTED,
    EVENT_CANCELED,
    EVENT_FLAG_FIRST,
    EVENT_FLAG_LAST,
    EVENT_FLAG_PRIORITY_RETAINED,
    EVENT_FLAG_WAS_RESTING,
    EVENT_REJECTED,
    EVENT_REPLACED,
    EVENT_RESTED,
    KIND_CANCEL,
    KIND_NEW_ORDER,
    KIND_REPLACE,
    NO_INDEX,
    PHASE_CONTINUOUS,
)
from native.limits import ORDER_SLOT_BITS, QTY_LOTS_MAX
from native.lowlevel import load_word, rarely, store_word

NOT_PLAIN = -1

NEW_MASK = bits_of(COMMAND, ord_type=0xFF, stp_instruction=0xFF, exec_inst=0xFFFF, flags=FLAGS_OF_INTEREST) - (1 << 64)
"""Fields of COMMAND_TERMS that are alike in all plain new orders (as int64: flags reach the sign bit)."""
NEW_VALUE = bits_of(COMMAND, ord_type=LIMIT)
REPLACE_MASK = bits_of(COMMAND, exec_inst=0xFFFF, flags=FLAGS_OF_INTEREST) - (1 << 64)
PHASE_MASK = bits_of(BOOK_INSTRUMENT, phase=0xFF, has_trade_range=0xFF)
PHASE_VALUE = bits_of(BOOK_INSTRUMENT, phase=PHASE_CONTINUOUS)
STEPS_VALUE = bits_of(BOOK_INSTRUMENT, qty_step_lots=1, tick_table=NO_INDEX) - (1 << 64)
NEW_REQUEST = bits_of(EVENT, request_kind=KIND_NEW_ORDER)
CANCEL_REQUEST = bits_of(EVENT, request_kind=KIND_CANCEL)
REPLACE_REQUEST = bits_of(EVENT, request_kind=KIND_REPLACE)
UNKNOWN_ORDER = bits_of(
    EVENT, kind=EVENT_REJECTED, reason=REJECT_UNKNOWN_ORDER, flags=EVENT_FLAG_FIRST | EVENT_FLAG_LAST
)
ACCEPTED = bits_of(EVENT, kind=EVENT_ACCEPTED, flags=EVENT_FLAG_FIRST)
RESTED = bits_of(EVENT, kind=EVENT_RESTED, flags=EVENT_FLAG_LAST)
RESTED_AGAIN = bits_of(EVENT, kind=EVENT_RESTED, flags=EVENT_FLAG_LAST | EVENT_FLAG_WAS_RESTING)
CANCELED = bits_of(EVENT, kind=EVENT_CANCELED, flags=EVENT_FLAG_WAS_RESTING | EVENT_FLAG_FIRST | EVENT_FLAG_LAST)
REPLACED = bits_of(EVENT, kind=EVENT_REPLACED, flags=EVENT_FLAG_WAS_RESTING | EVENT_FLAG_FIRST)
REPLACED_IN_PLACE = bits_of(
    EVENT, kind=EVENT_REPLACED,
    flags=EVENT_FLAG_WAS_RESTING | EVENT_FLAG_PRIORITY_RETAINED | EVENT_FLAG_FIRST | EVENT_FLAG_LAST,
)  # fmt: skip


@inner_kernel
def is_plain_market(book: Book, instrument: int) -> bool:
    """An instrument in continuous trading where a plain order meets no further rule."""
    return (
        ((load_word(book.instruments, instrument, MARKET_PHASE) & PHASE_MASK) ^ PHASE_VALUE)
        | (load_word(book.instruments, instrument, MARKET_STEPS) ^ STEPS_VALUE)
        | (load_word(book.instruments, instrument, MARKET_WAITING) & LOW_32)
    ) == 0


@inner_kernel
def fits_market(book: Book, instrument: int, price_ticks: int, qty_lots: int) -> bool:
    """Price and quantity are within the instrument's limits."""
    market = book.instruments[np.uint64(instrument)]
    limits = load_word(book.instruments, instrument, MARKET_QTY_LIMITS)
    return (
        (qty_lots >= limits & LOW_32)
        & (qty_lots <= (limits >> 32) & LOW_32)
        & (price_ticks >= np.int64(market["price_ticks_min"]))
        & (price_ticks <= np.int64(market["price_ticks_max"]))
    )


@inner_kernel
def is_plain_side(side: int) -> bool:
    """1, 2, 5 or 6."""
    return (side & ~4) - 1 in (0, 1)


@inner_kernel
def new_plain_order(book: Book, commands: Any, index: int, hashed: int, events: Any, first: int) -> int:
    """Do a new plain order. Returns how many events were written, or NOT_PLAIN having changed nothing."""
    terms = load_word(commands, index, COMMAND_TERMS)
    session = load_word(commands, index, COMMAND_SESSION)
    min_qty = load_word(commands, index, COMMAND_MIN_QTY)
    account = load_word(commands, index, COMMAND_ACCOUNT)
    qty_lots = load_word(commands, index, COMMAND_QTY)
    price_ticks = load_word(commands, index, COMMAND_PRICE)
    cl_ord_id = np.uint64(np.int64(load_word(commands, index, COMMAND_CL_ORD_ID)))
    instrument = (min_qty >> 32) & LOW_32
    time_in_force = (terms >> 16) & 0xFF
    others = ((terms & NEW_MASK) ^ NEW_VALUE) | (session & ~SESSION_MASK) | (min_qty & LOW_32) | (account & ~LOW_32)
    if rarely(others != 0):
        return NOT_PLAIN
    is_plain = (
        is_plain_side(terms & 0xFF)
        & ((time_in_force == DAY) | (time_in_force == GTC) | (time_in_force == IOC))
        & is_plain_market(book, instrument)
        & fits_market(book, instrument, price_ticks, qty_lots)
    )
    if rarely(not is_plain):
        return NOT_PLAIN
    state = book.state[0]
    slot = np.int64(state["free_order"])
    open_orders = np.int64(state["open_orders"])
    place = find_room(book, hashed, session, cl_ord_id)
    if rarely(
        (place < 0)
        | (slot == NO_INDEX)
        | (np.int64(state["free_level"]) == NO_INDEX)
        | (np.int64(state["positions_used"]) + open_orders >= np.int64(state["positions_max"]))
    ):
        return NOT_PLAIN
    side = side_index(instrument, terms & 0xFF)
    key = side_key(price_ticks, side & 1)
    orders_taken = np.int64(state["orders_taken"]) + 1
    order_id = (orders_taken << ORDER_SLOT_BITS) | slot
    order_terms = session | (instrument << 16) | ((terms & 0xFFFFFF) << 32)
    account_high = account << 32
    state["free_order"] = book.orders[np.uint64(slot)]["next"]
    state["open_orders"] = open_orders + 1
    state["orders_taken"] = orders_taken
    store_word(book.orders, slot, ORDER_ORDER_ID, order_id)
    store_word(book.orders, slot, ORDER_CL_ORD_ID, np.int64(cl_ord_id))
    store_word(book.orders, slot, ORDER_PRICE, price_ticks)
    store_word(book.orders, slot, ORDER_LEAVES, qty_lots)
    store_word(book.orders, slot, ORDER_TERMS, order_terms)
    write_words(
        events, first, ACCEPTED, order_terms, NEW_REQUEST, account_high, order_id, np.int64(cl_ord_id), price_ticks,
        qty_lots | (qty_lots << 32), np.int64(0), np.int64(0),
    )  # fmt: skip
    if (time_in_force == IOC) | reaches(book, side ^ 1, key):
        store_word(book.orders, slot, ORDER_PRIORITY, 0)
        store_word(book.orders, slot, ORDER_LEVEL, account_high | NO_INDEX)
        return match_plain(book, slot, np.int64(KIND_NEW_ORDER), np.int64(0), hashed, events, first)
    level = level_of(book, side, key)
    put_entry(book, place, hashed, slot)
    priority = join_level(book, slot, side, level, account_high, qty_lots)
    write_words(
        events, first + 1, RESTED, order_terms, NEW_REQUEST, account_high, order_id, np.int64(cl_ord_id), price_ticks,
        qty_lots | (qty_lots << 32), qty_lots << 32, priority,
    )  # fmt: skip
    return np.int64(2)


@inner_kernel
def is_named(commands: Any, index: int, terms: int, order_id: int) -> bool:
    """Whether a request's instrument, class of side and OrderID are those of the order, which is plain."""
    side = load_word(commands, index, COMMAND_TERMS) & 0xFF
    instrument = (load_word(commands, index, COMMAND_MIN_QTY) >> 32) & LOW_32
    given = load_word(commands, index, COMMAND_ORDER_ID)
    return (
        (instrument == (terms >> 16) & 0xFFFF)
        & is_plain_side(side)
        & ((side == 1) == ((terms >> 32) & 0xFF == 1))
        & ((given == 0) | (given == -1) | (given == order_id))
        & ((terms >> 56) & 0xFF == 0)
    )


@inner_kernel
def refuse_unknown_order(commands: Any, index: int, events: Any, first: int) -> int:
    """The answer to a cancel or replace whose order is gone, as `tell_rejected` gives it. Returns 1."""
    terms = load_word(commands, index, COMMAND_TERMS)
    account_high = load_word(commands, index, COMMAND_ACCOUNT) << 32
    instrument = (load_word(commands, index, COMMAND_MIN_QTY) >> 32) & LOW_32
    request_kind = np.int64(commands[np.uint64(index)]["kind"])
    session = load_word(commands, index, COMMAND_SESSION) & SESSION_MASK
    store_word(events, first, EVENT_KIND_WORD, UNKNOWN_ORDER | ((terms & 0xFFFFFF) << 8))
    store_word(events, first, EVENT_INSTRUMENT_WORD, account_high | instrument)
    store_word(events, first, EVENT_ORDER_ID_WORD, load_word(commands, index, COMMAND_ORDER_ID))
    store_word(events, first, EVENT_CL_ORD_ID_WORD, load_word(commands, index, COMMAND_CL_ORD_ID))
    store_word(events, first, EVENT_PRICE_WORD, load_word(commands, index, COMMAND_PRICE))
    store_word(events, first, EVENT_QTY_WORD, load_word(commands, index, COMMAND_QTY) & LOW_32)
    store_word(events, first, EVENT_CUM_WORD, 0)
    store_word(events, first, EVENT_PRIORITY_WORD, 0)
    store_word(events, first, EVENT_SESSION_WORD, session | (request_kind << 16) | (((terms >> 32) & 0xFF) << 24))
    for word in range(EVENT_SESSION_WORD + 1, EVENT_WORDS):
        store_word(events, first, word, 0)
    return np.int64(1)


@inner_kernel
def cancel_plain_order(book: Book, commands: Any, index: int, hashed: int, events: Any, first: int) -> int:
    """Cancel a plain order in continuous trading. Returns 1, or NOT_PLAIN having changed nothing."""
    session = load_word(commands, index, COMMAND_SESSION) & LOW_32
    place = find_place(book, hashed, session, np.uint64(np.int64(load_word(commands, index, COMMAND_ORIG_CL_ORD_ID))))
    if rarely(place < 0):
        if is_plain_side(load_word(commands, index, COMMAND_TERMS) & 0xFF) & (session <= SESSION_MASK):
            return refuse_unknown_order(commands, index, events, first)
        return NOT_PLAIN
    slot = slot_at(book, place)
    terms = load_word(book.orders, slot, ORDER_TERMS)
    order_id = load_word(book.orders, slot, ORDER_ORDER_ID)
    instrument = (terms >> 16) & 0xFFFF
    phase = np.int64(book.instruments[np.uint64(instrument)]["phase"])
    may_go = is_named(commands, index, terms, order_id) & (phase == PHASE_CONTINUOUS)
    if rarely(not may_go):
        return NOT_PLAIN
    leaves = load_word(book.orders, slot, ORDER_LEAVES)
    level_account = load_word(book.orders, slot, ORDER_LEVEL)
    links = load_word(book.orders, slot, ORDER_LINKS)
    leaves_lots = leaves & LOW_32
    write_words(
        events, first, CANCELED, terms, CANCEL_REQUEST, level_account & ~LOW_32, order_id,
        load_word(commands, index, COMMAND_CL_ORD_ID), load_word(book.orders, slot, ORDER_PRICE), leaves_lots,
        (leaves >> 32) & LOW_32, load_word(book.orders, slot, ORDER_PRIORITY),
    )  # fmt: skip
    take_out(book, place, hashed)
    state = book.state[0]
    store_word(book.orders, slot, ORDER_LEAVES, 0)
    store_word(book.orders, slot, ORDER_LINKS, np.int64(state["free_order"]))
    store_word(book.orders, slot, ORDER_LEVEL, NO_INDEX)
    store_word(book.orders, slot, ORDER_PRIORITY, 0)
    state["free_order"] = slot
    state["open_orders"] -= 1
    leave_level(book, side_index(instrument, (terms >> 32) & 0xFF), level_account & LOW_32, links, leaves_lots)
    return np.int64(1)


@inner_kernel
def replace_plain_order(book: Book, commands: Any, index: int, orig_hashed: int, events: Any, first: int) -> int:
    """Replace a plain order by a plain one. Returns how many events were written, or NOT_PLAIN, nothing changed."""
    session = load_word(commands, index, COMMAND_SESSION) & LOW_32
    orig_place = find_place(
        book, orig_hashed, session, np.uint64(np.int64(load_word(commands, index, COMMAND_ORIG_CL_ORD_ID)))
    )
    cl_ord_id = np.uint64(np.int64(load_word(commands, index, COMMAND_CL_ORD_ID)))
    command_terms = load_word(commands, index, COMMAND_TERMS)
    qty_lots = load_word(commands, index, COMMAND_QTY)  # with a DisplayQty it is beyond any limit
    hashed = hash_of(book, session, cl_ord_id)
    place = find_room(book, hashed, session, cl_ord_id)
    if rarely(orig_place < 0):
        if (
            (command_terms & REPLACE_MASK == 0)
            & is_plain_side(command_terms & 0xFF)
            & (session <= SESSION_MASK)
            & (qty_lots >= 0)
            & (qty_lots <= QTY_LOTS_MAX)
            & (place != NAME_IS_TAKEN)
        ):
            return refuse_unknown_order(commands, index, events, first)
        return NOT_PLAIN
    slot = slot_at(book, orig_place)
    terms = load_word(book.orders, slot, ORDER_TERMS)
    order_id = load_word(book.orders, slot, ORDER_ORDER_ID)
    old_leaves = load_word(book.orders, slot, ORDER_LEAVES)
    old_leaves_lots = old_leaves & LOW_32
    cum_lots = (old_leaves >> 32) & LOW_32
    instrument = (terms >> 16) & 0xFFFF
    price_ticks = load_word(commands, index, COMMAND_PRICE)
    leaves_lots = qty_lots - cum_lots
    is_plain = (
        (place >= 0)
        & (command_terms & REPLACE_MASK == 0)
        & is_named(commands, index, terms, order_id)
        & is_plain_market(book, instrument)
        & fits_market(book, instrument, price_ticks, qty_lots)
        & (leaves_lots > 0)
        & (np.int64(book.state[0]["free_level"]) != NO_INDEX)
    )
    if rarely(not is_plain):
        return NOT_PLAIN
    level_account = load_word(book.orders, slot, ORDER_LEVEL)
    account_high = level_account & ~LOW_32
    level = level_account & LOW_32
    old_price_ticks = load_word(book.orders, slot, ORDER_PRICE)
    take_out(book, orig_place, orig_hashed)
    store_word(book.orders, slot, ORDER_CL_ORD_ID, np.int64(cl_ord_id))
    store_word(book.orders, slot, ORDER_LEAVES, leaves_lots | (cum_lots << 32))
    if (price_ticks == old_price_ticks) & (leaves_lots <= old_leaves_lots):
        write_words(
            events, first, REPLACED_IN_PLACE, terms, REPLACE_REQUEST, account_high, order_id, np.int64(cl_ord_id),
            price_ticks, qty_lots | (leaves_lots << 32), cum_lots | (leaves_lots << 32),
            load_word(book.orders, slot, ORDER_PRIORITY),
        )  # fmt: skip
        put_entry(book, place, hashed, slot)
        book.levels[np.uint64(level)]["qty_lots"] -= old_leaves_lots - leaves_lots
        return np.int64(1)
    links = load_word(book.orders, slot, ORDER_LINKS)
    side = side_index(instrument, (terms >> 32) & 0xFF)
    key = side_key(price_ticks, side & 1)
    write_words(
        events, first, REPLACED, terms, REPLACE_REQUEST, account_high, order_id, np.int64(cl_ord_id), price_ticks,
        qty_lots | (leaves_lots << 32), cum_lots, np.int64(0),
    )  # fmt: skip
    store_word(book.orders, slot, ORDER_PRICE, price_ticks)
    leave_level(book, side, level, links, old_leaves_lots)
    if reaches(book, side ^ 1, key):
        store_word(book.orders, slot, ORDER_PRIORITY, 0)
        store_word(book.orders, slot, ORDER_LEVEL, account_high | NO_INDEX)
        flags = np.int64(EVENT_FLAG_WAS_RESTING)
        return match_plain(book, slot, np.int64(KIND_REPLACE), flags, hashed, events, first)
    new_level = level_of(book, side, key)
    put_entry(book, place, hashed, slot)
    priority = join_level(book, slot, side, new_level, account_high, leaves_lots)
    write_words(
        events, first + 1, RESTED_AGAIN, terms, REPLACE_REQUEST, account_high, order_id, np.int64(cl_ord_id),
        price_ticks, qty_lots | (leaves_lots << 32), cum_lots | (leaves_lots << 32), priority,
    )  # fmt: skip
    return np.int64(2)
