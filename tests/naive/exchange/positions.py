"""Positions, and orders that may only reduce one."""

from __future__ import annotations

from tests.naive.exchange.events import say_order
from tests.naive.exchange.numbers import PRIORITY_RETAINED, REDUCE_ONLY, REDUCED, RESTATED, WAS_RESTING
from tests.naive.exchange.places import cancel, show_no_more
from tests.naive.exchange.state import IN_BOOK, Order, Venue


def position(venue: Venue, account: int, instrument: int) -> int:
    """What the account has bought less what it has sold."""
    return venue.positions.get((account, instrument), 0)


def book_position(venue: Venue, order: Order, qty_lots: int) -> None:
    name = (order.account, order.instrument)
    venue.positions[name] = position(venue, *name) + (qty_lots if order.is_buy else -qty_lots)


def reducible(venue: Venue, order: Order) -> int:
    """How much the order could buy of a short position, or sell of a long one."""
    net = position(venue, order.account, order.instrument)
    return max(0, -net if order.is_buy else net)


def hold_to_reducing(venue: Venue, order: Order) -> bool:
    """A ReduceOnly order that would trade now: cancelled or cut down to what it may reduce. Has it changed?"""
    if not order.exec_inst & REDUCE_ONLY:
        return False
    allowed = reducible(venue, order)
    if allowed >= order.leaves_lots:
        return False
    if allowed == 0:
        cancel(venue, order, REDUCED)
    else:
        order.leaves_lots = allowed
        say_cut(venue, order, REDUCED)
    return True


def say_cut(venue: Venue, order: Order, reason: int) -> None:
    """Less is open of an order that stays where it is."""
    show_no_more(order)
    stands = order.place == IN_BOOK
    if stands:
        venue.market_of(order).changed = True
    say_order(venue, RESTATED, order, WAS_RESTING | PRIORITY_RETAINED if stands else 0, reason=reason)
