"""Prices: arithmetic that stops at the ends of int64, tick tables, the next price that is valid."""

from __future__ import annotations

import numpy as np

from appliance.book.state import INT64_MAX, INT64_MIN, Book
from native.jit import kernel
from native.layout import NO_INDEX
from native.limits import TICK_ROWS_MAX


@kernel
def add_saturating(number: int, distance: int) -> int:
    """number + distance, or the end of int64 that lies before it."""
    if distance > 0 and number > INT64_MAX - distance:
        return INT64_MAX
    if distance < 0 and number < INT64_MIN - distance:
        return INT64_MIN
    return number + distance


@kernel
def tick_row(book: Book, table: int, price_ticks: int) -> int:
    """Place in `book.tick_rows` of the row that a price falls in."""
    found = table * TICK_ROWS_MAX
    for row in range(found + 1, found + TICK_ROWS_MAX):
        if (
            np.int64(book.tick_rows[row]["step_ticks"]) == 0
            or np.int64(book.tick_rows[row]["from_ticks"]) > price_ticks
        ):
            break
        found = row
    return found


@kernel
def is_on_tick(book: Book, instrument: int, price_ticks: int) -> bool:
    """Whether the instrument's tick table has this price."""
    table = np.int64(book.instruments[instrument]["tick_table"])
    if table == NO_INDEX:
        return True
    return price_ticks % np.int64(book.tick_rows[tick_row(book, table, price_ticks)]["step_ticks"]) == 0


@kernel
def next_valid_above(book: Book, instrument: int, price_ticks: int) -> int:
    """The lowest price above this one that the tick table has; this one itself where int64 has none."""
    if price_ticks == INT64_MAX:
        return price_ticks
    table = np.int64(book.instruments[instrument]["tick_table"])
    candidate = price_ticks + 1
    if table == NO_INDEX:
        return candidate
    end = (table + 1) * TICK_ROWS_MAX
    row = tick_row(book, table, candidate)
    for _ in range(TICK_ROWS_MAX):
        step = np.int64(book.tick_rows[row]["step_ticks"])
        over = candidate % step
        is_last = row + 1 == end or np.int64(book.tick_rows[row + 1]["step_ticks"]) == 0
        if over == 0 or candidate <= INT64_MAX - (step - over):
            if over != 0:
                candidate += step - over
            if is_last or candidate < np.int64(book.tick_rows[row + 1]["from_ticks"]):
                return candidate
        elif is_last:
            return price_ticks
        row += 1
        candidate = np.int64(book.tick_rows[row]["from_ticks"])
    return price_ticks


@kernel
def next_valid_below(book: Book, instrument: int, price_ticks: int) -> int:
    """The highest price below this one that the tick table has; this one itself where int64 has none."""
    if price_ticks == INT64_MIN:
        return price_ticks
    table = np.int64(book.instruments[instrument]["tick_table"])
    candidate = price_ticks - 1
    if table == NO_INDEX:
        return candidate
    first = table * TICK_ROWS_MAX
    row = tick_row(book, table, candidate)
    for _ in range(TICK_ROWS_MAX):
        over = candidate % np.int64(book.tick_rows[row]["step_ticks"])
        if candidate >= INT64_MIN + over:
            candidate -= over
            if row == first or candidate >= np.int64(book.tick_rows[row]["from_ticks"]):
                return candidate
        elif row == first:
            return price_ticks
        candidate = np.int64(book.tick_rows[row]["from_ticks"]) - 1
        row -= 1
    return price_ticks
