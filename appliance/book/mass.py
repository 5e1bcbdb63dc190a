"""Mass cancel, an order a step (docs/MATCHING.md section 7)."""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.events import tell_market
from appliance.book.queue import place_of
from appliance.book.resting import cancel_placed
from appliance.book.state import Book
from appliance.book.walks import PLACES, WALK_ENDED, begin_walk, walk_step
from appliance.book.words import (
    GTC,
    GTD,
    MARKET,
    MARKET_TO_LIMIT,
    NO_CANCEL_ON_DISCONNECT,
    has_price,
    is_known_side,
    is_sell,
)
from native.codes import REJECT_FROZEN, REJECT_INVALID_SIDE, RESTATEMENT_MASS_ACTION
from native.jit import kernel
from native.layout import (
    COMMAND_ANY_SESSION,
    COMMAND_PRICE_MISSING,
    COMMAND_SPARES_GTC,
    COMMAND_SPARES_STAYING,
    COMMAND_STOP_PRICE_MISSING,
    EVENT_MASS_CANCELED,
    NO_INDEX,
    PENDING_MASS,
    PLACE_WAITING,
    TRAIT_TERMS,
)


@kernel
def begin_mass_cancel(book: Book, commands: Any, index: int) -> int:
    """Set a mass cancel to work. Returns 0, or why it is refused."""
    command = commands[index]
    side = np.int64(command["side"])
    instrument = np.int64(command["instrument"])
    if side != 0 and not is_known_side(side):
        return REJECT_INVALID_SIDE
    if instrument != NO_INDEX and np.int64(book.instruments[instrument]["frozen"]):
        return REJECT_FROZEN
    book.request[0] = command
    book.state[0]["mass_canceled"] = 0
    book.state[0]["pending_work"] |= PENDING_MASS
    begin_walk(book, np.int64(0) if instrument == NO_INDEX else instrument)
    return 0


@kernel
def mass_step(book: Book, events: Any, at: int) -> int:
    """Look at one more order. Returns the place behind its event, if it is cancelled, or behind the last event of
    all."""
    state = book.state[0]
    request = book.request[0]
    instrument = np.int64(state["walk_instrument"])
    slot = np.int64(WALK_ENDED)
    if np.int64(book.instruments[instrument]["frozen"]) == 0:
        slot = walk_step(book, np.int64(PLACES))
    if slot >= 0:
        if not is_meant(book, slot):
            return at
        state["mass_canceled"] += 1
        reason = np.int64(request["min_qty_lots"])
        return cancel_placed(book, slot, events, at, np.int64(RESTATEMENT_MASS_ACTION) if reason == 0 else reason)
    if slot != WALK_ENDED:
        return at
    if np.int64(request["instrument"]) == NO_INDEX and instrument + 1 < book.instruments.size:
        begin_walk(book, instrument + 1)
        return at
    state["pending_work"] &= ~np.int64(PENDING_MASS)
    after = tell_market(
        book, np.int64(request["instrument"]), events, at, np.int64(EVENT_MASS_CANCELED), np.int64(0), np.int64(0),
        np.int64(0), np.int64(state["mass_canceled"]), np.int64(0), np.int64(0),
    )  # fmt: skip
    events[at]["session"] = np.int64(request["session"])
    events[at]["account"] = request["account"]
    events[at]["cl_ord_id"] = request["cl_ord_id"]
    events[at]["side"] = request["side"]
    return after


@kernel
def is_meant(book: Book, slot: int) -> bool:
    """Whether the mass cancel in hand reaches an order."""
    request = book.request[0]
    order = book.orders[slot]
    flags = np.int64(request["flags"])
    if flags & COMMAND_ANY_SESSION == 0 and np.int64(order["session"]) != np.int64(request["session"]):
        return False
    if flags & COMMAND_SPARES_STAYING and np.int64(order["traits"]) & NO_CANCEL_ON_DISCONNECT:
        return False
    if flags & COMMAND_SPARES_GTC and np.int64(order["time_in_force"]) in (GTC, GTD):
        return False
    side = np.int64(request["side"])
    if side != 0 and is_sell(side) != is_sell(np.int64(order["side"])):
        return False
    account = np.int64(request["account"])
    if account != NO_INDEX and account != np.int64(order["account"]):
        return False
    group = np.int64(request["cancel_group"])
    own_group = np.int64(0)
    if np.int64(order["traits"]) & TRAIT_TERMS:
        own_group = np.int64(book.terms[slot]["cancel_group"])
    if group not in (0, own_group):
        return False
    above = flags & COMMAND_PRICE_MISSING == 0
    below = flags & COMMAND_STOP_PRICE_MISSING == 0
    if not (above or below):
        return True
    ord_type = np.int64(order["ord_type"])
    if ord_type in (MARKET, MARKET_TO_LIMIT):
        return False
    price_ticks = np.int64(order["price_ticks"])
    if place_of(book, slot) == PLACE_WAITING and not has_price(ord_type):
        price_ticks = np.int64(book.terms[slot]["stop_price_ticks"])
    if above and price_ticks <= np.int64(request["price_ticks"]):
        return False
    return not (below and price_ticks >= np.int64(request["stop_price_ticks"]))
