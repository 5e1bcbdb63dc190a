"""Self-trade prevention: one function an instruction. `order` is in flight, `maker` is the first it would meet."""

from __future__ import annotations

from tests.naive.exchange.numbers import (
    DECREMENTED,
    STP_AGGRESSOR,
    STP_BOTH,
    STP_DECREMENT,
    STP_NEWEST,
    STP_OLDEST,
    STP_RESTING,
    STP_SMALLEST,
)  # fmt: skip
from tests.naive.exchange.places import cancel
from tests.naive.exchange.positions import say_cut
from tests.naive.exchange.state import Order, Venue


def is_own(order: Order, maker: Order) -> bool:
    return bool(order.prevention and order.prevention_id[1] and order.prevention_id == maker.prevention_id)


def prevent(venue: Venue, order: Order, maker: Order) -> bool:
    """Has self-trade prevention acted?"""
    if not is_own(order, maker):
        return False
    INSTRUCTIONS[order.prevention](venue, order, maker)
    return True


def cancel_newest(venue: Venue, order: Order, maker: Order) -> None:
    cancel(venue, order, STP_AGGRESSOR)


def cancel_oldest(venue: Venue, order: Order, maker: Order) -> None:
    cancel(venue, maker, STP_RESTING)


def cancel_both(venue: Venue, order: Order, maker: Order) -> None:
    cancel_oldest(venue, order, maker)
    cancel_newest(venue, order, maker)


def cancel_smallest(venue: Venue, order: Order, maker: Order) -> None:
    order_lots, maker_lots = order.leaves_lots, maker.leaves_lots
    if maker_lots <= order_lots:
        cancel_oldest(venue, order, maker)
    if order_lots <= maker_lots:
        cancel_newest(venue, order, maker)


def decrement(venue: Venue, order: Order, maker: Order) -> None:
    order_lots, maker_lots = order.leaves_lots, maker.leaves_lots
    cancel_smallest(venue, order, maker)
    for one, before, other in ((maker, maker_lots, order_lots), (order, order_lots, maker_lots)):
        if before > other:
            one.leaves_lots = before - other
            say_cut(venue, one, DECREMENTED)


INSTRUCTIONS = {
    STP_NEWEST: cancel_newest, STP_OLDEST: cancel_oldest, STP_BOTH: cancel_both, STP_DECREMENT: decrement,
    STP_SMALLEST: cancel_smallest,
}  # fmt: skip
