"""A walk over all orders of an instrument, one order a step, in the order of docs/MATCHING.md section 7.

Buys best price first, sells, waiting orders with falling trigger (highest first), with rising trigger (lowest first),
parked orders (GoodForAuction, AtClose); at each price displayed before hidden, oldest first. The walk has moved on
before its caller touches the order, so the order may go.
"""

from __future__ import annotations

import numpy as np

from appliance.book.ladder import next_level
from appliance.book.state import Book
from appliance.book.words import HIDDEN
from native.jit import kernel
from native.layout import NO_INDEX

PLACES = 5
PLACES_IN_BOOK = 2
WALK_ENDED = -1
WALK_GOES_ON = -2


@kernel
def walk_ladder(book: Book, instrument: int, place: int) -> int:
    """Place in `book.sides` of the n-th ladder of a walk."""
    count = np.int64(book.instruments.size)
    if place < PLACES_IN_BOOK:
        return 2 * instrument + place
    if place < PLACES - 1:
        return 2 * count + 2 * instrument + place - PLACES_IN_BOOK
    return 4 * count + instrument


@kernel
def first_in_level(book: Book, level: int, place: int) -> int:
    slot = np.int64(book.levels[level]["head"])
    if slot == NO_INDEX and place < PLACES_IN_BOOK:
        slot = np.int64(book.level_hidden[level]["head"])
    return slot


@kernel
def begin_place(book: Book, place: int) -> int:
    """Go to the first order of a ladder. Returns 0."""
    state = book.state[0]
    state["walk_place"] = place
    state["walk_order"] = NO_INDEX
    if place < PLACES:
        level = np.int64(book.sides[walk_ladder(book, np.int64(state["walk_instrument"]), place)]["best"])
        state["walk_level"] = level
        if level != NO_INDEX:
            state["walk_order"] = first_in_level(book, level, place)
    return 0


@kernel
def begin_walk(book: Book, instrument: int) -> int:
    book.state[0]["walk_instrument"] = instrument
    return begin_place(book, np.int64(0))


@kernel
def walk_step(book: Book, places: int) -> int:
    """The next order's slot, WALK_GOES_ON where a ladder has ended, or WALK_ENDED behind the first `places` ladders."""
    state = book.state[0]
    place = np.int64(state["walk_place"])
    slot = np.int64(state["walk_order"])
    if place >= places:
        return WALK_ENDED
    if slot == NO_INDEX:
        begin_place(book, place + 1)
        return WALK_GOES_ON
    behind = np.int64(book.orders[slot]["next"])
    if behind == NO_INDEX:
        level = np.int64(state["walk_level"])
        if place < PLACES_IN_BOOK and np.int64(book.orders[slot]["traits"]) & HIDDEN == 0:
            behind = np.int64(book.level_hidden[level]["head"])
        if behind == NO_INDEX:
            level = next_level(book, level)
            if level >= 0:
                state["walk_level"] = level
                behind = first_in_level(book, level, place)
    state["walk_order"] = behind
    return slot
