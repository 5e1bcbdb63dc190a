"""Stop and if-touched orders: section 5."""

from __future__ import annotations

from tests.naive.exchange.events import say_order
from tests.naive.exchange.matching import match, touch
from tests.naive.exchange.numbers import CONTINUOUS, LIMIT, LIMIT_IF_TOUCHED, MARKET, STOP_LIMIT, TRIGGERED
from tests.naive.exchange.phases import interrupt
from tests.naive.exchange.places import join, leave
from tests.naive.exchange.state import WAITING, Market, Order, Venue


def wait(venue: Venue, order: Order) -> None:
    """A trigger order takes its place; in continuous trading the market touches the last price for it."""
    market = venue.market_of(order)
    join(venue, order, WAITING)
    if market.phase == CONTINUOUS and market.last is not None:
        touch(market, market.last)


def is_triggered(market: Market, order: Order, rising: bool) -> bool:
    if market.touched is None:
        return False
    low, high = market.touched
    return order.stop_price_ticks <= high if rising else order.stop_price_ticks >= low


def triggered(market: Market) -> list[Order]:
    return [
        order
        for ladder, rising in ((market.falling, False), (market.rising, True))
        for level in ladder.values()
        for order in level.orders()
        if is_triggered(market, order, rising)
    ]


def activate(venue: Venue, order: Order) -> None:
    leave(venue, order)
    order.priority = 0
    order.ord_type = LIMIT if order.ord_type in (STOP_LIMIT, LIMIT_IF_TOUCHED) else MARKET
    say_order(venue, TRIGGERED, order)


def run_triggers(venue: Venue, market: Market) -> None:
    """In continuous trading: while an order is triggered, the one with the lowest priority goes."""
    while market.phase == CONTINUOUS:
        orders = triggered(market)
        if not orders:
            market.touched = None
            return
        order = min(orders, key=lambda one: one.priority)
        activate(venue, order)
        go(venue, order)


def go(venue: Venue, order: Order) -> None:
    """An order in flight matches; a breach ends continuous trading."""
    breach = match(venue, order)
    if breach is not None:
        interrupt(venue, venue.market_of(order), breach)
