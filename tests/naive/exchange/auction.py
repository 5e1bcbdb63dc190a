"""Call auctions: the price by brute force over all candidates, and the uncross (section 6)."""

from __future__ import annotations

from tests.naive.exchange.events import say_auction, say_order
from tests.naive.exchange.matching import fill, record_trade
from tests.naive.exchange.numbers import (
    AT_CLOSE,
    AT_OPEN,
    AUCTION_REMAINDER,
    AUCTIONS,
    GOOD_FOR_AUCTION,
    HIGHEST,
    LIMIT,
    LOWEST,
    MARKET,
    MARKET_TO_LIMIT,
    NO_LEVEL,
    NOW_LIMIT,
    RESTATED,
    WAS_RESTING,
)  # fmt: skip
from tests.naive.exchange.phases import extend
from tests.naive.exchange.places import (
    best_order,
    best_possible_price,
    best_price,
    cancel,
    join,
    leave,
    remove,
    resting_in_sequence,
    show_no_more,
)  # fmt: skip
from tests.naive.exchange.positions import hold_to_reducing
from tests.naive.exchange.state import GONE, IN_BOOK, Ladder, Market, Order, Venue


def open_lots(ladder: Ladder, low: int, high: int) -> int:
    """Everything that is open at prices from `low` to `high`."""
    return sum(one.leaves_lots for price, level in ladder.items() if low <= price <= high for one in level.orders())


def volume(market: Market, price: int) -> int:
    return min(open_lots(market.buys, price, HIGHEST), open_lots(market.sells, LOWEST, price))


def surplus(market: Market, price: int) -> int:
    return open_lots(market.buys, price, HIGHEST) - open_lots(market.sells, LOWEST, price)


def candidates(market: Market) -> list[int]:
    return sorted({price for price in market.buys if price != HIGHEST} | {p for p in market.sells if p != LOWEST})


def reference(market: Market) -> int | None:
    return market.static_reference if market.last is None else market.last


def auction_price(market: Market) -> int | None:
    prices = candidates(market)
    if not prices:
        return reference(market) if market.buys and market.sells else None
    most = max(volume(market, price) for price in prices)
    if most == 0:
        return None
    prices = [price for price in prices if volume(market, price) == most]
    least = min(abs(surplus(market, price)) for price in prices)
    prices = [price for price in prices if abs(surplus(market, price)) == least]
    if all(surplus(market, price) > 0 for price in prices):
        return prices[-1]
    if all(surplus(market, price) < 0 for price in prices):
        return prices[0]
    fair = reference(market)
    return prices[0] if fair is None else max(prices[0], min(fair, prices[-1]))


def say_indicative(venue: Venue, market: Market) -> None:
    price = auction_price(market)
    if price is None:
        say_auction(venue, market, None, 0, 0)
    else:
        say_auction(venue, market, price, volume(market, price), surplus(market, price))


# --- leaving an auction -------------------------------------------------------------------------------------------


def extended(venue: Venue, market: Market, next_phase: int) -> bool:
    """An auction whose price is too far from the static reference goes on."""
    rules, price = market.rules, auction_price(market)
    if market.phase not in AUCTIONS or price is None or market.static_reference is None:
        return False
    too_far = rules.auction_band_ticks and abs(price - market.static_reference) > rules.auction_band_ticks
    if not too_far or market.extension_number >= rules.extensions_max:
        return False
    extend(venue, market, next_phase, price, volume(market, price), surplus(market, price))
    return True


def uncross(venue: Venue, market: Market) -> None:
    traded_price, lots = None, 0
    while is_crossed(market) and (price := auction_price(market)) is not None:
        traded = trade_at(venue, market, price)
        lots += traded
        traded_price = price if traded else traded_price
    if traded_price is None:
        say_auction(venue, market, None, 0, 0, held=True)
    else:
        market.static_reference = traded_price
        say_auction(venue, market, traded_price, lots, surplus(market, traded_price), held=True)
    clear_up(venue, market, traded_price)


def is_crossed(market: Market) -> bool:
    bid, ask = best_price(market, True), best_price(market, False)
    return bid is not None and ask is not None and bid >= ask


def trade_at(venue: Venue, market: Market, price: int) -> int:
    """While best buy and best sell reach the price they trade at it, whole orders. Returns the lots."""
    lots = 0
    while True:
        buy, sell = best_order(market, True), best_order(market, False)
        if buy is None or sell is None or not buy.price_ticks >= price >= sell.price_ticks:
            return lots
        if not hold_to_reducing(venue, buy) and not hold_to_reducing(venue, sell):
            lots += trade(venue, market, buy, sell, price)


def trade(venue: Venue, market: Market, buy: Order, sell: Order, price: int) -> int:
    qty_lots = min(buy.leaves_lots, sell.leaves_lots)
    for one in (buy, sell):
        fill(one, qty_lots)
        show_no_more(one)
    record_trade(venue, market, buy, sell, price, qty_lots)
    for one in (sell, buy):
        if not one.leaves_lots:
            remove(venue, one)
    return qty_lots


# --- what is left -------------------------------------------------------------------------------------------------


def clear_up(venue: Venue, market: Market, price: int | None) -> None:
    """Orders for auctions only are cancelled, market-to-limit orders become limit orders."""
    found_no_price = is_crossed(market)
    for order in resting_in_sequence(market):
        if order.place == GONE:
            continue
        if order.ord_type == MARKET_TO_LIMIT and price is not None:
            become_limit(venue, order, price)
        elif is_for_auctions_only(order) or (found_no_price and order.price_ticks == best_possible_price(order)):
            cancel(venue, order, AUCTION_REMAINDER)


def is_for_auctions_only(order: Order) -> bool:
    by_time = order.time_in_force in (GOOD_FOR_AUCTION, AT_OPEN, AT_CLOSE)
    return by_time or order.ord_type in (MARKET, MARKET_TO_LIMIT)


def become_limit(venue: Venue, order: Order, price: int) -> None:
    """It leaves its level before it takes one; without one it is cancelled where it is."""
    market = venue.market_of(order)
    ladder = market.buys if order.is_buy else market.sells
    given_back = len(ladder[order.price_ticks].orders()) == 1
    if venue.levels_in_use() - given_back + (price not in ladder) > venue.levels_max:
        cancel(venue, order, NO_LEVEL)
        return
    leave(venue, order)
    order.ord_type, order.price_ticks = LIMIT, price
    join(venue, order, IN_BOOK)
    say_order(venue, RESTATED, order, WAS_RESTING, reason=NOW_LIMIT)
