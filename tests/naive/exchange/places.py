"""Where orders are: joining and leaving the queues of the book, of the triggers, of the parked and of the expiries."""

from __future__ import annotations

from tests.naive.exchange.events import say_canceled
from tests.naive.exchange.numbers import (
    AT_CLOSE,
    AUCTIONS,
    CLOSING_AUCTION,
    CONTINUOUS,
    GOOD_FOR_AUCTION,
    GTD,
    HAVE_TRIGGER,
    HIGHEST,
    LOWEST,
    MARKET,
    MARKET_TO_LIMIT,
    PRE_OPEN,
    STAY,
    STOPS,
)  # fmt: skip
from tests.naive.exchange.state import GONE, IN_BOOK, IN_FLIGHT, PARKED, WAITING, Ladder, Level, Market, Order, Venue


def best_price(market: Market, of_buys: bool) -> int | None:
    if of_buys:
        return max(market.buys) if market.buys else None
    return min(market.sells) if market.sells else None


def best_order(market: Market, of_buys: bool) -> Order | None:
    """The first in price and time: at the best price the oldest displayed order, or else the oldest hidden one."""
    best = best_price(market, of_buys)
    if best is None:
        return None
    level = (market.buys if of_buys else market.sells)[best]
    return (level.displayed or level.hidden)[0]


def reaches(order: Order, price_ticks: int) -> bool:
    return order.price_ticks >= price_ticks if order.is_buy else order.price_ticks <= price_ticks


def goes_when_rising(order: Order) -> bool:
    """Stop buys and if-touched sells wait for their price or above, the others for theirs or below."""
    return order.is_buy == (order.ord_type in STOPS)


def is_for_an_auction(order: Order) -> bool:
    return order.time_in_force in (AT_CLOSE, GOOD_FOR_AUCTION)


def is_its_auction(order: Order, phase: int) -> bool:
    return phase == CLOSING_AUCTION if order.time_in_force == AT_CLOSE else phase in AUCTIONS


def would_be_parked(order: Order, phase: int) -> bool:
    if order.time_in_force == GOOD_FOR_AUCTION:
        return phase != PRE_OPEN and phase not in AUCTIONS
    return order.time_in_force == AT_CLOSE and phase != CLOSING_AUCTION


def best_possible_price(order: Order) -> int:
    return HIGHEST if order.is_buy else LOWEST


def take_auction_price(order: Order) -> None:
    """Outside continuous trading market orders rest at the best possible price."""
    if order.ord_type in (MARKET, MARKET_TO_LIMIT):
        order.price_ticks = best_possible_price(order)


# --- ladders ------------------------------------------------------------------------------------------------------


def place_of(market: Market, order: Order, place: str) -> tuple[Ladder, int]:
    """The ladder and the key at which the order stands, or would stand, in that place."""
    if place == WAITING:
        return (market.rising if goes_when_rising(order) else market.falling), order.stop_price_ticks
    if place == PARKED:
        return market.parked, int(order.time_in_force == AT_CLOSE)
    price = best_possible_price(order) if order.ord_type in (MARKET, MARKET_TO_LIMIT) else order.price_ticks
    return (market.buys if order.is_buy else market.sells), price


def next_place(venue: Venue, order: Order) -> str | None:
    """Where an order goes that comes now: it is parked, waits, comes to rest, or none of these."""
    phase = venue.market_of(order).phase
    if order.ord_type in HAVE_TRIGGER:
        return WAITING
    if would_be_parked(order, phase):
        return PARKED
    if phase != CONTINUOUS:
        return IN_BOOK
    return IN_BOOK if order.time_in_force in STAY and order.ord_type not in (MARKET, MARKET_TO_LIMIT) else None


def levels_missing(venue: Venue, order: Order, place: str) -> int:
    """Levels that must be made for the order to stand in that place: its price, trigger or park level, its expiry."""
    ladder, key = place_of(venue.market_of(order), order, place)
    missing = int(key not in ladder)
    return missing + int(order.time_in_force == GTD and order.expire_time_ns not in venue.expiries)


def join(venue: Venue, order: Order, place: str) -> None:
    """To the end of its queue there, with a new priority."""
    ladder, key = place_of(venue.market_of(order), order, place)
    level = ladder.setdefault(key, Level())
    (level.hidden if place == IN_BOOK and order.is_hidden else level.displayed).append(order)
    venue.priorities_given += 1
    order.priority = venue.priorities_given
    order.place = place
    order.from_book = False
    venue.open[order.session, order.cl_ord_id] = order
    if order.time_in_force == GTD:
        join_expiries(venue, order)
    if place == IN_BOOK:
        show(order)
        venue.market_of(order).changed = True


def leave(venue: Venue, order: Order) -> None:
    """Out of its queue: it is in flight, but still open and among the expiries."""
    ladder, key = place_of(venue.market_of(order), order, order.place)
    take_out(ladder, key, order)
    if order.place == IN_BOOK:
        venue.market_of(order).changed = True
    order.place = IN_FLIGHT


def take_out(ladder: Ladder, key: int, order: Order) -> None:
    level = ladder[key]
    queue = level.displayed if any(one is order for one in level.displayed) else level.hidden
    queue[:] = [one for one in queue if one is not order]
    if not level.orders():
        del ladder[key]


def join_expiries(venue: Venue, order: Order) -> None:
    queue = venue.expiries.setdefault(order.expire_time_ns, Level()).displayed
    if not any(one is order for one in queue):
        queue.append(order)


def show(order: Order) -> None:
    """What the public sees of an order that joins a queue of the book."""
    if order.is_hidden:
        order.displayed_lots = 0
    elif order.display_qty_lots:
        order.displayed_lots = min(order.display_qty_lots, order.leaves_lots)
    else:
        order.displayed_lots = order.leaves_lots


def show_no_more(order: Order) -> None:
    """Less is open than before: the hidden part goes first."""
    order.displayed_lots = min(order.displayed_lots, order.leaves_lots)


def keeps_place(order: Order, wish: Order) -> bool:
    """Same prices, no more open, DisplayQty not raised: a replaced order stays where it is."""
    shown_before = order.display_qty_lots or 2**31
    return (
        wish.price_ticks == order.price_ticks
        and wish.stop_price_ticks == order.stop_price_ticks
        and wish.leaves_lots <= order.leaves_lots
        and (wish.display_qty_lots or 2**31) <= shown_before
    )


# --- the end of an order ------------------------------------------------------------------------------------------


def remove(venue: Venue, order: Order) -> None:
    """The order is gone, wherever it was; its slot and its ClOrdID are free."""
    if order.place != IN_FLIGHT:
        leave(venue, order)
    if order.time_in_force == GTD and order.expire_time_ns in venue.expiries:
        take_out(venue.expiries, order.expire_time_ns, order)
    venue.open.pop((order.session, order.cl_ord_id), None)
    venue.free_slots.append(order.order_id % 2**24)
    order.leaves_lots = 0
    order.place = GONE


def cancel(venue: Venue, order: Order, reason: int) -> None:
    """By its terms or by the venue."""
    say_canceled(venue, order, reason)
    remove(venue, order)


def orders_in_sequence(market: Market) -> list[Order]:
    """All orders of an instrument in the order of section 7."""
    return resting_in_sequence(market) + [
        order
        for ladder, falls in ((market.falling, True), (market.rising, False), (market.parked, False))
        for key in sorted(ladder, reverse=falls)
        for order in ladder[key].orders()
    ]


def resting_in_sequence(market: Market) -> list[Order]:
    return [
        order
        for ladder, falls in ((market.buys, True), (market.sells, False))
        for key in sorted(ladder, reverse=falls)
        for order in ladder[key].orders()
    ]
