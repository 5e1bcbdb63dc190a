"""The highest price at which an order could trade, for those who set money aside for it: docs/RISK.md section 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.flight import destination, market_limit
from appliance.book.ladder import side_key
from appliance.book.queue import side_index
from appliance.book.state import Book
from appliance.book.words import MARKET, MARKET_TO_LIMIT, SIDE_BUY, has_price
from native.jit import kernel
from native.layout import NO_INDEX, PHASE_CONTINUOUS, PLACE_BOOK


@kernel
def bound_of_new(book: Book, commands: Any, index: int) -> int:
    """The bound, ticks, of the new order `commands[index]`, whose instrument is known, before the book has seen it."""
    command = commands[index]
    ord_type = np.int64(command["ord_type"])
    if has_price(ord_type):
        return np.int64(command["price_ticks"])
    instrument = np.int64(command["instrument"])
    market = book.instruments[instrument]
    highest_ticks = np.int64(market["price_ticks_max"])
    phase = np.int64(market["phase"])
    matches = phase == PHASE_CONTINUOUS and ord_type in (MARKET, MARKET_TO_LIMIT)
    if not matches or destination(ord_type, np.int64(command["time_in_force"]), phase) != PLACE_BOOK:
        return highest_ticks
    side = side_index(instrument, np.int64(command["side"])) ^ 1
    if np.int64(book.sides[side]["best"]) == NO_INDEX:
        return np.int64(0)
    best_ticks = side_key(np.int64(book.sides[side]["best_key"]), side & 1)
    if ord_type == MARKET and np.int64(command["side"]) == SIDE_BUY:
        return min(highest_ticks, market_limit(book, instrument, np.int64(1), best_ticks))
    return best_ticks
