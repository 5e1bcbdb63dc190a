"""Room: whether the pools have what an order needs, before anything is changed.

An order needs a slot, an entry in the index and a position; and levels where it may come to stand: at its price, its
trigger or in the park, and at its ExpireTime. All levels come from one pool.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.flight import destination, slid_price
from appliance.book.index import entry_has_room
from appliance.book.ladder import find_level, side_key
from appliance.book.queue import PARKED_FOR_ANY, PARKED_FOR_CLOSE, expiry_side, side_index
from appliance.book.resting import best_possible
from appliance.book.state import Book
from appliance.book.words import (
    AT_CLOSE,
    GTD,
    LIMIT,
    MARKET,
    MARKET_TO_LIMIT,
    POST_ONLY_SLIDE,
    is_sell,
    may_stay,
    triggers_on_rise,
)
from native.jit import kernel
from native.layout import (
    NO_INDEX,
    PHASE_CONTINUOUS,
    PLACE_PARKED,
    PLACE_WAITING,
)


@kernel
def missing_level(book: Book, side: int, key: int) -> int:
    """1 where a ladder has no level of this key yet, else 0."""
    return np.int64(1 if find_level(book, side, key) < 0 else 0)


@kernel
def free_levels(book: Book) -> int:
    return np.int64(book.levels.size) - np.int64(book.state[0]["open_levels"])


@kernel
def has_room_for_new(book: Book, commands: Any, index: int, hashed: int) -> bool:
    """Whether an order slot, an index entry, a position and the levels that a new order needs are free."""
    state = book.state[0]
    command = commands[index]
    if np.int64(state["free_order"]) == NO_INDEX or not entry_has_room(book, hashed):
        return False
    if np.int64(state["positions_used"]) + np.int64(state["open_orders"]) >= np.int64(state["positions_max"]):
        return False
    if free_levels(book) >= 2:
        return True
    instrument = np.int64(command["instrument"])
    side = np.int64(command["side"])
    ord_type = np.int64(command["ord_type"])
    time_in_force = np.int64(command["time_in_force"])
    phase = np.int64(book.instruments[instrument]["phase"])
    count = np.int64(book.instruments.size)
    place = destination(ord_type, time_in_force, phase)
    if place == PLACE_WAITING:
        rises = 1 if triggers_on_rise(ord_type, side) else 0
        key = side_key(np.int64(command["stop_price_ticks"]), rises)
        missing = missing_level(book, 2 * count + 2 * instrument + rises, key)
    elif place == PLACE_PARKED:
        key = np.int64(PARKED_FOR_CLOSE if time_in_force == AT_CLOSE else PARKED_FOR_ANY)
        missing = missing_level(book, 4 * count + instrument, key)
    elif phase == PHASE_CONTINUOUS and (not may_stay(time_in_force) or ord_type != LIMIT):
        return True  # it matches now; a market-to-limit order looks for its levels when it knows its price
    else:
        price_ticks = np.int64(command["price_ticks"])
        if ord_type != LIMIT:
            price_ticks = best_possible(is_sell(side))
        elif np.int64(command["exec_inst"]) & POST_ONLY_SLIDE:
            price_ticks = price_after_slide(book, instrument, side, price_ticks)
        own_side = side_index(instrument, side)
        missing = missing_level(book, own_side, side_key(price_ticks, own_side & 1))
    if time_in_force == GTD:
        missing += missing_level(book, expiry_side(book), np.int64(command["expire_time_ns"]))
    return free_levels(book) >= missing


@kernel
def price_after_slide(book: Book, instrument: int, side: int, price_ticks: int) -> int:
    """Where a sliding order would rest in continuous trading."""
    other = side_index(instrument, side) ^ 1
    if np.int64(book.sides[other]["best"]) == NO_INDEX:
        return price_ticks
    if np.int64(book.instruments[instrument]["phase"]) != PHASE_CONTINUOUS:
        return price_ticks
    best_ticks = side_key(np.int64(book.sides[other]["best_key"]), other & 1)
    return slid_price(book, instrument, other & 1, best_ticks, price_ticks)


@kernel
def has_room_for_replace(book: Book, slot: int, price_ticks: int, stop_price_ticks: int) -> bool:
    """Whether there is a level where an order would go from the place that it leaves."""
    order = book.orders[slot]
    if free_levels(book) > 0 or np.int64(book.levels[np.int64(order["level"])]["orders"]) == 1:
        return True
    instrument = np.int64(order["instrument"])
    side = np.int64(order["side"])
    ord_type = np.int64(order["ord_type"])
    time_in_force = np.int64(order["time_in_force"])
    phase = np.int64(book.instruments[instrument]["phase"])
    place = destination(ord_type, time_in_force, phase)
    count = np.int64(book.instruments.size)
    if place == PLACE_WAITING:
        rises = 1 if triggers_on_rise(ord_type, side) else 0
        return missing_level(book, 2 * count + 2 * instrument + rises, side_key(stop_price_ticks, rises)) == 0
    if place == PLACE_PARKED:
        key = np.int64(PARKED_FOR_CLOSE if time_in_force == AT_CLOSE else PARKED_FOR_ANY)
        return missing_level(book, 4 * count + instrument, key) == 0
    if ord_type in (MARKET, MARKET_TO_LIMIT):
        price_ticks = best_possible(is_sell(side))
    elif np.int64(order["traits"]) & POST_ONLY_SLIDE:
        price_ticks = price_after_slide(book, instrument, side, price_ticks)
    own_side = side_index(instrument, side)
    return missing_level(book, own_side, side_key(price_ticks, own_side & 1)) == 0
