"""Why a request is refused: the checks of docs/MATCHING.md section 3, in the order in which they are made.

Returns of the check functions: 0 for a request that is taken, else a REJECT_* code; the limit that was hit goes into
`book.state[0]["reject_limit"]`. A full pool refuses whatever needs an entry of it at the moment of the request, even
where matching would free one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.flight import slid_price
from appliance.book.index import entry_has_room, find_entry
from appliance.book.ladder import side_key
from appliance.book.positions import reducible_lots
from appliance.book.prices import is_on_tick
from appliance.book.queue import place_of, side_index
from appliance.book.room import has_room_for_new, has_room_for_replace
from appliance.book.state import Book
from appliance.book.words import (
    AT_CLOSE,
    AT_OPEN,
    DAY,
    FOK,
    GOOD_FOR_AUCTION,
    GTD,
    HIDDEN,
    IOC,
    LIMIT,
    MARKET,
    MARKET_TO_LIMIT,
    NO_CANCEL_ON_DISCONNECT,
    POST_ONLY,
    POST_ONLY_SLIDE,
    REDUCE_ONLY,
    STP_SMALLEST,
    has_price,
    has_trigger,
    is_known_side,
    is_sell,
    may_be_iceberg,
    may_stay,
)
from native.codes import (
    REJECT_BOOK_FULL,
    REJECT_DUPLICATE_ORDER,
    REJECT_EXCEEDS_LIMIT,
    REJECT_EXCHANGE_CLOSED,
    REJECT_EXPIRE_TIME,
    REJECT_FROZEN,
    REJECT_HALTED,
    REJECT_INCORRECT_QUANTITY,
    REJECT_INVALID_PRICE_INCREMENT,
    REJECT_INVALID_SIDE,
    REJECT_NOT_IN_THIS_PHASE,
    REJECT_ORDER_MISMATCH,
    REJECT_PRICE_MISSING,
    REJECT_PRICE_OUT_OF_BAND,
    REJECT_REDUCE_ONLY,
    REJECT_STOP_PRICE_MISSING,
    REJECT_TOO_LATE,
    REJECT_UNKNOWN_ORDER,
    REJECT_UNSUPPORTED_ORDER,
    REJECT_WOULD_TRADE,
)
from native.jit import kernel
from native.layout import (
    COMMAND_PRICE_MISSING,
    COMMAND_PRICE_OFF_TICK,
    COMMAND_QTY_OUT_OF_RANGE,
    COMMAND_STOP_PRICE_MISSING,
    COMMAND_STOP_PRICE_OFF_TICK,
    NO_INDEX,
    PHASE_CLOSED,
    PHASE_CONTINUOUS,
    PHASE_HALT,
    PHASE_OPENING_AUCTION,
    PHASE_PRE_OPEN,
    PLACE_WAITING,
    TRAIT_TERMS,
)
from native.limits import ICEBERG_PARTS_MAX, QTY_LOTS_MAX

ORDER_ID_NULL = np.uint64(0xFFFFFFFFFFFFFFFF)
ACCEPTABLE = 0
EXEC_INST_KNOWN = POST_ONLY | POST_ONLY_SLIDE | REDUCE_ONLY | NO_CANCEL_ON_DISCONNECT | HIDDEN


@kernel
def check_new_order(book: Book, commands: Any, index: int, hashed: int) -> int:
    """All checks of a new order. `hashed` is that of its ClOrdID."""
    command = commands[index]
    instrument = np.int64(command["instrument"])
    side = np.int64(command["side"])
    ord_type = np.int64(command["ord_type"])
    time_in_force = np.int64(command["time_in_force"])
    exec_inst = np.int64(command["exec_inst"])
    qty_lots = np.int64(command["qty_lots"])
    flags = np.int64(command["flags"])
    if not is_known_side(side):
        return REJECT_INVALID_SIDE
    if not is_supported(commands, index):
        return REJECT_UNSUPPORTED_ORDER
    reason = check_phase_of_new(book, commands, index)
    if reason != ACCEPTABLE:
        return reason
    if qty_lots < 1 or qty_lots > QTY_LOTS_MAX or flags & COMMAND_QTY_OUT_OF_RANGE:
        return REJECT_INCORRECT_QUANTITY
    reason = check_quantity(book, instrument, qty_lots)
    if reason != ACCEPTABLE:
        return reason
    display_lots = np.int64(command["display_qty_lots"])
    min_lots = np.int64(command["min_qty_lots"])
    if min_lots < 0 or min_lots > qty_lots or not is_display_possible(display_lots, qty_lots):
        return REJECT_INCORRECT_QUANTITY
    if has_price(ord_type):
        if flags & COMMAND_PRICE_MISSING:
            return REJECT_PRICE_MISSING
        if flags & COMMAND_PRICE_OFF_TICK:
            return REJECT_INVALID_PRICE_INCREMENT
        reason = check_price(book, instrument, np.int64(command["price_ticks"]))
        if reason != ACCEPTABLE:
            return reason
    if has_trigger(ord_type):
        if flags & COMMAND_STOP_PRICE_MISSING:
            return REJECT_STOP_PRICE_MISSING
        if flags & COMMAND_STOP_PRICE_OFF_TICK:
            return REJECT_INVALID_PRICE_INCREMENT
        reason = check_price(book, instrument, np.int64(command["stop_price_ticks"]))
        if reason != ACCEPTABLE:
            return reason
    if time_in_force == GTD:
        expire_ns = np.int64(command["expire_time_ns"])
        if expire_ns <= np.int64(book.state[0]["now_ns"]):  # beyond 2**63 - 1 it reads as below 0
            return REJECT_EXPIRE_TIME
    if find_entry(book, hashed, np.int64(command["session"]), command["cl_ord_id"]) >= 0:
        return REJECT_DUPLICATE_ORDER
    if not has_room_for_new(book, commands, index, hashed):
        return REJECT_BOOK_FULL
    return check_market(
        book, instrument, side, exec_inst, ord_type, np.int64(command["account"]), qty_lots,
        np.int64(command["price_ticks"]),
    )  # fmt: skip


@kernel
def is_supported(commands: Any, index: int) -> bool:
    """Whether OrdType, TimeInForce, ExecInst and the quantities' presence go together."""
    command = commands[index]
    ord_type = np.int64(command["ord_type"])
    time_in_force = np.int64(command["time_in_force"])
    exec_inst = np.int64(command["exec_inst"])
    stays = may_stay(time_in_force)
    if ord_type == LIMIT:
        if not (stays or time_in_force in (AT_OPEN, IOC, FOK, AT_CLOSE, GOOD_FOR_AUCTION)):
            return False
    elif ord_type == MARKET:
        if time_in_force not in (DAY, IOC, FOK, AT_OPEN, AT_CLOSE, GOOD_FOR_AUCTION):
            return False
    elif not (stays and (ord_type == MARKET_TO_LIMIT or has_trigger(ord_type))):
        return False
    if exec_inst & ~EXEC_INST_KNOWN:
        return False
    if exec_inst & (POST_ONLY | POST_ONLY_SLIDE) and not (ord_type == LIMIT and stays):
        return False
    if exec_inst & HIDDEN and not (has_price(ord_type) and stays):
        return False
    if np.int64(command["display_qty_lots"]) != 0 and not may_be_iceberg(ord_type, time_in_force, exec_inst):
        return False
    takes_min = ord_type in (LIMIT, MARKET) and (stays or time_in_force == IOC)
    if np.int64(command["min_qty_lots"]) != 0 and not takes_min:
        return False
    return np.int64(command["stp_instruction"]) <= STP_SMALLEST


@kernel
def check_phase(book: Book, instrument: int) -> int:
    """Whether orders may be entered and replaced now."""
    market = book.instruments[instrument]
    phase = np.int64(market["phase"])
    if phase == PHASE_CLOSED:
        return REJECT_EXCHANGE_CLOSED
    if phase == PHASE_HALT:
        return REJECT_HALTED
    if np.int64(market["frozen"]):
        return REJECT_FROZEN
    return ACCEPTABLE


@kernel
def check_phase_of_new(book: Book, commands: Any, index: int) -> int:
    command = commands[index]
    instrument = np.int64(command["instrument"])
    reason = check_phase(book, instrument)
    if reason != ACCEPTABLE:
        return reason
    phase = np.int64(book.instruments[instrument]["phase"])
    time_in_force = np.int64(command["time_in_force"])
    if time_in_force == AT_OPEN and phase not in (PHASE_PRE_OPEN, PHASE_OPENING_AUCTION):
        return REJECT_TOO_LATE
    if phase != PHASE_CONTINUOUS:
        posts = np.int64(command["exec_inst"]) & (POST_ONLY | POST_ONLY_SLIDE)
        if time_in_force in (IOC, FOK) or posts != 0 or np.int64(command["min_qty_lots"]) != 0:
            return REJECT_NOT_IN_THIS_PHASE
    return ACCEPTABLE


@kernel
def check_quantity(book: Book, instrument: int, qty_lots: int) -> int:
    """An OrderQty against the instrument's lots."""
    market = book.instruments[instrument]
    if qty_lots < np.int64(market["qty_lots_min"]) or qty_lots % np.int64(market["qty_step_lots"]) != 0:
        return REJECT_INCORRECT_QUANTITY
    if qty_lots > np.int64(market["qty_lots_max"]):
        book.state[0]["reject_limit"] = np.int64(market["qty_lots_max"])
        return REJECT_EXCEEDS_LIMIT
    return ACCEPTABLE


@kernel
def is_display_possible(display_lots: int, qty_lots: int) -> bool:
    """Whether an order of `qty_lots` may display so much at a time (0: all)."""
    return display_lots == 0 or (0 < display_lots <= qty_lots <= display_lots * ICEBERG_PARTS_MAX)


@kernel
def check_price(book: Book, instrument: int, price_ticks: int) -> int:
    """A price against the instrument's tick table and limits."""
    market = book.instruments[instrument]
    if not is_on_tick(book, instrument, price_ticks):
        return REJECT_INVALID_PRICE_INCREMENT
    limit = max(np.int64(market["price_ticks_min"]), min(np.int64(market["price_ticks_max"]), price_ticks))
    if limit != price_ticks:
        book.state[0]["reject_limit"] = limit
        return REJECT_PRICE_OUT_OF_BAND
    return ACCEPTABLE


@kernel
def check_market(
    book: Book, instrument: int, side: int, exec_inst: int, ord_type: int, account: int, open_lots: int,
    price_ticks: int,
) -> int:  # fmt: skip
    """ReduceOnly and PostOnly: what an order may do as the market and the position are now."""
    market = book.instruments[instrument]
    if exec_inst & REDUCE_ONLY:
        could_lots = reducible_lots(book, account, instrument, is_sell(side))
        if could_lots < open_lots:
            book.state[0]["reject_limit"] = could_lots
            return REJECT_REDUCE_ONLY
    posts = exec_inst & (POST_ONLY | POST_ONLY_SLIDE)
    other = side_index(instrument, side) ^ 1
    if posts == 0 or np.int64(market["phase"]) != PHASE_CONTINUOUS or np.int64(book.sides[other]["best"]) == NO_INDEX:
        return ACCEPTABLE
    if side_key(price_ticks, other & 1) < np.int64(book.sides[other]["best_key"]):
        return ACCEPTABLE
    if exec_inst & POST_ONLY_SLIDE == 0:
        return REJECT_WOULD_TRADE
    best_ticks = side_key(np.int64(book.sides[other]["best_key"]), other & 1)
    slid_ticks = slid_price(book, instrument, other & 1, best_ticks, price_ticks)
    if slid_ticks == best_ticks or slid_ticks < np.int64(market["price_ticks_min"]):
        return REJECT_WOULD_TRADE
    return REJECT_WOULD_TRADE if slid_ticks > np.int64(market["price_ticks_max"]) else ACCEPTABLE


@kernel
def check_names_order(book: Book, commands: Any, index: int, slot: int) -> int:
    """Whether a request's instrument, class of side and OrderID (0 and 2**64-1: not given) are those of its order."""
    if slot < 0:
        return REJECT_UNKNOWN_ORDER
    given = commands[index]["order_id"]
    if (
        np.int64(commands[index]["instrument"]) != np.int64(book.orders[slot]["instrument"])
        or is_sell(np.int64(commands[index]["side"])) != is_sell(np.int64(book.orders[slot]["side"]))
        or (given != 0 and given != ORDER_ID_NULL and given != book.orders[slot]["order_id"])
    ):
        return REJECT_ORDER_MISMATCH
    return ACCEPTABLE


@kernel
def check_cancel(book: Book, commands: Any, index: int, slot: int) -> int:
    """All checks of a cancel; `slot`: the order of OrigClOrdID or -1."""
    if not is_known_side(np.int64(commands[index]["side"])):
        return REJECT_INVALID_SIDE
    reason = check_names_order(book, commands, index, slot)
    if reason == ACCEPTABLE and np.int64(book.instruments[np.int64(commands[index]["instrument"])]["frozen"]):
        return REJECT_FROZEN
    return reason


@kernel
def check_replace(book: Book, commands: Any, index: int, hashed: int, slot: int) -> int:
    """All checks of a replace. `hashed` is that of the new ClOrdID, `slot` the order of OrigClOrdID or -1."""
    command = commands[index]
    qty_lots = np.int64(command["qty_lots"])
    flags = np.int64(command["flags"])
    instrument = np.int64(command["instrument"])
    if not is_known_side(np.int64(command["side"])):
        return REJECT_INVALID_SIDE
    if qty_lots < 0 or qty_lots > QTY_LOTS_MAX or flags & COMMAND_QTY_OUT_OF_RANGE:
        return REJECT_INCORRECT_QUANTITY
    if flags & (COMMAND_PRICE_OFF_TICK | COMMAND_STOP_PRICE_OFF_TICK):
        return REJECT_INVALID_PRICE_INCREMENT
    if find_entry(book, hashed, np.int64(command["session"]), command["cl_ord_id"]) >= 0:
        return REJECT_DUPLICATE_ORDER
    reason = check_names_order(book, commands, index, slot)
    if reason != ACCEPTABLE:
        return reason
    reason = check_phase(book, instrument)
    if reason != ACCEPTABLE:
        return reason
    order = book.orders[slot]
    traits = np.int64(order["traits"])
    exec_inst = np.int64(command["exec_inst"])
    if exec_inst != 0 and exec_inst != traits & EXEC_INST_KNOWN:
        return REJECT_UNSUPPORTED_ORDER
    open_lots = qty_lots - np.int64(order["cum_lots"])
    if open_lots <= 0:
        return ACCEPTABLE  # nothing will be left open: no more is needed
    reason = check_quantity(book, instrument, qty_lots)
    if reason != ACCEPTABLE:
        return reason
    ord_type = np.int64(order["ord_type"])
    display_lots = np.int64(command["display_qty_lots"])
    if display_lots != 0:
        if not may_be_iceberg(ord_type, np.int64(order["time_in_force"]), traits):
            return REJECT_UNSUPPORTED_ORDER
        if not is_display_possible(display_lots, qty_lots):
            return REJECT_INCORRECT_QUANTITY
    elif has_too_many_parts(book, slot, qty_lots):
        return REJECT_INCORRECT_QUANTITY
    price_ticks = price_of_replace(book, commands, index, slot)
    stop_price_ticks = stop_price_of_replace(book, commands, index, slot)
    if has_price(ord_type) and flags & COMMAND_PRICE_MISSING == 0:
        reason = check_price(book, instrument, price_ticks)
        if reason != ACCEPTABLE:
            return reason
    if place_of(book, slot) == PLACE_WAITING and flags & COMMAND_STOP_PRICE_MISSING == 0:
        reason = check_price(book, instrument, stop_price_ticks)
        if reason != ACCEPTABLE:
            return reason
    if not entry_has_room(book, hashed):
        return REJECT_BOOK_FULL
    moves = not keeps_place(book, commands, index, slot)
    if moves and not has_room_for_replace(book, slot, price_ticks, stop_price_ticks):
        return REJECT_BOOK_FULL
    return check_market(
        book, instrument, np.int64(order["side"]), traits, ord_type, np.int64(order["account"]), open_lots, price_ticks
    )


@kernel
def price_of_replace(book: Book, commands: Any, index: int, slot: int) -> int:
    """The limit that an order would have after a replace."""
    is_given = np.int64(commands[index]["flags"]) & COMMAND_PRICE_MISSING == 0
    if is_given and has_price(np.int64(book.orders[slot]["ord_type"])):
        return np.int64(commands[index]["price_ticks"])
    return np.int64(book.orders[slot]["price_ticks"])


@kernel
def stop_price_of_replace(book: Book, commands: Any, index: int, slot: int) -> int:
    """The trigger that an order would have after a replace; 0 for one that is not waiting."""
    if place_of(book, slot) != PLACE_WAITING:
        return np.int64(0)
    if np.int64(commands[index]["flags"]) & COMMAND_STOP_PRICE_MISSING == 0:
        return np.int64(commands[index]["stop_price_ticks"])
    return np.int64(book.terms[slot]["stop_price_ticks"])


@kernel
def keeps_place(book: Book, commands: Any, index: int, slot: int) -> bool:
    """Whether an order stays where it stands: same prices, no more open, DisplayQty not raised."""
    order = book.orders[slot]
    if price_of_replace(book, commands, index, slot) != np.int64(order["price_ticks"]):
        return False
    if np.int64(commands[index]["qty_lots"]) - np.int64(order["cum_lots"]) > np.int64(order["leaves_lots"]):
        return False
    if np.int64(order["traits"]) & TRAIT_TERMS == 0:
        return True
    terms = book.terms[slot]
    stop_price_ticks = stop_price_of_replace(book, commands, index, slot)
    if place_of(book, slot) == PLACE_WAITING and stop_price_ticks != np.int64(terms["stop_price_ticks"]):
        return False
    display_lots = np.int64(terms["display_qty_lots"])
    return display_lots == 0 or np.int64(commands[index]["display_qty_lots"]) <= display_lots


@kernel
def has_too_many_parts(book: Book, slot: int, qty_lots: int) -> bool:
    """Whether an iceberg that keeps its DisplayQty would need too many parts for a new OrderQty."""
    if np.int64(book.orders[slot]["traits"]) & TRAIT_TERMS == 0:
        return False
    display_lots = np.int64(book.terms[slot]["display_qty_lots"])
    return display_lots > 0 and qty_lots > display_lots * ICEBERG_PARTS_MAX
