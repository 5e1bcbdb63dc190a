"""Cancel and replace: what keeps its place and what loses it."""

from __future__ import annotations

from copy import copy

from tests.naive.exchange.checks import why_not_cancel, why_not_replace, why_not_replaced
from tests.naive.exchange.events import say_canceled, say_order, say_rejected
from tests.naive.exchange.numbers import (
    HAVE_PRICE,
    PRICE_MISSING,
    PRIORITY_RETAINED,
    REPLACED,
    REPLACED_TO_NOTHING,
    STOP_PRICE_MISSING,
    TO_NOTHING,
    WAS_RESTING,
)  # fmt: skip
from tests.naive.exchange.places import keeps_place, leave, remove
from tests.naive.exchange.state import IN_BOOK, WAITING, Command, Order, Venue


def named_order(venue: Venue, command: Command) -> Order | None:
    return venue.open.get((command["session"], command["orig_cl_ord_id"]))


def cancel_order(venue: Venue, command: Command) -> None:
    order = named_order(venue, command)
    refusal = why_not_cancel(venue, command, order)
    if refusal or order is None:
        say_rejected(venue, command, *(refusal or (0, 0)))
        return
    say_canceled(venue, order, 0, cl_ord_id=command["cl_ord_id"])
    remove(venue, order)


def replace_order(venue: Venue, command: Command) -> Order | None:
    """Returns the order where it has left its place and must go on as a new one does."""
    order = named_order(venue, command)
    refusal = why_not_replace(venue, command, order)
    if refusal or order is None:
        say_rejected(venue, command, *(refusal or (0, 0)))
        return None
    wish = as_asked(command, order)
    if wish.leaves_lots <= 0:
        say_canceled(venue, order, TO_NOTHING, REPLACED_TO_NOTHING, cl_ord_id=command["cl_ord_id"])
        remove(venue, order)
        return None
    refusal = why_not_replaced(venue, command, order, wish)
    if refusal:
        say_rejected(venue, command, *refusal)
        return None
    if keeps_place(order, wish):
        change_in_place(venue, order, wish)
        return None
    return take_out_and_change(venue, order, wish)


def as_asked(command: Command, order: Order) -> Order:
    """The order as the request would have it; what is missing or ignored stays as it is."""
    wish = copy(order)
    wish.cl_ord_id = command["cl_ord_id"]
    wish.leaves_lots = command["qty_lots"] - order.cum_lots
    wish.display_qty_lots = command["display_qty_lots"] or order.display_qty_lots
    if order.ord_type in HAVE_PRICE and not command["flags"] & PRICE_MISSING:
        wish.price_ticks = command["price_ticks"]
    if order.place == WAITING and not command["flags"] & STOP_PRICE_MISSING:
        wish.stop_price_ticks = command["stop_price_ticks"]
    return wish


def change_in_place(venue: Venue, order: Order, wish: Order) -> None:
    rename(venue, order, wish.cl_ord_id)
    order.leaves_lots, order.display_qty_lots = wish.leaves_lots, wish.display_qty_lots
    order.displayed_lots = min(order.displayed_lots, order.leaves_lots, order.display_qty_lots or 2**31)
    if order.place == IN_BOOK:
        venue.market_of(order).changed = True
    say_order(venue, REPLACED, order, PRIORITY_RETAINED | (WAS_RESTING if order.place == IN_BOOK else 0))


def take_out_and_change(venue: Venue, order: Order, wish: Order) -> Order:
    was_resting = order.place == IN_BOOK
    leave(venue, order)
    rename(venue, order, wish.cl_ord_id)
    order.leaves_lots, order.display_qty_lots = wish.leaves_lots, wish.display_qty_lots
    order.price_ticks, order.stop_price_ticks = wish.price_ticks, wish.stop_price_ticks
    order.priority, order.min_qty_lots, order.from_book = 0, 0, was_resting
    say_order(venue, REPLACED, order, WAS_RESTING if was_resting else 0)
    return order


def rename(venue: Venue, order: Order, cl_ord_id: int) -> None:
    del venue.open[order.session, order.cl_ord_id]
    order.cl_ord_id = cl_ord_id
    venue.open[order.session, cl_ord_id] = order
