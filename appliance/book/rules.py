"""Why a request is refused. One function a kind of request; the checks stand in the order in which they are made.

Returns of the check functions: 0 for a request that is taken, else a REJECT_* code. A full pool refuses whatever
needs an entry of it at the moment of the request, even where matching would free one: each accepted order takes a slot
(one that fills at once, too), and an order that may rest needs its price level to exist or one to be free.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.index import entry_has_room, find_entry
from appliance.book.ladder import find_level, side_key
from appliance.book.queue import is_known_side, side_index
from appliance.book.state import Book
from native.codes import (
    REJECT_BOOK_FULL,
    REJECT_DUPLICATE_ORDER,
    REJECT_INCORRECT_QUANTITY,
    REJECT_INVALID_PRICE_INCREMENT,
    REJECT_INVALID_SIDE,
    REJECT_ORDER_MISMATCH,
    REJECT_UNKNOWN_ORDER,
    REJECT_UNSUPPORTED_ORDER,
)
from native.jit import inner_kernel
from native.layout import COMMAND_PRICE_OFF_TICK, COMMAND_QTY_OUT_OF_RANGE, NO_INDEX
from native.limits import QTY_LOTS_MAX

ORD_TYPE_LIMIT = 50
TIME_IN_FORCE_DAY = 48
TIME_IN_FORCE_GTC = 49
TIME_IN_FORCE_IOC = 51
TIME_IN_FORCE_FOK = 52
ORDER_ID_NULL = np.uint64(0xFFFFFFFFFFFFFFFF)
ACCEPTABLE = 0


@inner_kernel
def may_rest(time_in_force: int) -> bool:
    return time_in_force in (TIME_IN_FORCE_DAY, TIME_IN_FORCE_GTC)


@inner_kernel
def check_terms(commands: Any, index: int, qty_lots_min: int) -> int:
    """Quantity, then price: what a new order and a replace must both have right."""
    flags = np.int64(commands[index]["flags"])
    qty_lots = np.int64(commands[index]["qty_lots"])
    if qty_lots < qty_lots_min or qty_lots > QTY_LOTS_MAX or flags & COMMAND_QTY_OUT_OF_RANGE:
        return REJECT_INCORRECT_QUANTITY
    if flags & COMMAND_PRICE_OFF_TICK:
        return REJECT_INVALID_PRICE_INCREMENT
    return ACCEPTABLE


@inner_kernel
def check_new_order(book: Book, commands: Any, index: int, hashed: int) -> int:
    """Side, type, quantity, price, ClOrdID, room. `hashed` is that of the request's ClOrdID."""
    if not is_known_side(np.int64(commands[index]["side"])):
        return REJECT_INVALID_SIDE
    time_in_force = np.int64(commands[index]["time_in_force"])
    if (
        np.int64(commands[index]["ord_type"]) != ORD_TYPE_LIMIT
        or not (may_rest(time_in_force) or time_in_force in (TIME_IN_FORCE_IOC, TIME_IN_FORCE_FOK))
        or np.int64(commands[index]["exec_inst"]) != 0
    ):
        return REJECT_UNSUPPORTED_ORDER
    reason = check_terms(commands, index, 1)
    if reason != ACCEPTABLE:
        return reason
    if find_entry(book, hashed, np.int64(commands[index]["session"]), commands[index]["cl_ord_id"]) >= 0:
        return REJECT_DUPLICATE_ORDER
    if np.int64(book.state[0]["free_order"]) == NO_INDEX:
        return REJECT_BOOK_FULL
    if may_rest(time_in_force):
        if not entry_has_room(book, hashed):
            return REJECT_BOOK_FULL
        if np.int64(book.state[0]["free_level"]) == NO_INDEX:
            side = side_index(np.int64(commands[index]["instrument"]), np.int64(commands[index]["side"]))
            if find_level(book, side, side_key(np.int64(commands[index]["price_ticks"]), side & 1)) < 0:
                return REJECT_BOOK_FULL
    return ACCEPTABLE


@inner_kernel
def check_names_order(book: Book, commands: Any, index: int, slot: int) -> int:
    """Whether a request's instrument, class of side and OrderID (0 and 2**64-1: not given) are those of its order."""
    if slot < 0:
        return REJECT_UNKNOWN_ORDER
    given = commands[index]["order_id"]
    if (
        np.int64(commands[index]["instrument"]) != np.int64(book.orders[slot]["instrument"])
        or side_index(0, np.int64(commands[index]["side"])) != side_index(0, np.int64(book.orders[slot]["side"]))
        or (given != 0 and given != ORDER_ID_NULL and given != book.orders[slot]["order_id"])
    ):
        return REJECT_ORDER_MISMATCH
    return ACCEPTABLE


@inner_kernel
def check_replace(book: Book, commands: Any, index: int, hashed: int, slot: int) -> int:
    """Side, ExecInst, quantity, price, ClOrdID, which order, room.

    A replace states no OrdType and no TimeInForce: its order keeps them. Its OrderQty may be 0: then nothing is left
    open, whether or not something has traded. `hashed` is that of the new ClOrdID, `slot`
    the order of OrigClOrdID or -1.
    """
    if not is_known_side(np.int64(commands[index]["side"])):
        return REJECT_INVALID_SIDE
    if np.int64(commands[index]["exec_inst"]) != 0:
        return REJECT_UNSUPPORTED_ORDER
    reason = check_terms(commands, index, 0)
    if reason != ACCEPTABLE:
        return reason
    if find_entry(book, hashed, np.int64(commands[index]["session"]), commands[index]["cl_ord_id"]) >= 0:
        return REJECT_DUPLICATE_ORDER
    reason = check_names_order(book, commands, index, slot)
    if reason != ACCEPTABLE:
        return reason
    price_ticks = np.int64(commands[index]["price_ticks"])
    if np.int64(commands[index]["qty_lots"]) <= np.int64(book.orders[slot]["cum_lots"]):
        return ACCEPTABLE  # nothing will be left open: it needs no room
    if not entry_has_room(book, hashed):
        return REJECT_BOOK_FULL
    if np.int64(book.state[0]["free_level"]) == NO_INDEX and price_ticks != np.int64(book.orders[slot]["price_ticks"]):
        side = side_index(np.int64(book.orders[slot]["instrument"]), np.int64(book.orders[slot]["side"]))
        alone = np.int64(book.levels[np.int64(book.orders[slot]["level"])]["orders"]) == 1  # its level becomes free
        if not alone and find_level(book, side, side_key(price_ticks, side & 1)) < 0:
            return REJECT_BOOK_FULL
    return ACCEPTABLE
