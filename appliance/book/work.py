"""Pending work: small steps, the innermost first, until the request is done or the call has done enough.

Order in flight (count, sweep, end), phase change, cascade, mass cancel, expiries, indicative price, timers: each is a
bit of `pending_work`, each step leaves everything that it needs in `book.state[0]`. The event that was written last is
held back (`book.held`) while work is pending, because it may turn out to be the last of its request.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.events import tell_as_it_is
from appliance.book.flight import come_to_match, count_step, end_step, sweep_step
from appliance.book.index import hash_of, remove_entry
from appliance.book.mass import mass_step
from appliance.book.phases import phase_step
from appliance.book.queue import leave
from appliance.book.requests import begin_request
from appliance.book.state import Book, allocate_book
from appliance.book.timers import expiry_step, indicate_step, set_next_due, timer_step
from appliance.book.triggers import next_triggered, push_level, take_triggered
from appliance.book.words import LIMIT, MARKET, has_price
from native.apart import Exported, address_of, arrays_at, records_at
from native.codes import RESTATEMENT_NONE
from native.jit import INTERPRETED, inner_kernel, kernel
from native.layout import (
    COMMAND,
    EVENT,
    EVENT_FLAG_FIRST,
    EVENT_FLAG_LAST,
    EVENT_TRIGGERED,
    NO_INDEX,
    PENDING_CASCADE,
    PENDING_COUNT,
    PENDING_END,
    PENDING_EXPIRY,
    PENDING_MASS,
    PENDING_PHASE,
    PENDING_PRICE,
    PENDING_SWEEP,
    PLACE_BOOK,
)
from native.limits import STEP_EVENTS_MAX

EVENTS_A_STEP_MAX = STEP_EVENTS_MAX - 1
"""Room that a step needs; one more is for the event that was held back."""


@kernel
def begin_work(book: Book, commands: Any, index: int, events: Any, first: int) -> int:
    """Do a request by the whole rulebook. Returns how many events were written, or a code."""
    at = begin_request(book, commands, index, events, first)
    return at if at < 0 else proceed(book, events, first, at)


@kernel
def proceed(book: Book, events: Any, first: int, at: int) -> int:
    """Go on with what is pending; `events[first:at]` have been written in this call. Returns how many have been
    then."""
    state = book.state[0]
    for _ in range(np.int64(state["visits_max"])):
        work = np.int64(state["pending_work"])
        if work == 0 or at + EVENTS_A_STEP_MAX > events.size:
            break
        if work & PENDING_COUNT:
            count_step(book)
        elif work & PENDING_SWEEP:
            at = sweep_step(book, events, at)
        elif work & PENDING_END:
            at = end_step(book, events, at)
        elif work & PENDING_PHASE:
            at = phase_step(book, events, at)
        elif work & PENDING_CASCADE:
            at = cascade_step(book, events, at)
        elif work & PENDING_MASS:
            at = mass_step(book, events, at)
        elif work & PENDING_EXPIRY:
            at = expiry_step(book, events, at)
        elif work & PENDING_PRICE:
            at = indicate_step(book, events, at)
        else:
            timer_step(book)
    if at > first and np.int64(state["is_first_told"]) == 0:
        events[first]["flags"] |= EVENT_FLAG_FIRST
        state["is_first_told"] = 1
    if np.int64(state["pending_work"]) == 0:
        set_next_due(book)
        if at > first:
            events[at - 1]["flags"] |= EVENT_FLAG_LAST
    elif at > first:
        at -= 1
        book.held[0] = events[at]
        state["is_held"] = 1
    return at - first


@kernel
def cascade_step(book: Book, events: Any, at: int) -> int:
    """The next triggered order goes, or a level of triggers is looked at. Returns the place behind the event."""
    slot = next_triggered(book)
    if slot < 0:
        if slot == -2:
            book.state[0]["pending_work"] &= ~np.int64(PENDING_CASCADE)
        return at
    order = book.orders[slot]
    level = take_triggered(book)
    remove_entry(book, hash_of(book, np.int64(order["session"]), order["cl_ord_id"]), slot)
    leave(book, slot)
    if level != NO_INDEX:
        push_level(book, level)
    book.terms[slot]["place"] = PLACE_BOOK
    order["ord_type"] = LIMIT if has_price(np.int64(order["ord_type"])) else MARKET
    at = tell_as_it_is(book, slot, events, at, np.int64(EVENT_TRIGGERED), np.int64(0), np.int64(RESTATEMENT_NONE))
    return come_to_match(book, slot, np.int64(0), events, at)


if INTERPRETED:
    begin_work_apart = begin_work
    proceed_apart = proceed
else:
    book_at = arrays_at(allocate_book(1, 1, 1))
    commands_at = records_at(COMMAND)
    events_at = records_at(EVENT)

    def _begin_work(
        book: int, commands: int, commands_count: int, index: int, events: int, events_count: int, first: int
    ) -> int:
        return begin_work(
            book_at(book), commands_at(commands, commands_count), index, events_at(events, events_count), first
        )

    def _proceed(book: int, events: int, events_count: int, first: int, at: int) -> int:
        return proceed(book_at(book), events_at(events, events_count), first, at)

    EXPORTED = (Exported("pitwire_book_begin_work", 7, _begin_work), Exported("pitwire_book_proceed", 5, _proceed))
    _begin_work_by_symbol, _proceed_by_symbol = (one.call for one in EXPORTED)

    @inner_kernel
    def begin_work_apart(book: Book, commands: Any, index: int, events: Any, first: int) -> int:
        """`begin_work`, compiled apart from its callers."""
        return _begin_work_by_symbol(
            address_of(book), np.int64(commands.ctypes.data), commands.size, index, np.int64(events.ctypes.data),
            events.size, first,
        )  # fmt: skip

    @inner_kernel
    def proceed_apart(book: Book, events: Any, first: int, at: int) -> int:
        """`proceed`, compiled apart from its callers."""
        return _proceed_by_symbol(address_of(book), np.int64(events.ctypes.data), events.size, first, at)
