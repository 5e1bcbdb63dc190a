"""Phases of an instrument: what a change of phase does, step by step (docs/MATCHING.md section 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.auction import (
    begin_rest,
    begin_search,
    best_pair_reaches,
    cross_step,
    is_crossed,
    rest_step,
    search_step,
    tell_auction,
)
from appliance.book.events import tell_as_it_is, tell_market, tell_restated
from appliance.book.ladder import find_level, side_key
from appliance.book.prices import add_saturating
from appliance.book.protection import OUTSIDE_BREAKER, touch
from appliance.book.queue import (
    PARKED_FOR_ANY,
    PARKED_FOR_CLOSE,
    can_move,
    is_auction,
    join,
    leave,
    set_due,
    side_index,
)
from appliance.book.resting import best_possible, cancel_placed
from appliance.book.state import Book
from appliance.book.triggers import begin_cascade
from appliance.book.walks import PLACES, PLACES_IN_BOOK, WALK_ENDED, begin_walk, walk_step
from appliance.book.words import (
    AT_CLOSE,
    AT_OPEN,
    DAY,
    GOOD_FOR_AUCTION,
    LIMIT,
    MARKET,
    MARKET_TO_LIMIT,
    is_for_auctions_only,
    is_sell,
)
from native.codes import (
    RESTATEMENT_AUCTION_REMAINDER,
    RESTATEMENT_BOOK_FULL,
    RESTATEMENT_EXPIRED,
    RESTATEMENT_MARKET_TO_LIMIT,
    RESTATEMENT_NONE,
)
from native.jit import inner_kernel, kernel
from native.layout import (
    EVENT_FLAG_HELD,
    EVENT_FLAG_PRICE,
    EVENT_PHASE,
    EVENT_RESTED,
    NEVER_NS,
    PENDING_CASCADE,
    PENDING_PHASE,
    PHASE_CLOSED,
    PHASE_CLOSING_AUCTION,
    PHASE_CONTINUOUS,
    PHASE_FREEZE,
    PHASE_HALT,
    PHASE_VOLATILITY_AUCTION,
    PLACE_BOOK,
)

STEP_FIRST_SEARCH = 1
STEP_SEARCH = 2
STEP_CROSS = 3
STEP_REST = 4
STEP_REMAINDERS = 5
STEP_CLOSE = 6
STEP_ANNOUNCE = 7
STEP_JOIN = 8
STEP_FREEZE = 9

CAUSE_ASKED = 0
"""From outside, or by the schedule: until told otherwise."""
CAUSE_PROTECTION = 1
"""By a breach of the trade range, or by a timer: for the duration that the rules name."""


@kernel
def request_phase(book: Book, instrument: int, target: int, cause: int) -> int:
    """Begin to change the phase of an instrument, where there is something to change. Returns 0."""
    state = book.state[0]
    market = book.instruments[instrument]
    phase = np.int64(market["phase"])
    if target == PHASE_FREEZE:
        if not is_auction(phase) or np.int64(market["frozen"]):
            return 0
        step = np.int64(STEP_FREEZE)
    elif target == phase:
        return 0
    elif target == PHASE_CONTINUOUS or (target == PHASE_CLOSED and is_auction(phase)):
        step = np.int64(STEP_FIRST_SEARCH)
        begin_search(book, instrument)
        state["auction_traded_lots"] = 0
        state["auction_traded_ticks"] = 0
    elif target == PHASE_CLOSED:
        step = np.int64(STEP_CLOSE)
        begin_walk(book, instrument)
    else:
        step = np.int64(STEP_ANNOUNCE)
    state["phase_instrument"] = instrument
    state["phase_step"] = step
    state["phase_target"] = target
    state["phase_cause"] = cause
    state["pending_work"] |= PENDING_PHASE
    return 0


@kernel
def break_off(book: Book, instrument: int, outside: int) -> int:
    """A price outside the trade range ends continuous trading; what was touched stays so. Returns 0."""
    book.state[0]["pending_work"] &= ~np.int64(PENDING_CASCADE)
    target = PHASE_HALT if outside == OUTSIDE_BREAKER else PHASE_VOLATILITY_AUCTION
    return request_phase(book, instrument, np.int64(target), np.int64(CAUSE_PROTECTION))


@inner_kernel
def end_change(book: Book) -> None:
    book.state[0]["pending_work"] &= ~np.int64(PENDING_PHASE)


@kernel
def phase_step(book: Book, events: Any, at: int) -> int:
    """One step of the phase change in hand. Returns the place behind its events."""
    state = book.state[0]
    step = np.int64(state["phase_step"])
    instrument = np.int64(state["phase_instrument"])
    if step in (STEP_FIRST_SEARCH, STEP_SEARCH):
        if search_step(book):
            if step == STEP_FIRST_SEARCH and must_extend(book, instrument):
                return extend(book, instrument, events, at)
            state["phase_step"] = STEP_CROSS
        return at
    if step == STEP_CROSS:
        if np.int64(state["auction_has_price"]):
            if best_pair_reaches(book, instrument, np.int64(state["auction_price_ticks"])):
                return cross_step(book, events, at)
            if is_crossed(book, instrument):  # ReduceOnly took away what would have traded
                begin_search(book, instrument)
                state["phase_step"] = STEP_SEARCH
                return at
        state["auction_is_stuck"] = 1 if is_crossed(book, instrument) else 0
        begin_rest(book)
        state["phase_step"] = STEP_REST
        return at
    if step == STEP_REST:
        return hold(book, instrument, events, at) if rest_step(book) else at
    if step == STEP_REMAINDERS:
        return remainder_step(book, events, at)
    if step == STEP_CLOSE:
        return close_step(book, events, at)
    if step == STEP_ANNOUNCE:
        return announce(book, instrument, events, at)
    if step == STEP_JOIN:
        return join_step(book, instrument, events, at)
    end_change(book)
    book.instruments[instrument]["frozen"] = 1
    return tell_phase(book, instrument, events, at, np.int64(PHASE_FREEZE))


@kernel
def tell_phase(book: Book, instrument: int, events: Any, at: int, phase: int) -> int:
    """EVENT_PHASE, while the instrument is still in the phase before. Returns the place behind it."""
    market = book.instruments[instrument]
    flags = np.int64(0)
    reference = np.int64(0)
    if np.int64(market["has_static_reference"]):
        flags = np.int64(EVENT_FLAG_PRICE)
        reference = np.int64(market["static_reference_ticks"])
    return tell_market(
        book, instrument, events, at, np.int64(EVENT_PHASE), flags, np.int64(market["phase"]), reference, phase,
        np.int64(0), np.int64(0),
    )  # fmt: skip


@kernel
def must_extend(book: Book, instrument: int) -> bool:
    """Whether the price that was found lies too far from the static reference for the auction to end."""
    market = book.instruments[instrument]
    band = np.int64(market["auction_band_ticks"])
    if not is_auction(np.int64(market["phase"])) or band == 0 or np.int64(market["has_static_reference"]) == 0:
        return False
    if np.int64(book.state[0]["auction_has_price"]) == 0:
        return False
    if np.int64(market["extension_number"]) >= np.int64(market["extensions_max"]):
        return False
    price_ticks = np.int64(book.state[0]["auction_price_ticks"])
    reference = np.int64(market["static_reference_ticks"])
    return price_ticks < add_saturating(reference, -band) or price_ticks > add_saturating(reference, band)


@kernel
def extend(book: Book, instrument: int, events: Any, at: int) -> int:
    """The auction goes on; the phase change is tried again at its end. Returns the place behind the event."""
    market = book.instruments[instrument]
    end_change(book)
    market["extension_number"] += 1
    market["frozen"] = 0
    market["next_phase"] = book.state[0]["phase_target"]
    set_phase_timer(book, instrument, np.int64(market["extension_ns"]))
    set_freeze_timer(book, instrument)
    return tell_auction(book, instrument, events, at, np.int64(0))


@kernel
def set_phase_timer(book: Book, instrument: int, duration_ns: int) -> int:
    """The phase ends after a duration; 0: when it is told to. Returns 0."""
    due_ns = np.int64(NEVER_NS)
    if duration_ns > 0:
        due_ns = add_saturating(np.int64(book.state[0]["now_ns"]), duration_ns)
    book.instruments[instrument]["phase_due_ns"] = due_ns
    return set_due(book, due_ns)


@kernel
def set_freeze_timer(book: Book, instrument: int) -> int:
    """An auction freezes some time before its end, where that is known. Returns 0."""
    market = book.instruments[instrument]
    end_ns = min(np.int64(market["phase_due_ns"]), np.int64(market["schedule_due_ns"]))
    freeze_ns = np.int64(market["freeze_ns"])
    due_ns = np.int64(NEVER_NS)
    if end_ns != NEVER_NS and freeze_ns > 0:
        due_ns = end_ns - freeze_ns
    market["freeze_due_ns"] = due_ns
    return set_due(book, due_ns)


@kernel
def hold(book: Book, instrument: int, events: Any, at: int) -> int:
    """The auction has been held: tell what it gave. Returns the place behind the event."""
    state = book.state[0]
    market = book.instruments[instrument]
    if np.int64(state["auction_has_price"]):
        market["has_static_reference"] = 1
        market["static_reference_ticks"] = state["auction_price_ticks"]
    at = tell_auction(book, instrument, events, at, np.int64(EVENT_FLAG_HELD))
    if np.int64(market["auction_only_orders"]) > 0 or np.int64(state["auction_is_stuck"]):
        begin_walk(book, instrument)
        state["phase_step"] = STEP_REMAINDERS
    else:
        end_remainders(book, instrument)
    return at


@kernel
def end_remainders(book: Book, instrument: int) -> int:
    """What was for the auction only is gone: go on to close, or to tell the phase. Returns 0."""
    if np.int64(book.state[0]["phase_target"]) == PHASE_CLOSED:
        begin_walk(book, instrument)
        book.state[0]["phase_step"] = STEP_CLOSE
    else:
        book.state[0]["phase_step"] = STEP_ANNOUNCE
    return 0


@kernel
def remainder_step(book: Book, events: Any, at: int) -> int:
    """Look at one more order that rests after an auction. Returns the place behind its event, if it is changed."""
    state = book.state[0]
    slot = walk_step(book, np.int64(PLACES_IN_BOOK))
    if slot == WALK_ENDED:
        end_remainders(book, np.int64(state["walk_instrument"]))
    if slot < 0:
        return at
    order = book.orders[slot]
    ord_type = np.int64(order["ord_type"])
    if ord_type == MARKET_TO_LIMIT and np.int64(state["auction_has_price"]):
        return turn_to_limit(book, slot, events, at)
    is_stuck = np.int64(state["auction_is_stuck"]) != 0
    is_stuck = is_stuck and np.int64(order["price_ticks"]) == best_possible(is_sell(np.int64(order["side"])))
    if is_stuck or is_for_auctions_only(ord_type, np.int64(order["time_in_force"])):
        return cancel_placed(book, slot, events, at, np.int64(RESTATEMENT_AUCTION_REMAINDER))
    return at


@kernel
def turn_to_limit(book: Book, slot: int, events: Any, at: int) -> int:
    """What is left of a market-to-limit order rests at the price of its auction. Returns the place behind the event."""
    order = book.orders[slot]
    price_ticks = np.int64(book.state[0]["auction_price_ticks"])
    side = side_index(np.int64(order["instrument"]), np.int64(order["side"]))
    if not can_move(book, np.int64(order["level"]), side, side_key(price_ticks, side & 1)):
        return cancel_placed(book, slot, events, at, np.int64(RESTATEMENT_BOOK_FULL))
    leave(book, slot)
    order["ord_type"] = LIMIT
    order["price_ticks"] = price_ticks
    join(book, slot)
    return tell_restated(book, slot, events, at, np.int64(RESTATEMENT_MARKET_TO_LIMIT), 1)


@kernel
def close_step(book: Book, events: Any, at: int) -> int:
    """Look at one more order of an instrument that closes. Returns the place behind its event, if its time is over."""
    slot = walk_step(book, np.int64(PLACES))
    if slot == WALK_ENDED:
        book.state[0]["phase_step"] = STEP_ANNOUNCE
    if slot < 0:
        return at
    if np.int64(book.orders[slot]["time_in_force"]) in (DAY, AT_OPEN, AT_CLOSE, GOOD_FOR_AUCTION):
        return cancel_placed(book, slot, events, at, np.int64(RESTATEMENT_EXPIRED))
    return at


@kernel
def announce(book: Book, instrument: int, events: Any, at: int) -> int:
    """The instrument is in its new phase. Returns the place behind the event."""
    state = book.state[0]
    market = book.instruments[instrument]
    target = np.int64(state["phase_target"])
    at = tell_phase(book, instrument, events, at, target)
    market["phase"] = target
    market["frozen"] = 0
    market["extension_number"] = 0
    market["auction_changed"] = 0
    duration_ns = np.int64(0)
    if np.int64(state["phase_cause"]) == CAUSE_PROTECTION:
        if target == PHASE_HALT:
            duration_ns = np.int64(market["halt_ns"])
            market["next_phase"] = PHASE_VOLATILITY_AUCTION
        elif target == PHASE_VOLATILITY_AUCTION:
            duration_ns = np.int64(market["volatility_auction_ns"])
            market["next_phase"] = PHASE_CONTINUOUS
    set_phase_timer(book, instrument, duration_ns)
    market["freeze_due_ns"] = NEVER_NS
    if is_auction(target):
        set_freeze_timer(book, instrument)
        market["auction_changed"] = 1
        set_due(book, np.int64(state["now_ns"]))
        state["phase_step"] = STEP_JOIN
        return at
    end_change(book)
    if target == PHASE_CONTINUOUS:
        if np.int64(market["has_last"]):
            touch(book, instrument, np.int64(market["last_ticks"]))
        if np.int64(market["is_touched"]):
            begin_cascade(book, instrument)
    return at


@kernel
def join_step(book: Book, instrument: int, events: Any, at: int) -> int:
    """The next parked order whose auction it is joins the book. Returns the place behind the event."""
    side = 4 * np.int64(book.instruments.size) + instrument
    level = find_level(book, side, np.int64(PARKED_FOR_ANY))
    if level < 0 and np.int64(book.instruments[instrument]["phase"]) == PHASE_CLOSING_AUCTION:
        level = find_level(book, side, np.int64(PARKED_FOR_CLOSE))
    if level < 0:
        end_change(book)
        return at
    slot = np.int64(book.levels[level]["head"])
    order = book.orders[slot]
    price_ticks = np.int64(order["price_ticks"])
    if np.int64(order["ord_type"]) == MARKET:
        price_ticks = best_possible(is_sell(np.int64(order["side"])))
    book_side = side_index(np.int64(order["instrument"]), np.int64(order["side"]))
    if not can_move(book, level, book_side, side_key(price_ticks, book_side & 1)):
        return cancel_placed(book, slot, events, at, np.int64(RESTATEMENT_BOOK_FULL))
    leave(book, slot)
    order["price_ticks"] = price_ticks
    book.terms[slot]["place"] = PLACE_BOOK
    join(book, slot)
    return tell_as_it_is(book, slot, events, at, np.int64(EVENT_RESTED), np.int64(0), np.int64(RESTATEMENT_NONE))
