"""The naive twin of appliance/book: the rulebook (docs/MATCHING.md) said a second time, one rule a function.

It is slow and obvious on purpose; it shares no code and no numbers with the kernels. A command is a mapping with the
fields of COMMAND, an event a dict with all fields of EVENT in their order.
"""

from __future__ import annotations

from tests.naive.exchange.changes import ask_phase, pass_time
from tests.naive.exchange.checks import why_not_mass_cancel, why_not_new
from tests.naive.exchange.events import say_order, say_rejected
from tests.naive.exchange.mass import mass_cancel
from tests.naive.exchange.matching import rest
from tests.naive.exchange.numbers import (
    ACCEPTED,
    CANCEL,
    CONTINUOUS,
    FIRST,
    HAVE_PRICE,
    HAVE_TRIGGER,
    LAST,
    MASS_CANCEL,
    NEW,
    PHASE,
    REPLACE,
    SELLS,
    TIMER,
)  # fmt: skip
from tests.naive.exchange.places import join, take_auction_price, would_be_parked
from tests.naive.exchange.replace import cancel_order, replace_order
from tests.naive.exchange.state import PARKED, Command, Event, Order, Rules, Venue
from tests.naive.exchange.triggers import go, run_triggers, wait

__all__ = ["SELLS", "Command", "Event", "Exchange", "Order", "Rules"]


class Exchange(Venue):
    def apply(self, command: Command) -> list[Event]:
        """Carry out one request and return its events, the first and the last marked."""
        self.now, self.request, self.events = command["time_ns"], command["kind"], []
        REQUESTS[command["kind"]](self, command)
        if self.events:
            self.events[0]["flags"] |= FIRST
            self.events[-1]["flags"] |= LAST
        return self.events


def new_order(venue: Venue, command: Command) -> None:
    order = order_asked_for(venue, command)
    refusal = why_not_new(venue, command, order)
    if refusal:
        say_rejected(venue, command, *refusal)
        return
    venue.orders_taken += 1
    order.order_id = venue.orders_taken * 2**24 + venue.free_slots.pop()
    say_order(venue, ACCEPTED, order)
    go_on(venue, order)


def order_asked_for(venue: Venue, command: Command) -> Order:
    ord_type = command["ord_type"]
    firm = venue.session_firms.get(command["session"], 0)
    return Order(
        command["cl_ord_id"], command["session"], command["account"], command["instrument"], command["side"], ord_type,
        command["time_in_force"], command["exec_inst"],
        price_ticks=command["price_ticks"] if ord_type in HAVE_PRICE else 0,
        stop_price_ticks=command["stop_price_ticks"] if ord_type in HAVE_TRIGGER else 0,
        expire_time_ns=command["expire_time_ns"], leaves_lots=command["qty_lots"],
        display_qty_lots=command["display_qty_lots"], min_qty_lots=command["min_qty_lots"],
        prevention_id=(firm, command["self_match_prevention_id"]), prevention=command["stp_instruction"],
        cancel_group=command["cancel_group"],
    )  # fmt: skip


def go_on(venue: Venue, order: Order) -> None:
    """Steps 2 to 9 of section 4."""
    market = venue.market_of(order)
    if order.ord_type in HAVE_TRIGGER:
        wait(venue, order)
    elif would_be_parked(order, market.phase):
        join(venue, order, PARKED)
    elif market.phase != CONTINUOUS:
        take_auction_price(order)
        rest(venue, order)
    else:
        go(venue, order)
    run_triggers(venue, market)


def replace(venue: Venue, command: Command) -> None:
    order = replace_order(venue, command)
    if order is not None:
        go_on(venue, order)


def ask_mass_cancel(venue: Venue, command: Command) -> None:
    refusal = why_not_mass_cancel(venue, command)
    if refusal:
        say_rejected(venue, command, *refusal)
    else:
        mass_cancel(venue, command)


def change_phase(venue: Venue, command: Command) -> None:
    ask_phase(venue, venue.markets[command["instrument"]], command["qty_lots"])


def timer(venue: Venue, command: Command) -> None:
    pass_time(venue)


REQUESTS = {
    NEW: new_order, CANCEL: cancel_order, REPLACE: replace, MASS_CANCEL: ask_mass_cancel, PHASE: change_phase,
    TIMER: timer,
}  # fmt: skip
