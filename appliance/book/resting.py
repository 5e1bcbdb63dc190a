"""What happens to an order that stands somewhere, or is about to: it takes its place, is filled, reduced, cancelled."""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.events import tell_canceled, tell_restated
from appliance.book.index import add_entry, hash_of
from appliance.book.positions import add_to_position, reducible_lots
from appliance.book.protection import note_trade
from appliance.book.queue import (
    has_expiry_level,
    has_level,
    is_iceberg,
    join,
    join_expiry,
    leave_expiry,
    remove,
    set_leaves,
)
from appliance.book.state import INT64_MAX, INT64_MIN, Book
from appliance.book.words import GTD, HIDDEN, is_sell
from native.codes import RESTATEMENT_REDUCE_ONLY
from native.jit import kernel
from native.layout import NO_INDEX


@kernel
def best_possible(sells: int) -> int:
    """The price at which market orders rest."""
    return np.int64(INT64_MIN) if sells else np.int64(INT64_MAX)


@kernel
def put(book: Book, slot: int) -> int:
    """An order in flight takes its place and is known by its ClOrdID. Returns 0."""
    join(book, slot)
    add_entry(book, hash_of(book, np.int64(book.orders[slot]["session"]), book.orders[slot]["cl_ord_id"]), slot)
    return 0


@kernel
def takes_place(book: Book, slot: int) -> bool:
    """Put an order into the book, and into the expiries where it is not there yet; False when a level is missing."""
    if not has_level(book, slot):
        return False
    if np.int64(book.orders[slot]["time_in_force"]) == GTD and np.int64(book.terms[slot]["expiry_level"]) == NO_INDEX:
        if not has_expiry_level(book, slot):
            return False
        join_expiry(book, slot)
        if not has_level(book, slot):
            leave_expiry(book, slot)
            return False
    put(book, slot)
    return True


@kernel
def note_fill(book: Book, slot: int, maker_slot: int, price_ticks: int, lots: int) -> int:
    """A fill changes both positions, and what the market has touched. Returns 0."""
    order = book.orders[slot]
    instrument = np.int64(order["instrument"])
    bought_lots = -lots if is_sell(np.int64(order["side"])) else lots
    add_to_position(book, np.int64(order["account"]), instrument, bought_lots)
    add_to_position(book, np.int64(book.orders[maker_slot]["account"]), instrument, -bought_lots)
    return note_trade(book, instrument, price_ticks)


@kernel
def fill_maker(book: Book, slot: int, lots: int) -> int:
    """Take a fill off what a resting order displays (of a hidden one: off what is open). Returns 0."""
    order = book.orders[slot]
    level = np.int64(order["level"])
    order["leaves_lots"] = np.int64(order["leaves_lots"]) - lots
    order["cum_lots"] += lots
    if np.int64(order["traits"]) & HIDDEN:
        book.level_hidden[level]["hidden_lots"] -= lots
        return 0
    book.levels[level]["qty_lots"] -= lots
    if is_iceberg(book, slot):
        book.terms[slot]["displayed_lots"] = np.int64(book.terms[slot]["displayed_lots"]) - lots
    return 0


@kernel
def reduce_resting(book: Book, slot: int, sells: int, events: Any, at: int) -> int:
    """A ReduceOnly order that would trade is cancelled or cut down to what may be reduced. Returns the place behind the
    event, `at` itself where it may trade as it is."""
    order = book.orders[slot]
    could_lots = reducible_lots(book, np.int64(order["account"]), np.int64(order["instrument"]), sells)
    if could_lots == 0:
        return cancel_placed(book, slot, events, at, np.int64(RESTATEMENT_REDUCE_ONLY))
    if could_lots < np.int64(order["leaves_lots"]):
        set_leaves(book, slot, could_lots)
        return tell_restated(book, slot, events, at, np.int64(RESTATEMENT_REDUCE_ONLY), 0)
    return at


@kernel
def cancel_placed(book: Book, slot: int, events: Any, at: int, reason: int) -> int:
    """The venue takes an order off from wherever it stands. Returns the place behind the event."""
    at = tell_canceled(book, slot, events, at, np.int64(0), reason, book.orders[slot]["cl_ord_id"])
    remove(book, slot)
    return at
