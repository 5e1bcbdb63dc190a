"""Changes of phase that are asked for, and everything that time brings (section 2)."""

from __future__ import annotations

from tests.naive.exchange.auction import extended, say_indicative, uncross
from tests.naive.exchange.matching import touch
from tests.naive.exchange.numbers import (
    AT_CLOSE,
    AT_OPEN,
    AUCTIONS,
    CLOSED,
    CONTINUOUS,
    DAY,
    DAY_NS,
    EXPIRED,
    FREEZE,
    GOOD_FOR_AUCTION,
    VOLATILITY_AUCTION,
)  # fmt: skip
from tests.naive.exchange.phases import enter_phase, freeze
from tests.naive.exchange.places import cancel, orders_in_sequence
from tests.naive.exchange.state import Market, Venue
from tests.naive.exchange.triggers import run_triggers


def ask_phase(venue: Venue, market: Market, phase: int, duration_ns: int = 0) -> None:
    if phase == FREEZE:
        freeze(venue, market)
        return
    if phase == market.phase:
        return
    if phase == CONTINUOUS or (phase == CLOSED and market.phase in AUCTIONS):
        if extended(venue, market, phase):
            return
        uncross(venue, market)
    if phase == CLOSED:
        end_the_day(venue, market)
    enter_phase(venue, market, phase, duration_ns)
    if phase == CONTINUOUS:
        begin_trading(venue, market)


def begin_trading(venue: Venue, market: Market) -> None:
    if market.last is not None:
        touch(market, market.last)
    run_triggers(venue, market)


def end_the_day(venue: Venue, market: Market) -> None:
    for order in orders_in_sequence(market):
        if order.time_in_force in (DAY, AT_OPEN, AT_CLOSE, GOOD_FOR_AUCTION):
            cancel(venue, order, EXPIRED)


# --- timers -------------------------------------------------------------------------------------------------------


def pass_time(venue: Venue) -> None:
    """KIND_TIMER."""
    expire_orders(venue)
    for market in venue.markets:
        run_timers(venue, market)
        if market.phase in AUCTIONS and market.changed:
            say_indicative(venue, market)


def expire_orders(venue: Venue) -> None:
    for expire_time_ns in sorted(venue.expiries):
        if expire_time_ns <= venue.now:
            for order in venue.expiries[expire_time_ns].orders():
                cancel(venue, order, EXPIRED)


def run_timers(venue: Venue, market: Market) -> None:
    """The earliest first; at one time the freeze, then the end of the phase, then the schedule."""
    if market.rules.schedule and market.schedule_due is None:
        take_next_entry(market, venue.now)
    while True:
        dues = [(market.freeze_due, end_freeze), (market.phase_due, end_phase), (market.schedule_due, end_entry)]
        known = [(due, act) for due, act in dues if due is not None and due <= venue.now]
        if not known:
            return
        min(known, key=lambda one: one[0])[1](venue, market)


def end_freeze(venue: Venue, market: Market) -> None:
    freeze(venue, market)


def end_phase(venue: Venue, market: Market) -> None:
    """The end of a volatility auction, of an extension, or of the breaker's halt."""
    market.phase_due = None
    volatility = market.next_phase == VOLATILITY_AUCTION
    ask_phase(venue, market, market.next_phase, market.rules.volatility_auction_ns if volatility else 0)


def end_entry(venue: Venue, market: Market) -> None:
    phase = market.schedule_phase
    assert market.schedule_due is not None
    take_next_entry(market, market.schedule_due)
    ask_phase(venue, market, phase)


def take_next_entry(market: Market, after_ns: int) -> None:
    """The first entry of the schedule after that time: today's or tomorrow's."""
    today = after_ns // DAY_NS * DAY_NS
    times = [(day + time, phase) for day in (today, today + DAY_NS) for time, phase in market.rules.schedule]
    market.schedule_due, market.schedule_phase = next(one for one in times if one[0] > after_ns)
