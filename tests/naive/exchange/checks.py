"""Why a request is refused: the checks of section 3, each a function, in the order in which they are made."""

from __future__ import annotations

from dataclasses import replace

from tests.naive.exchange.matching import price_that_rests, would_trade
from tests.naive.exchange.numbers import (
    ALL,
    AT_CLOSE,
    AT_OPEN,
    BOOK_FULL,
    BUY,
    CLOSED,
    CONTINUOUS,
    DAY,
    DUPLICATE_ORDER,
    EXCEEDS_LIMIT,
    EXCHANGE_CLOSED,
    EXPIRE_TIME,
    FOK,
    FROZEN,
    GOOD_FOR_AUCTION,
    GTC,
    GTD,
    HALT,
    HALTED,
    HAVE_PRICE,
    HAVE_TRIGGER,
    HIDDEN,
    ICEBERG_PARTS_MAX,
    INCORRECT_QUANTITY,
    INVALID_PRICE_INCREMENT,
    INVALID_SIDE,
    IOC,
    LIMIT,
    LIMIT_IF_TOUCHED,
    MARKET,
    MARKET_IF_TOUCHED,
    MARKET_TO_LIMIT,
    NO_CANCEL_ON_DISCONNECT,
    NO_PRICE,
    NO_STOP_PRICE,
    NOT_GIVEN,
    NOT_IN_THIS_PHASE,
    NOT_REDUCING,
    OPENING_AUCTION,
    ORDER_MISMATCH,
    POST_ONLY,
    POST_ONLY_SLIDE,
    PRE_OPEN,
    PRICE_MISSING,
    PRICE_OFF_TICK,
    PRICE_OUT_OF_BAND,
    QTY_MAX,
    QTY_OUT_OF_RANGE,
    REDUCE_ONLY,
    SIDES,
    STAY,
    STOP,
    STOP_LIMIT,
    STOP_PRICE_MISSING,
    STOP_PRICE_OFF_TICK,
    TOO_LATE,
    UNKNOWN_ORDER,
    UNSUPPORTED_ORDER,
    WOULD_TRADE,
)  # fmt: skip
from tests.naive.exchange.places import keeps_place, levels_missing, next_place, place_of
from tests.naive.exchange.positions import reducible
from tests.naive.exchange.protection import is_on_tick
from tests.naive.exchange.state import WAITING, Command, Market, Order, Refusal, Venue

TIMES_IN_FORCE = {
    LIMIT: (DAY, GTC, AT_OPEN, IOC, FOK, GTD, AT_CLOSE, GOOD_FOR_AUCTION),
    MARKET: (DAY, IOC, FOK, AT_OPEN, AT_CLOSE, GOOD_FOR_AUCTION),
    MARKET_TO_LIMIT: STAY, STOP: STAY, STOP_LIMIT: STAY, MARKET_IF_TOUCHED: STAY, LIMIT_IF_TOUCHED: STAY,
}  # fmt: skip
EXEC_INSTS = POST_ONLY | POST_ONLY_SLIDE | REDUCE_ONLY | NO_CANCEL_ON_DISCONNECT | HIDDEN
HAVE_DISPLAY_QTY = (LIMIT, STOP_LIMIT, LIMIT_IF_TOUCHED, MARKET_TO_LIMIT)


def why_not_new(venue: Venue, command: Command, order: Order) -> Refusal:
    """`order` is what the command asks for."""
    return (
        why_not_side(command)
        or why_not_combination(command)
        or why_not_phase(venue, command, order)
        or why_not_quantity(venue, command, command["qty_lots"])
        or why_not_part("display_qty_lots", command)
        or why_not_parts(command["qty_lots"], order)
        or why_not_part("min_qty_lots", command)
        or (why_not_price(venue, command, order) if order.ord_type in HAVE_PRICE else None)
        or (why_not_stop_price(venue, command, order) if order.ord_type in HAVE_TRIGGER else None)
        or why_not_expire_time(venue, order)
        or why_not_cl_ord_id(venue, command)
        or why_no_slot_or_position(venue)
        or why_no_level(venue, order)
        or why_not_reducing(venue, order)
        or why_not_post_only(venue, order)
    )


def why_not_cancel(venue: Venue, command: Command, order: Order | None) -> Refusal:
    return why_not_side(command) or why_not_named(command, order) or why_frozen(venue, command)


def why_not_replace(venue: Venue, command: Command, order: Order | None) -> Refusal:
    return (
        why_not_side(command)
        or why_not_total(command)
        or why_off_tick(command)
        or why_not_cl_ord_id(venue, command)
        or why_not_named(command, order)
        or why_not_open(venue, command)
        or (None if command["exec_inst"] in (0, order.exec_inst if order else 0) else (UNSUPPORTED_ORDER, 0))
    )


def why_not_replaced(venue: Venue, command: Command, order: Order, wish: Order) -> Refusal:
    """The checks of a replace that leaves something open: `wish` is the order as it would be."""
    new_price = order.ord_type in HAVE_PRICE and not command["flags"] & PRICE_MISSING
    new_stop_price = order.place == WAITING and not command["flags"] & STOP_PRICE_MISSING
    return (
        why_not_quantity(venue, command, command["qty_lots"])
        or why_not_iceberg(command, order)
        or why_not_part("display_qty_lots", command)
        or why_not_parts(command["qty_lots"], wish)
        or (why_not_price(venue, command, wish) if new_price else None)
        or (why_not_stop_price(venue, command, wish) if new_stop_price else None)
        or why_no_level_for_replaced(venue, order, wish)
        or why_not_reducing(venue, wish)
        or why_not_post_only(venue, wish)
    )


def why_not_mass_cancel(venue: Venue, command: Command) -> Refusal:
    if command["side"] not in (0, *SIDES):
        return INVALID_SIDE, 0
    return why_frozen(venue, command) if command["instrument"] != ALL else None


# --- sides, combinations, phases ----------------------------------------------------------------------------------


def why_not_side(command: Command) -> Refusal:
    return None if command["side"] in SIDES else (INVALID_SIDE, 0)


def why_not_combination(command: Command) -> Refusal:
    ord_type, time_in_force, exec_inst = command["ord_type"], command["time_in_force"], command["exec_inst"]
    is_iceberg, has_min_qty = command["display_qty_lots"] != 0, command["min_qty_lots"] != 0
    stays = time_in_force in STAY
    wrong = (
        time_in_force not in TIMES_IN_FORCE.get(ord_type, ())
        or exec_inst & ~EXEC_INSTS
        or (exec_inst & (POST_ONLY | POST_ONLY_SLIDE) and not (ord_type == LIMIT and stays))
        or (exec_inst & HIDDEN and not (ord_type in HAVE_PRICE and stays and not is_iceberg))
        or (is_iceberg and not (ord_type in HAVE_DISPLAY_QTY and stays))
        or (has_min_qty and not (ord_type in (LIMIT, MARKET) and time_in_force in (*STAY, IOC)))
        or command["stp_instruction"] > 5
    )
    return (UNSUPPORTED_ORDER, 0) if wrong else None


def why_not_phase(venue: Venue, command: Command, order: Order) -> Refusal:
    phase = venue.market_of(order).phase
    refusal = why_not_open(venue, command)
    if refusal:
        return refusal
    if order.time_in_force == AT_OPEN and phase not in (PRE_OPEN, OPENING_AUCTION):
        return TOO_LATE, 0
    at_once = order.time_in_force in (IOC, FOK) or order.exec_inst & (POST_ONLY | POST_ONLY_SLIDE) or order.min_qty_lots
    return (NOT_IN_THIS_PHASE, 0) if phase != CONTINUOUS and at_once else None


def why_not_open(venue: Venue, command: Command) -> Refusal:
    phase = venue.markets[command["instrument"]].phase
    if phase == CLOSED:
        return EXCHANGE_CLOSED, 0
    return (HALTED, 0) if phase == HALT else why_frozen(venue, command)


def why_frozen(venue: Venue, command: Command) -> Refusal:
    return (FROZEN, 0) if venue.markets[command["instrument"]].frozen else None


# --- quantities ---------------------------------------------------------------------------------------------------


def why_not_quantity(venue: Venue, command: Command, qty_lots: int) -> Refusal:
    rules = venue.markets[command["instrument"]].rules
    flagged = command["flags"] & QTY_OUT_OF_RANGE
    if flagged or not max(1, rules.qty_lots_min) <= qty_lots <= QTY_MAX or qty_lots % rules.qty_step_lots:
        return INCORRECT_QUANTITY, 0
    return (EXCEEDS_LIMIT, rules.qty_lots_max) if qty_lots > rules.qty_lots_max else None


def why_not_total(command: Command) -> Refusal:
    flagged = command["flags"] & QTY_OUT_OF_RANGE
    return (INCORRECT_QUANTITY, 0) if flagged or not 0 <= command["qty_lots"] <= QTY_MAX else None


def why_not_part(name: str, command: Command) -> Refusal:
    return None if 0 <= command[name] <= command["qty_lots"] else (INCORRECT_QUANTITY, 0)


def why_not_parts(qty_lots: int, order: Order) -> Refusal:
    """An iceberg has no more than so many parts: a sweep of it has an end."""
    too_many = order.display_qty_lots and qty_lots > order.display_qty_lots * ICEBERG_PARTS_MAX
    return (INCORRECT_QUANTITY, 0) if too_many else None


def why_not_iceberg(command: Command, order: Order) -> Refusal:
    can_be = order.ord_type in HAVE_DISPLAY_QTY and order.time_in_force in STAY and not order.is_hidden
    return (UNSUPPORTED_ORDER, 0) if command["display_qty_lots"] and not can_be else None


# --- prices and times ---------------------------------------------------------------------------------------------


def why_not_price(venue: Venue, command: Command, order: Order) -> Refusal:
    if command["flags"] & PRICE_MISSING:
        return NO_PRICE, 0
    if command["flags"] & PRICE_OFF_TICK:
        return INVALID_PRICE_INCREMENT, 0
    return why_not_ticks(venue.market_of(order), order.price_ticks)


def why_not_stop_price(venue: Venue, command: Command, order: Order) -> Refusal:
    if command["flags"] & STOP_PRICE_MISSING:
        return NO_STOP_PRICE, 0
    if command["flags"] & STOP_PRICE_OFF_TICK:
        return INVALID_PRICE_INCREMENT, 0
    return why_not_ticks(venue.market_of(order), order.stop_price_ticks)


def why_not_ticks(market: Market, price_ticks: int) -> Refusal:
    if not is_on_tick(market, price_ticks):
        return INVALID_PRICE_INCREMENT, 0
    if price_ticks < market.rules.price_ticks_min:
        return PRICE_OUT_OF_BAND, market.rules.price_ticks_min
    return (PRICE_OUT_OF_BAND, market.rules.price_ticks_max) if price_ticks > market.rules.price_ticks_max else None


def why_off_tick(command: Command) -> Refusal:
    return (INVALID_PRICE_INCREMENT, 0) if command["flags"] & (PRICE_OFF_TICK | STOP_PRICE_OFF_TICK) else None


def why_not_expire_time(venue: Venue, order: Order) -> Refusal:
    return (EXPIRE_TIME, 0) if order.time_in_force == GTD and order.expire_time_ns <= venue.now else None


# --- names --------------------------------------------------------------------------------------------------------


def why_not_cl_ord_id(venue: Venue, command: Command) -> Refusal:
    return (DUPLICATE_ORDER, 0) if (command["session"], command["cl_ord_id"]) in venue.open else None


def why_not_named(command: Command, order: Order | None) -> Refusal:
    if order is None:
        return UNKNOWN_ORDER, 0
    same_side = (command["side"] == BUY) == order.is_buy
    same_id = command["order_id"] in (*NOT_GIVEN, order.order_id)
    same = command["instrument"] == order.instrument and same_side and same_id
    return None if same else (ORDER_MISMATCH, 0)


# --- room ---------------------------------------------------------------------------------------------------------


def why_no_slot_or_position(venue: Venue) -> Refusal:
    no_position = len(venue.positions) + len(venue.open) >= venue.positions_max
    return (BOOK_FULL, 0) if not venue.free_slots or no_position else None


def why_no_level(venue: Venue, order: Order, given_back: int = 0) -> Refusal:
    place = next_place(venue, order)
    needed = levels_missing(venue, as_it_would_rest(venue, order), place) if place else 0
    return (BOOK_FULL, 0) if venue.levels_in_use() - given_back + needed > venue.levels_max else None


def as_it_would_rest(venue: Venue, order: Order) -> Order:
    """At the price to which it will slide, if it will."""
    market = venue.market_of(order)
    slides = order.exec_inst & POST_ONLY_SLIDE and market.phase == CONTINUOUS and would_trade(market, order)
    price = price_that_rests(market, order) if slides else None
    return order if price is None else replace(order, price_ticks=price)


def why_no_level_for_replaced(venue: Venue, order: Order, wish: Order) -> Refusal:
    """Where it keeps its place it needs none; else it leaves its level before it needs one."""
    if keeps_place(order, wish):
        return None
    ladder, key = place_of(venue.market_of(order), order, order.place)
    is_alone = len(ladder[key].orders()) == 1
    place = next_place(venue, wish)
    resting = as_it_would_rest(venue, wish)
    same_level = place is not None and place_of(venue.market_of(wish), resting, place) == (ladder, key)
    return None if same_level else why_no_level(venue, wish, given_back=int(is_alone))


# --- last -----------------------------------------------------------------------------------------------------------


def why_not_reducing(venue: Venue, order: Order) -> Refusal:
    if not order.exec_inst & REDUCE_ONLY or reducible(venue, order) >= order.leaves_lots:
        return None
    return NOT_REDUCING, reducible(venue, order)


def why_not_post_only(venue: Venue, order: Order) -> Refusal:
    market = venue.market_of(order)
    wants = order.exec_inst & (POST_ONLY | POST_ONLY_SLIDE)
    if not wants or market.phase != CONTINUOUS or not would_trade(market, order):
        return None
    can_slide = wants & POST_ONLY_SLIDE and price_that_rests(market, order) is not None
    return None if can_slide else (WOULD_TRADE, 0)
