"""EVENT records, written whole: a field that says nothing in an event is 0, so equal runs give equal bytes.

What an event tells is read before its first store: a store could change what is read behind it, for all that the
compiler knows. `write_order_event` and `write_trade` are inlined where speed counts; `tell` and its like are calls.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.queue import displayed_lots, place_of
from appliance.book.state import Book
from appliance.book.words import EXEC_INST_BITS, HIDDEN
from native.jit import inner_kernel, kernel
from native.layout import (
    EVENT_CANCELED,
    EVENT_FLAG_AGGRESSOR,
    EVENT_FLAG_AUCTION,
    EVENT_FLAG_FIRST,
    EVENT_FLAG_HIDDEN,
    EVENT_FLAG_LAST,
    EVENT_FLAG_MAKER_HIDDEN,
    EVENT_FLAG_PRIORITY_RETAINED,
    EVENT_FLAG_WAS_RESTING,
    EVENT_REJECTED,
    EVENT_RESTATED,
    EVENT_TRADE,
    NO_INDEX,
    PLACE_BOOK,
)


@inner_kernel
def write_no_maker(events: Any, at: int, limit_value: int) -> None:
    events[at]["maker_session"] = 0
    events[at]["reserved"] = 0
    events[at]["maker_account"] = 0
    events[at]["maker_leaves_lots"] = 0
    events[at]["maker_cum_lots"] = 0
    events[at]["maker_display_lots"] = 0
    events[at]["maker_order_id"] = 0
    events[at]["maker_cl_ord_id"] = 0
    events[at]["maker_priority"] = 0
    events[at]["trade_id"] = 0
    events[at]["limit_value"] = limit_value


@inner_kernel
def write_order_event(
    book: Book, slot: int, events: Any, at: int, kind: int, request_kind: int, flags: int, reason: int,
    cl_ord_id: np.uint64, qty_lots: int, leaves_lots: int, display_lots: int,
) -> None:  # fmt: skip
    """An event about the order in `slot`; what the order record knows is taken from there."""
    order = book.orders[slot]
    side = order["side"]
    ord_type = order["ord_type"]
    time_in_force = order["time_in_force"]
    exec_inst = np.int64(order["traits"]) & EXEC_INST_BITS
    instrument = order["instrument"]
    session = order["session"]
    account = order["account"]
    order_id = order["order_id"]
    price_ticks = order["price_ticks"]
    cum_lots = order["cum_lots"]
    priority = order["priority"]
    events[at]["kind"] = kind
    events[at]["side"] = side
    events[at]["ord_type"] = ord_type
    events[at]["time_in_force"] = time_in_force
    events[at]["reason"] = reason
    events[at]["flags"] = flags
    events[at]["instrument"] = instrument
    events[at]["account"] = account
    events[at]["order_id"] = order_id
    events[at]["cl_ord_id"] = cl_ord_id
    events[at]["price_ticks"] = price_ticks
    events[at]["qty_lots"] = qty_lots
    events[at]["leaves_lots"] = leaves_lots
    events[at]["cum_lots"] = cum_lots
    events[at]["display_lots"] = display_lots
    events[at]["priority"] = priority
    events[at]["session"] = session
    events[at]["request_kind"] = request_kind
    events[at]["exec_inst"] = exec_inst
    write_no_maker(events, at, np.int64(0))


@inner_kernel
def write_trade(
    book: Book, slot: int, maker_slot: int, events: Any, at: int, request_kind: int, flags: int, price_ticks: int,
    qty_lots: int, display_lots: int, maker_display_lots: int, limit_value: int,
) -> None:  # fmt: skip
    """One fill between the order in flight (of an auction: the buy) and a resting one, after both records hold it."""
    trade_id = np.int64(book.state[0]["trades"]) + 1
    book.state[0]["trades"] = trade_id
    order = book.orders[slot]
    side = order["side"]
    ord_type = order["ord_type"]
    time_in_force = order["time_in_force"]
    exec_inst = np.int64(order["traits"]) & EXEC_INST_BITS
    instrument = order["instrument"]
    session = order["session"]
    account = order["account"]
    order_id = order["order_id"]
    cl_ord_id = order["cl_ord_id"]
    leaves_lots = order["leaves_lots"]
    cum_lots = order["cum_lots"]
    priority = order["priority"]
    maker = book.orders[maker_slot]
    maker_session = maker["session"]
    maker_account = maker["account"]
    maker_leaves_lots = maker["leaves_lots"]
    maker_cum_lots = maker["cum_lots"]
    maker_order_id = maker["order_id"]
    maker_cl_ord_id = maker["cl_ord_id"]
    maker_priority = maker["priority"]
    events[at]["kind"] = EVENT_TRADE
    events[at]["side"] = side
    events[at]["ord_type"] = ord_type
    events[at]["time_in_force"] = time_in_force
    events[at]["reason"] = 0
    events[at]["flags"] = flags
    events[at]["instrument"] = instrument
    events[at]["account"] = account
    events[at]["order_id"] = order_id
    events[at]["cl_ord_id"] = cl_ord_id
    events[at]["price_ticks"] = price_ticks
    events[at]["qty_lots"] = qty_lots
    events[at]["leaves_lots"] = leaves_lots
    events[at]["cum_lots"] = cum_lots
    events[at]["display_lots"] = display_lots
    events[at]["priority"] = priority
    events[at]["session"] = session
    events[at]["request_kind"] = request_kind
    events[at]["exec_inst"] = exec_inst
    events[at]["maker_session"] = maker_session
    events[at]["reserved"] = 0
    events[at]["maker_account"] = maker_account
    events[at]["maker_leaves_lots"] = maker_leaves_lots
    events[at]["maker_cum_lots"] = maker_cum_lots
    events[at]["maker_display_lots"] = maker_display_lots
    events[at]["maker_order_id"] = maker_order_id
    events[at]["maker_cl_ord_id"] = maker_cl_ord_id
    events[at]["maker_priority"] = maker_priority
    events[at]["trade_id"] = trade_id
    events[at]["limit_value"] = limit_value


@kernel
def tell(
    book: Book, slot: int, events: Any, at: int, kind: int, flags: int, reason: int, cl_ord_id: np.uint64, qty_lots:
    int, leaves_lots: int,
) -> int:  # fmt: skip
    """An event about an order, as the request in hand tells it. Returns the place behind it."""
    if np.int64(book.orders[slot]["traits"]) & HIDDEN:
        flags |= EVENT_FLAG_HIDDEN
    shown_lots = np.int64(0)
    if leaves_lots != 0:
        shown_lots = displayed_lots(book, slot)
    request_kind = np.int64(book.state[0]["request_kind"])
    write_order_event(
        book, slot, events, at, kind, request_kind, flags, reason, cl_ord_id, qty_lots, leaves_lots, shown_lots
    )
    return at + 1


@kernel
def tell_as_it_is(book: Book, slot: int, events: Any, at: int, kind: int, flags: int, reason: int) -> int:
    """An event about an order under its own ClOrdID that tells what is open and filled. Returns the place behind it."""
    leaves_lots = np.int64(book.orders[slot]["leaves_lots"])
    qty_lots = leaves_lots + np.int64(book.orders[slot]["cum_lots"])
    return tell(book, slot, events, at, kind, flags, reason, book.orders[slot]["cl_ord_id"], qty_lots, leaves_lots)


@kernel
def tell_restated(book: Book, slot: int, events: Any, at: int, reason: int, is_new_place: int) -> int:
    """An order has been changed by the venue. Returns the place behind the event."""
    flags = np.int64(0)
    if np.int64(book.orders[slot]["level"]) != NO_INDEX and place_of(book, slot) == PLACE_BOOK:
        flags = np.int64(
            EVENT_FLAG_WAS_RESTING if is_new_place else EVENT_FLAG_WAS_RESTING | EVENT_FLAG_PRIORITY_RETAINED
        )
    return tell_as_it_is(book, slot, events, at, np.int64(EVENT_RESTATED), flags, reason)


@kernel
def tell_canceled(book: Book, slot: int, events: Any, at: int, flags: int, reason: int, cl_ord_id: np.uint64) -> int:
    """All that is open of an order is cancelled; to be told while it still stands where it stood."""
    if np.int64(book.orders[slot]["level"]) != NO_INDEX and place_of(book, slot) == PLACE_BOOK:
        flags |= EVENT_FLAG_WAS_RESTING
    leaves_lots = np.int64(book.orders[slot]["leaves_lots"])
    return tell(book, slot, events, at, np.int64(EVENT_CANCELED), flags, reason, cl_ord_id, leaves_lots, np.int64(0))


@kernel
def tell_trade(
    book: Book, slot: int, maker_slot: int, events: Any, at: int, flags: int, price_ticks: int, qty_lots: int,
    limit_value: int,
) -> int:  # fmt: skip
    """A fill, after both records hold it and while both still stand where they stood."""
    if flags & EVENT_FLAG_AUCTION == 0:
        flags |= EVENT_FLAG_AGGRESSOR
    if np.int64(book.orders[slot]["traits"]) & HIDDEN:
        flags |= EVENT_FLAG_HIDDEN
    if np.int64(book.orders[maker_slot]["traits"]) & HIDDEN:
        flags |= EVENT_FLAG_MAKER_HIDDEN
    shown_lots = displayed_lots(book, slot)
    maker_shown_lots = displayed_lots(book, maker_slot)
    request_kind = np.int64(book.state[0]["request_kind"])
    write_trade(
        book, slot, maker_slot, events, at, request_kind, flags, price_ticks, qty_lots, shown_lots, maker_shown_lots,
        limit_value,
    )  # fmt: skip
    return at + 1


@kernel
def tell_market(
    book: Book, instrument: int, events: Any, at: int, kind: int, flags: int, reason: int, price_ticks: int,
    qty_lots: int, trade_id: int, limit_value: int,
) -> int:  # fmt: skip
    """An event about an instrument. Returns the place behind it."""
    events[at] = book.no_event[0]
    events[at]["kind"] = kind
    events[at]["flags"] = flags
    events[at]["reason"] = reason
    events[at]["instrument"] = instrument
    events[at]["price_ticks"] = price_ticks
    events[at]["qty_lots"] = qty_lots
    events[at]["trade_id"] = trade_id
    events[at]["limit_value"] = limit_value
    events[at]["request_kind"] = np.int64(book.state[0]["request_kind"])
    return at + 1


@kernel
def tell_rejected(book: Book, commands: Any, index: int, events: Any, at: int, reason: int) -> int:
    """A request is refused: the event echoes it. Returns the place behind it."""
    command = commands[index]
    kind = np.int64(command["kind"])
    events[at] = book.no_event[0]
    events[at]["kind"] = EVENT_REJECTED
    events[at]["side"] = command["side"]
    events[at]["ord_type"] = command["ord_type"]
    events[at]["time_in_force"] = command["time_in_force"]
    events[at]["reason"] = reason
    events[at]["flags"] = EVENT_FLAG_FIRST | EVENT_FLAG_LAST
    events[at]["instrument"] = command["instrument"]
    events[at]["account"] = command["account"]
    events[at]["order_id"] = command["order_id"]
    events[at]["cl_ord_id"] = command["cl_ord_id"]
    events[at]["price_ticks"] = command["price_ticks"]
    events[at]["qty_lots"] = command["qty_lots"]
    events[at]["session"] = np.int64(command["session"])
    events[at]["request_kind"] = kind
    events[at]["exec_inst"] = np.int64(command["exec_inst"]) & 0xFF
    events[at]["limit_value"] = book.state[0]["reject_limit"]
    return at + 1
