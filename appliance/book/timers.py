"""What time does: orders expire, phases begin and end by schedule, indicative prices are told (KIND_TIMER)."""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.auction import begin_search, search_step, tell_auction
from appliance.book.phases import CAUSE_ASKED, CAUSE_PROTECTION, request_phase
from appliance.book.prices import add_saturating
from appliance.book.queue import expiry_side, is_auction
from appliance.book.resting import cancel_placed
from appliance.book.state import DAY_NS, Book
from native.codes import RESTATEMENT_EXPIRED
from native.jit import kernel
from native.layout import (
    NEVER_NS,
    NO_INDEX,
    PENDING_EXPIRY,
    PENDING_PRICE,
    PENDING_TIMER,
    PHASE_FREEZE,
)


@kernel
def begin_timer(book: Book) -> int:
    """Set to work what is due. Returns 0."""
    state = book.state[0]
    if is_expiry_due(book):
        state["pending_work"] |= PENDING_EXPIRY
    else:
        begin_instruments(book)
    return 0


@kernel
def begin_instruments(book: Book) -> int:
    state = book.state[0]
    if np.int64(state["instruments_due_ns"]) <= np.int64(state["now_ns"]):
        state["timer_instrument"] = 0
        state["timer_due_ns"] = NEVER_NS
        state["pending_work"] |= PENDING_TIMER
    return 0


@kernel
def next_expiry_ns(book: Book) -> int:
    """The earliest ExpireTime of all open orders, or NEVER_NS."""
    side = expiry_side(book)
    if np.int64(book.sides[side]["best"]) == NO_INDEX:
        return np.int64(NEVER_NS)
    return np.int64(book.sides[side]["best_key"])


@kernel
def is_expiry_due(book: Book) -> bool:
    has_any = np.int64(book.sides[expiry_side(book)]["best"]) != NO_INDEX
    return has_any and next_expiry_ns(book) <= np.int64(book.state[0]["now_ns"])


@kernel
def set_next_due(book: Book) -> int:
    """At the end of a request: when the next KIND_TIMER is needed. Returns 0."""
    book.state[0]["next_due_ns"] = min(next_expiry_ns(book), np.int64(book.state[0]["instruments_due_ns"]))
    return 0


@kernel
def expiry_step(book: Book, events: Any, at: int) -> int:
    """The next order that is due expires. Returns the place behind its event."""
    state = book.state[0]
    if not is_expiry_due(book):
        state["pending_work"] &= ~np.int64(PENDING_EXPIRY)
        begin_instruments(book)
        return at
    slot = np.int64(book.levels[np.int64(book.sides[expiry_side(book)]["best"])]["head"])
    return cancel_placed(book, slot, events, at, np.int64(RESTATEMENT_EXPIRED))


@kernel
def timer_step(book: Book) -> int:
    """Carry out the next timer of the instrument that the walk has come to, or go on to the next one. Returns 0."""
    state = book.state[0]
    instrument = np.int64(state["timer_instrument"])
    if instrument >= book.instruments.size:
        state["pending_work"] &= ~np.int64(PENDING_TIMER)
        state["instruments_due_ns"] = state["timer_due_ns"]
        return 0
    market = book.instruments[instrument]
    now_ns = np.int64(state["now_ns"])
    if np.int64(market["schedule_count"]) and np.int64(market["schedule_runs"]) == 0:
        start_schedule(book, instrument)
    freeze_due_ns = np.int64(market["freeze_due_ns"])
    phase_due_ns = np.int64(market["phase_due_ns"])
    due_ns = min(freeze_due_ns, phase_due_ns, np.int64(market["schedule_due_ns"]))
    if due_ns <= now_ns and due_ns != NEVER_NS:
        if due_ns == freeze_due_ns:
            market["freeze_due_ns"] = NEVER_NS
            return request_phase(book, instrument, np.int64(PHASE_FREEZE), np.int64(CAUSE_PROTECTION))
        if due_ns == phase_due_ns:
            market["phase_due_ns"] = NEVER_NS
            return request_phase(book, instrument, np.int64(market["next_phase"]), np.int64(CAUSE_PROTECTION))
        return next_entry(book, instrument)
    if is_auction(np.int64(market["phase"])) and np.int64(market["auction_changed"]):
        state["pending_work"] |= PENDING_PRICE
        return begin_search(book, instrument)
    state["timer_due_ns"] = min(due_ns, np.int64(state["timer_due_ns"]))
    state["timer_instrument"] = instrument + 1
    return 0


@kernel
def indicate_step(book: Book, events: Any, at: int) -> int:
    """Seek the indicative price of an auction further, then tell it. Returns the place behind the event."""
    if search_step(book) == 0:
        return at
    book.state[0]["pending_work"] &= ~np.int64(PENDING_PRICE)
    return tell_auction(book, np.int64(book.state[0]["auction_instrument"]), events, at, np.int64(0))


@kernel
def start_schedule(book: Book, instrument: int) -> int:
    """The first KIND_TIMER: the schedule goes on with its next entry after this time of the day. Returns 0."""
    market = book.instruments[instrument]
    market["schedule_runs"] = 1
    now_ns = np.int64(book.state[0]["now_ns"])
    first = np.int64(market["schedule_first"])
    count = np.int64(market["schedule_count"])
    time_of_day_ns = now_ns % DAY_NS
    entry = np.int64(0)
    for _ in range(count):
        if np.int64(book.schedule[first + entry]["time_of_day_ns"]) > time_of_day_ns:
            break
        entry += 1
    wait_ns = np.int64(0)
    if entry == count:
        entry = np.int64(0)
        wait_ns = np.int64(DAY_NS)
    wait_ns += np.int64(book.schedule[first + entry]["time_of_day_ns"]) - time_of_day_ns
    market["schedule_next"] = entry
    market["schedule_due_ns"] = add_saturating(now_ns, wait_ns)
    return 0


@kernel
def next_entry(book: Book, instrument: int) -> int:
    """Carry out the entry of the schedule that is due; the schedule goes on with the next one. Returns 0."""
    market = book.instruments[instrument]
    first = np.int64(market["schedule_first"])
    entry = np.int64(market["schedule_next"])
    this_ns = np.int64(book.schedule[first + entry]["time_of_day_ns"])
    target = np.int64(book.schedule[first + entry]["phase"])
    wait_ns = np.int64(0)
    entry += 1
    if entry == np.int64(market["schedule_count"]):
        entry = np.int64(0)
        wait_ns = np.int64(DAY_NS)
    wait_ns += np.int64(book.schedule[first + entry]["time_of_day_ns"]) - this_ns
    market["schedule_next"] = entry
    market["schedule_due_ns"] = add_saturating(np.int64(market["schedule_due_ns"]), wait_ns)
    return request_phase(book, instrument, target, np.int64(CAUSE_ASKED))
