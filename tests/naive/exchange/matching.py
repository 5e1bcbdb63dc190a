"""Continuous trading: section 4 of the rulebook from step 4 on."""

from __future__ import annotations

from tests.naive.exchange.events import say_order, say_trade
from tests.naive.exchange.numbers import (
    FOK,
    FOK_KILLED,
    HIGHEST,
    ICEBERG_REFRESH,
    IOC,
    IOC_REMAINDER,
    LIMIT,
    LOWEST,
    MARKET,
    MARKET_REMAINDER,
    MARKET_TO_LIMIT,
    MIN_QTY,
    NO_LEVEL,
    NO_LIQUIDITY,
    POST_ONLY_SLIDE,
    REDUCE_ONLY,
    RESTATED,
    RESTED,
    SLID,
    STAY,
    STP_OLDEST,
    VOLATILITY,
    WAS_RESTING,
)  # fmt: skip
from tests.naive.exchange.places import (
    best_order,
    best_possible_price,
    best_price,
    cancel,
    join,
    leave,
    levels_missing,
    reaches,
    remove,
    resting_in_sequence,
)  # fmt: skip
from tests.naive.exchange.positions import book_position, hold_to_reducing
from tests.naive.exchange.prevention import is_own, prevent
from tests.naive.exchange.protection import TradeRange, next_valid_price, note_trade
from tests.naive.exchange.state import GONE, IN_BOOK, Market, Order, Venue


def match(venue: Venue, order: Order) -> int | None:
    """Steps 4 to 8 for the order in flight. Returns the phase that a breach brings about, or None."""
    market = venue.market_of(order)
    trade_range = TradeRange(venue, market)
    if not take_limit(market, order):
        cancel(venue, order, NO_LIQUIDITY)
        return None
    slide(venue, market, order)
    reason = why_kill(market, order, trade_range)
    if reason:
        cancel(venue, order, reason)
        return None
    breach = sweep(venue, market, order, trade_range)
    finish(venue, order, breach)
    return breach


def take_limit(market: Market, order: Order) -> bool:
    """Step 4: the limit of market and market-to-limit orders; False: there is nothing to take it from."""
    if order.ord_type not in (MARKET, MARKET_TO_LIMIT):
        return True
    best = best_price(market, not order.is_buy)
    if best is None:
        return False
    protection = market.rules.market_protection_ticks
    if order.ord_type == MARKET_TO_LIMIT:
        order.ord_type, order.price_ticks = LIMIT, best
    elif protection:
        order.price_ticks = min(best + protection, HIGHEST) if order.is_buy else max(best - protection, LOWEST)
    else:
        order.price_ticks = best_possible_price(order)
    return True


def would_trade(market: Market, order: Order) -> bool:
    best = best_price(market, not order.is_buy)
    return best is not None and reaches(order, best)


def price_that_rests(market: Market, order: Order) -> int | None:
    """The next valid price that does not reach the best of the other side."""
    best = best_price(market, not order.is_buy)
    assert best is not None
    return next_valid_price(market, best, downward=order.is_buy)


def slide(venue: Venue, market: Market, order: Order) -> None:
    """Step 5."""
    if not order.exec_inst & POST_ONLY_SLIDE or not would_trade(market, order):
        return
    price = price_that_rests(market, order)
    assert price is not None
    order.price_ticks = price
    say_order(venue, RESTATED, order, reason=SLID)


# --- fill-or-kill and minimum quantity (step 6) -------------------------------------------------------------------


def why_kill(market: Market, order: Order, trade_range: TradeRange) -> int:
    if order.time_in_force == FOK:
        return FOK_KILLED if fillable_now(market, order, trade_range) < order.leaves_lots else 0
    if order.min_qty_lots:
        return MIN_QTY if fillable_now(market, order, trade_range) < order.min_qty_lots else 0
    return 0


def fillable_now(market: Market, order: Order, trade_range: TradeRange) -> int:
    lots = 0
    before: list[Order] = []
    for maker in resting_in_sequence(market):
        if maker.is_buy == order.is_buy:
            continue
        if not reaches(order, maker.price_ticks) or trade_range.breach(maker.price_ticks) is not None:
            break
        if is_own(order, maker):
            if order.prevention == STP_OLDEST:
                continue
            return lots - out_of_turn(before, maker)
        if not maker.exec_inst & REDUCE_ONLY:
            lots += maker.leaves_lots
            before.append(maker)
    return lots


def out_of_turn(before: list[Order], own: Order) -> int:
    """Parts of icebergs at the price of a displayed order that would be shown behind it only."""
    if own.is_hidden:
        return 0
    return sum(one.leaves_lots - one.displayed_lots for one in before if one.price_ticks == own.price_ticks)


# --- the sweep (step 7) -------------------------------------------------------------------------------------------


def sweep(venue: Venue, market: Market, order: Order, trade_range: TradeRange) -> int | None:
    while order.leaves_lots and would_trade(market, order):
        maker = best_order(market, not order.is_buy)
        assert maker is not None
        breach = trade_range.breach(maker.price_ticks)
        if breach is not None:
            return breach
        if hold_to_reducing(venue, order) or hold_to_reducing(venue, maker) or prevent(venue, order, maker):
            continue
        trade(venue, market, order, maker)
    return None


def trade(venue: Venue, market: Market, order: Order, maker: Order) -> None:
    qty_lots = min(order.leaves_lots, maker.leaves_lots if maker.is_hidden else maker.displayed_lots)
    fill(order, qty_lots)
    fill(maker, qty_lots)
    maker.displayed_lots -= 0 if maker.is_hidden else qty_lots
    record_trade(venue, market, order, maker, maker.price_ticks, qty_lots)
    if not maker.leaves_lots:
        remove(venue, maker)
    elif not maker.is_hidden and not maker.displayed_lots:
        refresh(venue, maker)


def fill(order: Order, qty_lots: int) -> None:
    order.leaves_lots -= qty_lots
    order.cum_lots += qty_lots


def record_trade(venue: Venue, market: Market, order: Order, maker: Order, price: int, qty_lots: int) -> None:
    """What every trade changes beside the two orders; the event."""
    for one in (order, maker):
        book_position(venue, one, qty_lots)
    venue.trades += 1
    market.last = price
    touch(market, price)
    note_trade(venue, market, price)
    say_trade(venue, order, maker, price, qty_lots)


def touch(market: Market, price: int) -> None:
    low, high = market.touched or (price, price)
    market.touched = min(low, price), max(high, price)


def refresh(venue: Venue, maker: Order) -> None:
    """An iceberg shows its next part at the end of the queue."""
    leave(venue, maker)
    join(venue, maker, IN_BOOK)
    say_order(venue, RESTATED, maker, WAS_RESTING, reason=ICEBERG_REFRESH)


# --- what is left (step 8) ----------------------------------------------------------------------------------------


def finish(venue: Venue, order: Order, breach: int | None) -> None:
    if order.place == GONE:
        return
    if not order.leaves_lots:
        remove(venue, order)
    elif order.ord_type == LIMIT and order.time_in_force in STAY:
        rest(venue, order)
    else:
        cancel(venue, order, VOLATILITY if breach is not None else why_no_rest(order))


def why_no_rest(order: Order) -> int:
    assert order.time_in_force != FOK, "a fill-or-kill order is filled whole or not at all"
    return IOC_REMAINDER if order.time_in_force == IOC else MARKET_REMAINDER


def rest(venue: Venue, order: Order, flags: int = 0) -> None:
    if venue.levels_in_use() + levels_missing(venue, order, IN_BOOK) > venue.levels_max:
        cancel(venue, order, NO_LEVEL)
        return
    flags |= WAS_RESTING if order.from_book else 0
    join(venue, order, IN_BOOK)
    say_order(venue, RESTED, order, flags)
