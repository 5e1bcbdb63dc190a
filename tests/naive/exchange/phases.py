"""Phases of an instrument: what happens when one begins (section 2 steps 3 and 4), freezes and extensions."""

from __future__ import annotations

from tests.naive.exchange.events import say_auction, say_order, say_phase
from tests.naive.exchange.numbers import (
    AUCTIONS,
    CONTINUOUS,
    FREEZE,
    HALT,
    NO_LEVEL,
    RESTED,
    VOLATILITY_AUCTION,
)  # fmt: skip
from tests.naive.exchange.places import cancel, is_its_auction, join, leave, levels_missing, take_auction_price
from tests.naive.exchange.state import IN_BOOK, Market, Order, Venue


def enter_phase(venue: Venue, market: Market, phase: int, duration_ns: int = 0, next_phase: int = CONTINUOUS) -> None:
    """The phase begins; it ends by itself after `duration_ns` (0: when told)."""
    before = market.phase
    market.phase, market.frozen, market.extension_number = phase, False, 0
    start_timer(venue, market, duration_ns, next_phase)
    say_phase(venue, market, phase, before)
    if phase in AUCTIONS:
        market.changed = True
        join_parked(venue, market)


def interrupt(venue: Venue, market: Market, phase: int) -> None:
    """After a breach: a halt and then a volatility auction, or that at once."""
    if phase == HALT:
        enter_phase(venue, market, HALT, market.rules.halt_ns, VOLATILITY_AUCTION)
    else:
        enter_phase(venue, market, VOLATILITY_AUCTION, market.rules.volatility_auction_ns)


def start_timer(venue: Venue, market: Market, duration_ns: int, next_phase: int) -> None:
    market.phase_due = venue.now + duration_ns if duration_ns else None
    market.next_phase = next_phase
    ends = [due for due in (market.phase_due, market.schedule_due) if due is not None]
    freezes = market.phase in AUCTIONS and market.rules.freeze_ns and ends
    market.freeze_due = min(ends) - market.rules.freeze_ns if freezes else None


def freeze(venue: Venue, market: Market) -> None:
    market.freeze_due = None
    if market.phase in AUCTIONS and not market.frozen:
        market.frozen = True
        say_phase(venue, market, FREEZE, market.phase)


def extend(venue: Venue, market: Market, next_phase: int, price: int, lots: int, surplus: int) -> None:
    """The auction goes on, and orders are taken again."""
    market.frozen = False
    market.extension_number += 1
    start_timer(venue, market, market.rules.extension_ns, next_phase)
    say_auction(venue, market, price, lots, surplus)


def join_parked(venue: Venue, market: Market) -> None:
    """GoodForAuction before AtClose, each oldest first."""
    for key in sorted(market.parked):
        for order in market.parked[key].orders():
            if is_its_auction(order, market.phase):
                join_book(venue, order)


def join_book(venue: Venue, order: Order) -> None:
    leave(venue, order)
    if venue.levels_in_use() + levels_missing(venue, order, IN_BOOK) > venue.levels_max:
        cancel(venue, order, NO_LEVEL)
    else:
        take_auction_price(order)
        join(venue, order, IN_BOOK)
        say_order(venue, RESTED, order)
