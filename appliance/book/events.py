"""EVENT records, written whole: a field that says nothing in an event is 0, so equal runs give equal bytes.

What an event tells is read before its first store: a store could change what is read behind it, for all that the
compiler knows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.state import Book
from native.jit import inner_kernel
from native.layout import EVENT_REJECTED, EVENT_TRADE


@inner_kernel
def write_no_maker(events: Any, at: int) -> None:
    events[at]["trade_id"] = 0
    events[at]["limit_value"] = 0
    events[at]["maker_order_id"] = 0
    events[at]["maker_cl_ord_id"] = 0
    events[at]["maker_leaves_lots"] = 0
    events[at]["maker_cum_lots"] = 0
    events[at]["maker_priority"] = 0
    events[at]["maker_session"] = 0
    events[at]["maker_account"] = 0
    events[at]["reserved"] = 0


@inner_kernel
def write_order_event(
    book: Book, slot: int, events: Any, at: int, kind: int, request_kind: int, flags: int, reason: int,
    cl_ord_id: np.uint64, orig_cl_ord_id: np.uint64, qty_lots: int, leaves_lots: int,
) -> None:  # fmt: skip
    """An event about the order in `slot`; what the order record knows is taken from there."""
    order = book.orders[slot]
    side = order["side"]
    time_in_force = order["time_in_force"]
    ord_type = order["ord_type"]
    exec_inst = order["exec_inst"]
    instrument = order["instrument"]
    session = order["session"]
    account = order["account"]
    order_id = order["order_id"]
    price_ticks = order["price_ticks"]
    cum_lots = order["cum_lots"]
    priority = order["priority"]
    events[at]["kind"] = kind
    events[at]["side"] = side
    events[at]["time_in_force"] = time_in_force
    events[at]["ord_type"] = ord_type
    events[at]["reason"] = reason
    events[at]["exec_inst"] = exec_inst
    events[at]["instrument"] = instrument
    events[at]["session"] = session
    events[at]["account"] = account
    events[at]["request_kind"] = request_kind
    events[at]["flags"] = flags
    events[at]["cl_ord_id"] = cl_ord_id
    events[at]["orig_cl_ord_id"] = orig_cl_ord_id
    events[at]["order_id"] = order_id
    events[at]["price_ticks"] = price_ticks
    events[at]["qty_lots"] = qty_lots
    events[at]["leaves_lots"] = leaves_lots
    events[at]["cum_lots"] = cum_lots
    events[at]["priority"] = priority
    write_no_maker(events, at)


@inner_kernel
def write_trade(
    book: Book, slot: int, maker_slot: int, events: Any, at: int, request_kind: int, flags: int, qty_lots: int
) -> None:
    """One fill between the order in flight (`slot`) and a resting one, after both records hold the fill."""
    trade_id = np.int64(book.state[0]["trades"]) + 1
    book.state[0]["trades"] = trade_id
    order = book.orders[slot]
    side = order["side"]
    time_in_force = order["time_in_force"]
    ord_type = order["ord_type"]
    exec_inst = order["exec_inst"]
    instrument = order["instrument"]
    session = order["session"]
    account = order["account"]
    cl_ord_id = order["cl_ord_id"]
    order_id = order["order_id"]
    leaves_lots = order["leaves_lots"]
    cum_lots = order["cum_lots"]
    maker = book.orders[maker_slot]
    price_ticks = maker["price_ticks"]
    maker_order_id = maker["order_id"]
    maker_cl_ord_id = maker["cl_ord_id"]
    maker_leaves_lots = maker["leaves_lots"]
    maker_cum_lots = maker["cum_lots"]
    maker_priority = maker["priority"]
    maker_session = maker["session"]
    maker_account = maker["account"]
    events[at]["kind"] = EVENT_TRADE
    events[at]["side"] = side
    events[at]["time_in_force"] = time_in_force
    events[at]["ord_type"] = ord_type
    events[at]["reason"] = 0
    events[at]["exec_inst"] = exec_inst
    events[at]["instrument"] = instrument
    events[at]["session"] = session
    events[at]["account"] = account
    events[at]["request_kind"] = request_kind
    events[at]["flags"] = flags
    events[at]["cl_ord_id"] = cl_ord_id
    events[at]["orig_cl_ord_id"] = 0
    events[at]["order_id"] = order_id
    events[at]["price_ticks"] = price_ticks
    events[at]["qty_lots"] = qty_lots
    events[at]["leaves_lots"] = leaves_lots
    events[at]["cum_lots"] = cum_lots
    events[at]["priority"] = 0
    events[at]["trade_id"] = trade_id
    events[at]["limit_value"] = 0
    events[at]["maker_order_id"] = maker_order_id
    events[at]["maker_cl_ord_id"] = maker_cl_ord_id
    events[at]["maker_leaves_lots"] = maker_leaves_lots
    events[at]["maker_cum_lots"] = maker_cum_lots
    events[at]["maker_priority"] = maker_priority
    events[at]["maker_session"] = maker_session
    events[at]["maker_account"] = maker_account
    events[at]["reserved"] = 0


@inner_kernel
def write_reject(commands: Any, index: int, events: Any, at: int, reason: int) -> None:
    """A request is refused: the event echoes it."""
    command = commands[index]
    side = command["side"]
    time_in_force = command["time_in_force"]
    ord_type = command["ord_type"]
    exec_inst = command["exec_inst"]
    instrument = command["instrument"]
    session = command["session"]
    account = command["account"]
    request_kind = command["kind"]
    cl_ord_id = command["cl_ord_id"]
    orig_cl_ord_id = command["orig_cl_ord_id"]
    order_id = command["order_id"]
    price_ticks = command["price_ticks"]
    qty_lots = command["qty_lots"]
    events[at]["kind"] = EVENT_REJECTED
    events[at]["side"] = side
    events[at]["time_in_force"] = time_in_force
    events[at]["ord_type"] = ord_type
    events[at]["reason"] = reason
    events[at]["exec_inst"] = exec_inst
    events[at]["instrument"] = instrument
    events[at]["session"] = session
    events[at]["account"] = account
    events[at]["request_kind"] = request_kind
    events[at]["flags"] = 0
    events[at]["cl_ord_id"] = cl_ord_id
    events[at]["orig_cl_ord_id"] = orig_cl_ord_id
    events[at]["order_id"] = order_id
    events[at]["price_ticks"] = price_ticks
    events[at]["qty_lots"] = qty_lots
    events[at]["leaves_lots"] = 0
    events[at]["cum_lots"] = 0
    events[at]["priority"] = 0
    write_no_maker(events, at)
