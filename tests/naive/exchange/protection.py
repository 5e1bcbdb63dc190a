"""Prices that are valid, and prices at which continuous trading may trade."""

from __future__ import annotations

from tests.naive.exchange.numbers import BREAKER_PARTS, HALT, HIGHEST, LOWEST, VOLATILITY_AUCTION
from tests.naive.exchange.state import Market, Venue

Range = tuple[int, int]
UNBOUNDED = (2 * LOWEST, 2 * HIGHEST)


def rows(market: Market) -> list[tuple[int, int, int]]:
    """The tick table as (first price, last price, step): the first row goes down to the lowest price."""
    table = list(market.rules.tick_table) or [(LOWEST, 1)]
    starts = [LOWEST] + [start for start, _ in table[1:]]
    ends = [start - 1 for start in starts[1:]] + [HIGHEST]
    return [(start, end, step) for start, end, (_, step) in zip(starts, ends, table, strict=True)]


def is_on_tick(market: Market, price: int) -> bool:
    return any(start <= price <= end and price % step == 0 for start, end, step in rows(market))


def next_valid_price(market: Market, from_price: int, downward: bool) -> int | None:
    """The nearest valid price strictly below (above) one, within the limits of the instrument."""
    low, high = market.rules.price_ticks_min, market.rules.price_ticks_max
    low, high = (low, min(high, from_price - 1)) if downward else (max(low, from_price + 1), high)
    found = []
    for start, end, step in rows(market):
        first, last = max(start, low), min(end, high)
        price = last // step * step if downward else -(-first // step) * step
        if first <= price <= last:
            found.append(price)
    return (max(found) if downward else min(found)) if found else None


# --- the trade range ----------------------------------------------------------------------------------------------


def around(middle: int | None, ticks: int) -> Range:
    return (middle - ticks, middle + ticks) if middle is not None and ticks else UNBOUNDED


def breaker_part(venue: Venue, market: Market) -> int:
    return int(venue.now // max(1, market.rules.breaker_window_ns // BREAKER_PARTS))


def note_trade(venue: Venue, market: Market, price: int) -> None:
    """The breaker remembers the trade prices of the last 16 parts of its window."""
    now = breaker_part(venue, market)
    market.trades = [one for one in market.trades if one[0] > now - BREAKER_PARTS]
    if (now, price) not in market.trades:
        market.trades.append((now, price))


def breaker_range(venue: Venue, market: Market) -> Range:
    ticks, now = market.rules.breaker_ticks, breaker_part(venue, market)
    prices = [price for part, price in market.trades if part > now - BREAKER_PARTS]
    if not (ticks and market.rules.breaker_window_ns and prices):
        return UNBOUNDED
    return max(prices) - ticks, min(prices) + ticks


def band_ranges(market: Market) -> list[Range]:
    rules = market.rules
    return [around(market.static_reference, rules.static_band_ticks), around(market.last, rules.dynamic_band_ticks)]


class TradeRange:
    """Where an order may trade that comes to match now."""

    def __init__(self, venue: Venue, market: Market) -> None:
        self.breaker = breaker_range(venue, market)
        self.bands = band_ranges(market)

    def breach(self, price: int) -> int | None:
        """The phase that a trade at this price would bring about, or None."""
        if not self.breaker[0] <= price <= self.breaker[1]:
            return HALT
        if not all(low <= price <= high for low, high in self.bands):
            return VOLATILITY_AUCTION
        return None
