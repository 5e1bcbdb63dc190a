"""Trade range and circuit breaker: at what prices an order that comes to match may trade (docs/MATCHING.md section
6)."""

from __future__ import annotations

import numpy as np

from appliance.book.prices import add_saturating
from appliance.book.state import INT64_MAX, INT64_MIN, Book
from native.jit import kernel
from native.limits import BREAKER_PARTS

INSIDE = 0
OUTSIDE_BANDS = 1
OUTSIDE_BREAKER = 2


@kernel
def breaker_part(book: Book, instrument: int) -> int:
    """Number of the part of the breaker's window in which the request in hand falls."""
    width_ns = max(np.int64(1), np.int64(book.instruments[instrument]["breaker_window_ns"]) // BREAKER_PARTS)
    return np.int64(book.state[0]["now_ns"]) // width_ns


@kernel
def has_breaker(book: Book, instrument: int) -> bool:
    market = book.instruments[instrument]
    return np.int64(market["breaker_ticks"]) > 0 and np.int64(market["breaker_window_ns"]) > 0


@kernel
def set_trade_range(book: Book, instrument: int) -> int:
    """Work out the trade range of an order that comes to match now, into `book.state[0]`. Returns 0."""
    market = book.instruments[instrument]
    state = book.state[0]
    low = np.int64(INT64_MIN)
    high = np.int64(INT64_MAX)
    state["breaker_low_ticks"] = low
    state["breaker_high_ticks"] = high
    if np.int64(market["has_trade_range"]):
        reference = np.int64(market["static_reference_ticks"])
        band = np.int64(market["static_band_ticks"])
        if band > 0 and np.int64(market["has_static_reference"]):
            low = add_saturating(reference, -band)
            high = add_saturating(reference, band)
        last = np.int64(market["last_ticks"])
        band = np.int64(market["dynamic_band_ticks"])
        if band > 0 and np.int64(market["has_last"]):
            low = max(low, add_saturating(last, -band))
            high = min(high, add_saturating(last, band))
        if has_breaker(book, instrument):
            set_breaker_range(book, instrument)
    state["range_low_ticks"] = low
    state["range_high_ticks"] = high
    return 0


@kernel
def set_breaker_range(book: Book, instrument: int) -> int:
    state = book.state[0]
    number = breaker_part(book, instrument)
    lowest = np.int64(INT64_MAX)
    highest = np.int64(INT64_MIN)
    for place in range(instrument * BREAKER_PARTS, (instrument + 1) * BREAKER_PARTS):
        part = book.breaker[place]
        if np.int64(part["number"]) >= 0 and np.int64(part["number"]) > number - BREAKER_PARTS:
            lowest = min(lowest, np.int64(part["low_ticks"]))
            highest = max(highest, np.int64(part["high_ticks"]))
    if lowest <= highest:
        distance = np.int64(book.instruments[instrument]["breaker_ticks"])
        state["breaker_low_ticks"] = add_saturating(highest, -distance)
        state["breaker_high_ticks"] = add_saturating(lowest, distance)
    return 0


@kernel
def place_in_range(book: Book, price_ticks: int) -> int:
    """INSIDE, OUTSIDE_BANDS or OUTSIDE_BREAKER: where a price lies for the order in flight."""
    state = book.state[0]
    if price_ticks < np.int64(state["breaker_low_ticks"]) or price_ticks > np.int64(state["breaker_high_ticks"]):
        return OUTSIDE_BREAKER
    if price_ticks < np.int64(state["range_low_ticks"]) or price_ticks > np.int64(state["range_high_ticks"]):
        return OUTSIDE_BANDS
    return INSIDE


@kernel
def touch(book: Book, instrument: int, price_ticks: int) -> int:
    """The market touches a price: triggers up to it may go. Returns 0."""
    market = book.instruments[instrument]
    if np.int64(market["is_touched"]):
        market["touched_low_ticks"] = min(np.int64(market["touched_low_ticks"]), price_ticks)
        market["touched_high_ticks"] = max(np.int64(market["touched_high_ticks"]), price_ticks)
    else:
        market["is_touched"] = 1
        market["touched_low_ticks"] = price_ticks
        market["touched_high_ticks"] = price_ticks
    return 0


@kernel
def note_trade(book: Book, instrument: int, price_ticks: int) -> int:
    """A trade has taken place: what later orders and triggers need of it. Returns 0."""
    market = book.instruments[instrument]
    market["has_last"] = 1
    market["last_ticks"] = price_ticks
    touch(book, instrument, price_ticks)
    if has_breaker(book, instrument):
        number = breaker_part(book, instrument)
        part = book.breaker[instrument * BREAKER_PARTS + number % BREAKER_PARTS]
        if np.int64(part["number"]) == number:
            part["low_ticks"] = min(np.int64(part["low_ticks"]), price_ticks)
            part["high_ticks"] = max(np.int64(part["high_ticks"]), price_ticks)
        else:
            part["number"] = number
            part["low_ticks"] = price_ticks
            part["high_ticks"] = price_ticks
    return 0
