"""Mass cancel: section 7."""

from __future__ import annotations

from tests.naive.exchange.events import say_mass_canceled
from tests.naive.exchange.numbers import (
    ALL,
    ANY_SESSION,
    BUY,
    GTC,
    GTD,
    HAVE_PRICE,
    HAVE_TRIGGER,
    MASS_ACTION,
    PRICE_MISSING,
    STOP_PRICE_MISSING,
)  # fmt: skip
from tests.naive.exchange.places import cancel, orders_in_sequence
from tests.naive.exchange.state import Command, Order, Venue

SPARES_STAYING, SPARES_GTC = 512, 1024
STAYS = 8
"""ExecInst NoCancelOnDisconnect."""


def mass_cancel(venue: Venue, command: Command) -> None:
    count = 0
    for market in venue.markets:
        if command["instrument"] not in (ALL, market.number) or market.frozen:
            continue
        for order in orders_in_sequence(market):
            if is_reached(command, order):
                cancel(venue, order, command["min_qty_lots"] or MASS_ACTION)
                count += 1
    say_mass_canceled(venue, command, count)


def is_reached(command: Command, order: Order) -> bool:
    return (
        (bool(command["flags"] & ANY_SESSION) or order.session == command["session"])
        and not (command["flags"] & SPARES_STAYING and order.exec_inst & STAYS)
        and not (command["flags"] & SPARES_GTC and order.time_in_force in (GTC, GTD))
        and (command["side"] == 0 or (command["side"] == BUY) == order.is_buy)
        and (command["account"] in (ALL, order.account))
        and (command["cancel_group"] in (0, order.cancel_group))
        and is_in_price_band(command, order)
    )


def is_in_price_band(command: Command, order: Order) -> bool:
    price = price_that_counts(order)
    above = None if command["flags"] & PRICE_MISSING else command["price_ticks"]
    below = None if command["flags"] & STOP_PRICE_MISSING else command["stop_price_ticks"]
    if above is None and below is None:
        return True
    return price is not None and (above is None or price > above) and (below is None or price < below)


def price_that_counts(order: Order) -> int | None:
    if order.ord_type in HAVE_PRICE:
        return order.price_ticks
    return order.stop_price_ticks if order.ord_type in HAVE_TRIGGER else None
