"""The order in flight, step by step: docs/MATCHING.md section 4. Every function is one step, and writes two events at
most.

Between two steps the order lies in its slot, in no queue and not in the index, and `book.state[0]` says what comes
next; so any step may be the last of a call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.events import tell_as_it_is, tell_canceled, tell_restated, tell_trade
from appliance.book.ladder import next_level, side_key
from appliance.book.phases import break_off
from appliance.book.positions import reducible_lots
from appliance.book.prices import add_saturating, next_valid_above, next_valid_below
from appliance.book.protection import INSIDE, place_in_range, set_trade_range, touch
from appliance.book.queue import (
    displayed_lots,
    is_iceberg,
    join,
    leave,
    release,
    remove,
    set_leaves,
    side_index,
)
from appliance.book.resting import best_possible, cancel_placed, fill_maker, note_fill, put, reduce_resting, takes_place
from appliance.book.state import Book
from appliance.book.triggers import begin_cascade
from appliance.book.words import (
    AT_CLOSE,
    FOK,
    GOOD_FOR_AUCTION,
    HIDDEN,
    IOC,
    LIMIT,
    MARKET,
    MARKET_TO_LIMIT,
    POST_ONLY_SLIDE,
    REDUCE_ONLY,
    STP_BOTH,
    STP_DECREMENT,
    STP_NEWEST,
    STP_OLDEST,
    has_trigger,
    is_sell,
    may_stay,
)
from native.codes import (
    RESTATEMENT_BOOK_FULL,
    RESTATEMENT_FOK_KILLED,
    RESTATEMENT_ICEBERG_REFRESH,
    RESTATEMENT_IOC_REMAINDER,
    RESTATEMENT_MARKET_REMAINDER,
    RESTATEMENT_MIN_QTY,
    RESTATEMENT_NO_LIQUIDITY,
    RESTATEMENT_NONE,
    RESTATEMENT_REDUCE_ONLY,
    RESTATEMENT_SLIDE,
    RESTATEMENT_STP_AGGRESSOR,
    RESTATEMENT_STP_DECREMENT,
    RESTATEMENT_STP_RESTING,
    RESTATEMENT_VOLATILITY,
)
from native.jit import inner_kernel, kernel
from native.layout import (
    EVENT_RESTED,
    KIND_NEW_ORDER,
    NO_INDEX,
    PENDING_COUNT,
    PENDING_END,
    PENDING_SWEEP,
    PHASE_CLOSING_AUCTION,
    PHASE_CONTINUOUS,
    PLACE_BOOK,
    PLACE_PARKED,
    PLACE_WAITING,
    TRAIT_TERMS,
)


@kernel
def destination(ord_type: int, time_in_force: int, phase: int) -> int:
    """PLACE_* to which an order that comes now goes first; PLACE_BOOK: it matches, or joins the book outside
    continuous."""
    if has_trigger(ord_type):
        return PLACE_WAITING
    if (time_in_force == AT_CLOSE and phase != PHASE_CLOSING_AUCTION) or (
        time_in_force == GOOD_FOR_AUCTION and phase == PHASE_CONTINUOUS
    ):
        return PLACE_PARKED
    return PLACE_BOOK


@kernel
def enter(book: Book, slot: int, flags: int, events: Any, at: int) -> int:
    """An order that is accepted, or has left its place for a replace, goes where its terms say. Returns the place
    behind the last event. `flags`: of its trades and its rest."""
    order = book.orders[slot]
    instrument = np.int64(order["instrument"])
    phase = np.int64(book.instruments[instrument]["phase"])
    ord_type = np.int64(order["ord_type"])
    place = destination(ord_type, np.int64(order["time_in_force"]), phase)
    if np.int64(order["traits"]) & TRAIT_TERMS:
        book.terms[slot]["place"] = place
    if place != PLACE_BOOK:
        put(book, slot)
        market = book.instruments[instrument]
        if place == PLACE_WAITING and phase == PHASE_CONTINUOUS and np.int64(market["has_last"]):
            touch(book, instrument, np.int64(market["last_ticks"]))
            begin_cascade(book, instrument)
        return at
    if phase == PHASE_CONTINUOUS:
        return come_to_match(book, slot, flags, events, at)
    if ord_type in (MARKET, MARKET_TO_LIMIT):
        order["price_ticks"] = best_possible(is_sell(np.int64(order["side"])))
    put(book, slot)
    return tell_as_it_is(book, slot, events, at, np.int64(EVENT_RESTED), flags, np.int64(RESTATEMENT_NONE))


@kernel
def set_in_flight(book: Book, slot: int, flags: int, work: int) -> int:
    """The steps `work` (PENDING_*) are to go on with this order. Returns 0."""
    state = book.state[0]
    state["flight_slot"] = slot
    state["flight_flags"] = flags
    state["flight_reason"] = 0
    state["flight_breach"] = 0
    state["pending_work"] |= work
    return 0


@kernel
def come_to_match(book: Book, slot: int, flags: int, events: Any, at: int) -> int:
    """An order in continuous trading gets its trade range and its limit; it slides where it must not trade."""
    order = book.orders[slot]
    instrument = np.int64(order["instrument"])
    side = side_index(instrument, np.int64(order["side"])) ^ 1
    best_level = np.int64(book.sides[side]["best"])
    best_ticks = side_key(np.int64(book.sides[side]["best_key"]), side & 1)
    ord_type = np.int64(order["ord_type"])
    set_trade_range(book, instrument)
    if ord_type in (MARKET, MARKET_TO_LIMIT):
        if best_level == NO_INDEX:
            set_in_flight(book, slot, flags, np.int64(PENDING_END))
            book.state[0]["flight_reason"] = RESTATEMENT_NO_LIQUIDITY
            return at
        if ord_type == MARKET_TO_LIMIT:
            order["ord_type"] = LIMIT
            order["price_ticks"] = best_ticks
        else:
            order["price_ticks"] = market_limit(book, instrument, side & 1, best_ticks)
    traits = np.int64(order["traits"])
    if traits & POST_ONLY_SLIDE and best_level != NO_INDEX:
        price_ticks = slid_price(book, instrument, side & 1, best_ticks, np.int64(order["price_ticks"]))
        if price_ticks != np.int64(order["price_ticks"]):
            order["price_ticks"] = price_ticks
            at = tell_restated(book, slot, events, at, np.int64(RESTATEMENT_SLIDE), 1)
    set_in_flight(book, slot, flags, np.int64(PENDING_SWEEP | PENDING_END))
    is_new = np.int64(book.state[0]["request_kind"]) == KIND_NEW_ORDER
    has_min = traits & TRAIT_TERMS != 0 and np.int64(book.terms[slot]["min_qty_lots"]) > 0
    if np.int64(order["time_in_force"]) == FOK or (has_min and is_new):
        begin_count(book, best_level)
    return at


@kernel
def market_limit(book: Book, instrument: int, is_buy: int, best_ticks: int) -> int:
    """Up to what price a market order trades."""
    distance = np.int64(book.instruments[instrument]["market_protection_ticks"])
    if distance == 0:
        return best_possible(1 - is_buy)
    return add_saturating(best_ticks, distance if is_buy else -distance)


@kernel
def slid_price(book: Book, instrument: int, is_buy: int, best_ticks: int, price_ticks: int) -> int:
    """The price of a sliding order: its own where that does not reach the best opposite price, else the next valid one
    that does not; `best_ticks` itself where int64 has none."""
    if is_buy:
        return price_ticks if price_ticks < best_ticks else next_valid_below(book, instrument, best_ticks)
    return price_ticks if price_ticks > best_ticks else next_valid_above(book, instrument, best_ticks)


@kernel
def begin_count(book: Book, best_level: int) -> int:
    """Count what the order in flight can get before it matches. Returns 0."""
    state = book.state[0]
    state["pending_work"] |= PENDING_COUNT
    state["flight_cursor"] = best_level
    state["flight_order"] = NO_INDEX
    state["counted_lots"] = 0
    state["counted_behind_lots"] = 0
    return 0


@kernel
def count_step(book: Book) -> int:
    """Look at one more level (one more order, where orders differ) of what the order in flight can get. Returns 0."""
    state = book.state[0]
    slot = np.int64(state["flight_slot"])
    order = book.orders[slot]
    side = side_index(np.int64(order["instrument"]), np.int64(order["side"])) ^ 1
    is_fok = np.int64(order["time_in_force"]) == FOK
    wanted_lots = np.int64(order["leaves_lots"])
    if not is_fok:
        wanted_lots = np.int64(book.terms[slot]["min_qty_lots"])
    level = np.int64(state["flight_cursor"])
    is_over = level == NO_INDEX
    if not is_over:
        key = np.int64(book.levels[level]["key"])
        outside = place_in_range(book, side_key(key, side & 1)) != INSIDE
        is_over = outside or key > side_key(np.int64(order["price_ticks"]), side & 1)
    if not is_over:
        prevents = np.int64(0)
        own_id = np.int64(0)
        if np.int64(order["traits"]) & TRAIT_TERMS:
            own_id = prevention_id(book, slot)
            prevents = np.int64(book.terms[slot]["stp_instruction"])
        reduce_only_orders = np.int64(book.instruments[np.int64(order["instrument"])]["reduce_only_orders"])
        if reduce_only_orders == 0 and (own_id == 0 or prevents == 0):
            state["counted_lots"] += np.int64(book.levels[level]["qty_lots"])
            state["counted_lots"] += np.int64(book.level_hidden[level]["hidden_lots"])
            count_next_level(book, level)
        else:
            count_order(book, level, own_id, prevents)
    if np.int64(state["counted_lots"]) >= wanted_lots:
        state["pending_work"] &= ~np.int64(PENDING_COUNT)
    elif is_over:
        state["pending_work"] &= ~np.int64(PENDING_COUNT | PENDING_SWEEP)
        state["flight_reason"] = RESTATEMENT_FOK_KILLED if is_fok else RESTATEMENT_MIN_QTY
    return 0


@inner_kernel
def prevention_id(book: Book, slot: int) -> int:
    """The SelfMatchPreventionID of an order with TERMS, as that of its firm; 0: it has none."""
    terms = book.terms[slot]
    own_id = np.int64(terms["self_match_prevention_id"])
    return own_id if own_id == 0 else own_id | np.int64(terms["firm"]) << 32


@kernel
def count_next_level(book: Book, level: int) -> int:
    behind = next_level(book, level)
    book.state[0]["flight_cursor"] = NO_INDEX if behind < 0 else behind
    book.state[0]["flight_order"] = NO_INDEX
    return 0


@kernel
def count_order(book: Book, level: int, own_id: int, prevents: int) -> int:
    """Count one order of a level. A displayed order's hidden part comes behind all displayed orders: where an own order
    among them would end the sweep, it is not reached."""
    state = book.state[0]
    one = np.int64(state["flight_order"])
    if one == NO_INDEX:
        one = np.int64(book.levels[level]["head"])
        if one == NO_INDEX:
            one = np.int64(book.level_hidden[level]["head"])
    traits = np.int64(book.orders[one]["traits"])
    is_own = own_id != 0 and prevents != 0 and traits & TRAIT_TERMS != 0
    is_own = is_own and prevention_id(book, one) == own_id
    if is_own and prevents != STP_OLDEST:
        state["flight_cursor"] = NO_INDEX
        return 0
    leaves_lots = np.int64(book.orders[one]["leaves_lots"])
    if not is_own and traits & REDUCE_ONLY == 0:
        shown_lots = leaves_lots if traits & HIDDEN else displayed_lots(book, one)
        state["counted_lots"] += shown_lots
        state["counted_behind_lots"] += leaves_lots - shown_lots
    behind = np.int64(book.orders[one]["next"])
    if behind == NO_INDEX and traits & HIDDEN == 0:
        state["counted_lots"] += np.int64(state["counted_behind_lots"])
        state["counted_behind_lots"] = 0
        behind = np.int64(book.level_hidden[level]["head"])
    if behind == NO_INDEX:
        count_next_level(book, level)
    else:
        state["flight_order"] = behind
    return 0


@inner_kernel
def end_sweep(book: Book, reason: int) -> None:
    """The order in flight matches no more; `reason`: why it is cancelled, 0: its terms say what becomes of it."""
    book.state[0]["pending_work"] &= ~np.int64(PENDING_SWEEP)
    book.state[0]["flight_reason"] = reason


@kernel
def sweep_step(book: Book, events: Any, at: int) -> int:
    """The order in flight meets the first order of the other side, or is through. Returns the place behind the
    events."""
    state = book.state[0]
    slot = np.int64(state["flight_slot"])
    order = book.orders[slot]
    instrument = np.int64(order["instrument"])
    side = side_index(instrument, np.int64(order["side"])) ^ 1
    leaves_lots = np.int64(order["leaves_lots"])
    level = np.int64(book.sides[side]["best"])
    best_key = np.int64(book.sides[side]["best_key"])
    if leaves_lots == 0 or level == NO_INDEX or best_key > side_key(np.int64(order["price_ticks"]), side & 1):
        end_sweep(book, 0)
        return at
    price_ticks = side_key(best_key, side & 1)
    outside = place_in_range(book, price_ticks)
    if outside != INSIDE:
        end_sweep(book, 0)
        state["flight_breach"] = 1
        break_off(book, instrument, outside)
        return at
    traits = np.int64(order["traits"])
    if traits & REDUCE_ONLY:
        could_lots = reducible_lots(book, np.int64(order["account"]), instrument, 1 - (side & 1))
        if could_lots == 0:
            end_sweep(book, RESTATEMENT_REDUCE_ONLY)
            return at
        if could_lots < leaves_lots:
            set_leaves(book, slot, could_lots)
            return tell_restated(book, slot, events, at, np.int64(RESTATEMENT_REDUCE_ONLY), 0)
    maker_slot = np.int64(book.levels[level]["head"])
    if maker_slot == NO_INDEX:
        maker_slot = np.int64(book.level_hidden[level]["head"])
    maker = book.orders[maker_slot]
    maker_traits = np.int64(maker["traits"])
    if maker_traits & REDUCE_ONLY:
        after = reduce_resting(book, maker_slot, side & 1, events, at)
        if after != at:
            return after
    if traits & maker_traits & TRAIT_TERMS:
        own_id = prevention_id(book, slot)
        instruction = np.int64(book.terms[slot]["stp_instruction"])
        if own_id != 0 and instruction != 0 and own_id == prevention_id(book, maker_slot):
            return prevent_self_trade(book, slot, maker_slot, instruction, events, at)
    shown_lots = np.int64(maker["leaves_lots"])
    if maker_traits & HIDDEN == 0:
        shown_lots = displayed_lots(book, maker_slot)
    fill_lots = min(leaves_lots, shown_lots)
    order["leaves_lots"] = leaves_lots - fill_lots
    order["cum_lots"] += fill_lots
    fill_maker(book, maker_slot, fill_lots)
    note_fill(book, slot, maker_slot, price_ticks, fill_lots)
    at = tell_trade(
        book, slot, maker_slot, events, at, np.int64(state["flight_flags"]), price_ticks, fill_lots, np.int64(0)
    )
    if np.int64(maker["leaves_lots"]) == 0:
        remove(book, maker_slot)
    elif is_iceberg(book, maker_slot) and np.int64(book.terms[maker_slot]["displayed_lots"]) == 0:
        leave(book, maker_slot)
        join(book, maker_slot)
        at = tell_restated(book, maker_slot, events, at, np.int64(RESTATEMENT_ICEBERG_REFRESH), 1)
    return at


@kernel
def prevent_self_trade(book: Book, slot: int, maker_slot: int, instruction: int, events: Any, at: int) -> int:
    """Two orders with the same SelfMatchPreventionID meet. Returns the place behind the last of one or two events."""
    own_lots = np.int64(book.orders[slot]["leaves_lots"])
    maker_lots = np.int64(book.orders[maker_slot]["leaves_lots"])
    if instruction == STP_DECREMENT:
        return decrement_both(book, slot, maker_slot, min(own_lots, maker_lots), events, at)
    is_smallest = instruction not in (STP_NEWEST, STP_OLDEST, STP_BOTH)
    maker_goes = instruction in (STP_OLDEST, STP_BOTH) or (is_smallest and maker_lots <= own_lots)
    own_goes = instruction in (STP_NEWEST, STP_BOTH) or (is_smallest and own_lots <= maker_lots)
    if maker_goes:
        at = cancel_placed(book, maker_slot, events, at, np.int64(RESTATEMENT_STP_RESTING))
    if own_goes:
        end_sweep(book, RESTATEMENT_STP_AGGRESSOR)
    return at


@kernel
def decrement_both(book: Book, slot: int, maker_slot: int, lots: int, events: Any, at: int) -> int:
    """Both orders lose the smaller open quantity; one that is left, is told its new one."""
    own_left = np.int64(book.orders[slot]["leaves_lots"]) - lots
    maker_left = np.int64(book.orders[maker_slot]["leaves_lots"]) - lots
    if maker_left == 0:
        at = cancel_placed(book, maker_slot, events, at, np.int64(RESTATEMENT_STP_RESTING))
    if own_left == 0:
        at = tell_canceled(
            book, slot, events, at, np.int64(0), np.int64(RESTATEMENT_STP_AGGRESSOR), book.orders[slot]["cl_ord_id"]
        )
    book.orders[slot]["leaves_lots"] = own_left
    if own_left > 0:
        at = tell_restated(book, slot, events, at, np.int64(RESTATEMENT_STP_DECREMENT), 0)
    if maker_left > 0:
        set_leaves(book, maker_slot, maker_left)
        at = tell_restated(book, maker_slot, events, at, np.int64(RESTATEMENT_STP_DECREMENT), 0)
    return at


@kernel
def end_step(book: Book, events: Any, at: int) -> int:
    """What is left of the order in flight rests or is cancelled; then triggered orders go."""
    state = book.state[0]
    slot = np.int64(state["flight_slot"])
    order = book.orders[slot]
    instrument = np.int64(order["instrument"])
    time_in_force = np.int64(order["time_in_force"])
    leaves_lots = np.int64(order["leaves_lots"])
    reason = np.int64(state["flight_reason"])
    state["pending_work"] &= ~np.int64(PENDING_END)
    if leaves_lots == 0:
        release(book, slot)
    else:
        rests = reason == 0 and np.int64(order["ord_type"]) == LIMIT and may_stay(time_in_force)
        if rests and not takes_place(book, slot):
            rests = False
            reason = np.int64(RESTATEMENT_BOOK_FULL)
        if rests:
            flags = np.int64(state["flight_flags"])
            at = tell_as_it_is(book, slot, events, at, np.int64(EVENT_RESTED), flags, np.int64(RESTATEMENT_NONE))
        else:
            if reason == 0:
                reason = remainder_reason(book, time_in_force)
            at = tell_canceled(book, slot, events, at, np.int64(0), reason, order["cl_ord_id"])
            release(book, slot)
    market = book.instruments[instrument]
    if np.int64(market["is_touched"]) and np.int64(state["flight_breach"]) == 0:
        begin_cascade(book, instrument)
    return at


@kernel
def remainder_reason(book: Book, time_in_force: int) -> int:
    if np.int64(book.state[0]["flight_breach"]):
        return RESTATEMENT_VOLATILITY
    if time_in_force == IOC:
        return RESTATEMENT_IOC_REMAINDER
    if time_in_force == FOK:
        return RESTATEMENT_FOK_KILLED
    return RESTATEMENT_MARKET_REMAINDER
