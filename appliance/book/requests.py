"""Requests of every kind, by the whole rulebook. `appliance/book/match.py` takes the plain ones by a shorter way."""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.book.events import tell, tell_canceled, tell_rejected
from appliance.book.flight import enter
from appliance.book.index import add_entry, find_entry, hash_of, remove_entry
from appliance.book.mass import begin_mass_cancel
from appliance.book.phases import CAUSE_ASKED, request_phase
from appliance.book.plain import is_plain
from appliance.book.queue import join_expiry, leave, note_change, place_of, release, remove, set_leaves
from appliance.book.rules import (
    ACCEPTABLE,
    check_cancel,
    check_new_order,
    check_replace,
    keeps_place,
    price_of_replace,
    stop_price_of_replace,
)
from appliance.book.state import Book
from appliance.book.timers import begin_timer
from appliance.book.words import EXEC_INST_BITS, GTD, MARKET_TO_LIMIT, has_price, has_trigger
from native.codes import ERROR_INVALID_ARGUMENT, RESTATEMENT_NONE, RESTATEMENT_REPLACED_TO_NOTHING
from native.jit import kernel
from native.layout import (
    EVENT_ACCEPTED,
    EVENT_FLAG_PRIORITY_RETAINED,
    EVENT_FLAG_REPLACED_TO_NOTHING,
    EVENT_FLAG_WAS_RESTING,
    EVENT_REPLACED,
    KIND_CANCEL,
    KIND_MASS_CANCEL,
    KIND_NEW_ORDER,
    KIND_PHASE,
    KIND_TIMER,
    NO_INDEX,
    PHASE_CLOSING_AUCTION,
    PHASE_CONTINUOUS,
    PLACE_BOOK,
    TRAIT_TERMS,
)
from native.limits import ORDER_SLOT_BITS

PHASE_UNUSED = 6


@kernel
def begin_request(book: Book, commands: Any, index: int, events: Any, at: int) -> int:
    """Check a request, tell its first event, set to work what follows. Returns the place behind the event, or a
    code."""
    command = commands[index]
    state = book.state[0]
    kind = np.int64(command["kind"])
    state["request_kind"] = kind
    state["now_ns"] = max(np.int64(0), np.int64(command["time_ns"]))
    state["reject_limit"] = 0
    state["is_first_told"] = 0
    state["is_held"] = 0
    if kind == KIND_TIMER:
        begin_timer(book)
        return at
    if kind == KIND_PHASE:
        target = np.int64(command["qty_lots"])
        if target < 0 or target > PHASE_CLOSING_AUCTION or target == PHASE_UNUSED:
            return ERROR_INVALID_ARGUMENT
        request_phase(book, np.int64(command["instrument"]), target, np.int64(CAUSE_ASKED))
        return at
    before = at
    if kind == KIND_NEW_ORDER:
        reason = check_new_order(
            book, commands, index, hash_of(book, np.int64(command["session"]), command["cl_ord_id"])
        )
        if reason == ACCEPTABLE:
            at = new_order(book, commands, index, events, at)
    elif kind == KIND_MASS_CANCEL:
        reason = begin_mass_cancel(book, commands, index)
    else:
        session = np.int64(command["session"])
        orig_hashed = hash_of(book, session, command["orig_cl_ord_id"])
        slot = find_entry(book, orig_hashed, session, command["orig_cl_ord_id"])
        if kind == KIND_CANCEL:
            reason = check_cancel(book, commands, index, slot)
            if reason == ACCEPTABLE:
                at = tell_canceled(
                    book, slot, events, at, np.int64(0), np.int64(RESTATEMENT_NONE), command["cl_ord_id"]
                )
                remove(book, slot)
        else:
            hashed = hash_of(book, session, command["cl_ord_id"])
            reason = check_replace(book, commands, index, hashed, slot)
            if reason == ACCEPTABLE:
                remove_entry(book, orig_hashed, slot)
                at = replace_order(book, commands, index, slot, events, at)
    if reason != ACCEPTABLE:
        return tell_rejected(book, commands, index, events, before, reason)
    return at


@kernel
def new_order(book: Book, commands: Any, index: int, events: Any, at: int) -> int:
    """Take an order that is acceptable. Returns the place behind the last event."""
    command = commands[index]
    state = book.state[0]
    slot = np.int64(state["free_order"])
    order = book.orders[slot]
    state["free_order"] = order["next"]
    state["open_orders"] += 1
    orders_taken = np.int64(state["orders_taken"]) + 1
    state["orders_taken"] = orders_taken
    qty_lots = np.int64(command["qty_lots"])
    ord_type = np.int64(command["ord_type"])
    time_in_force = np.int64(command["time_in_force"])
    order["order_id"] = (orders_taken << ORDER_SLOT_BITS) | slot
    order["cl_ord_id"] = command["cl_ord_id"]
    order["priority"] = 0
    order["price_ticks"] = np.int64(command["price_ticks"]) if has_price(ord_type) else np.int64(0)
    order["leaves_lots"] = qty_lots
    order["cum_lots"] = 0
    order["level"] = NO_INDEX
    order["account"] = command["account"]
    order["session"] = np.int64(command["session"])
    order["instrument"] = np.int64(command["instrument"])
    order["side"] = command["side"]
    order["ord_type"] = ord_type
    order["time_in_force"] = time_in_force
    order["traits"] = np.int64(command["exec_inst"]) & EXEC_INST_BITS
    if not is_plain(commands, index):
        order["traits"] = np.int64(order["traits"]) | TRAIT_TERMS
        fill_terms(book, commands, index, slot)
    at = tell(
        book, slot, events, at, np.int64(EVENT_ACCEPTED), np.int64(0), np.int64(RESTATEMENT_NONE),
        command["cl_ord_id"], qty_lots, qty_lots,
    )  # fmt: skip
    return enter(book, slot, np.int64(0), events, at)


@kernel
def fill_terms(book: Book, commands: Any, index: int, slot: int) -> int:
    """The TERMS of a new order; a GTD order joins the expiries. Returns 0."""
    command = commands[index]
    clear_terms(book, slot)
    terms = book.terms[slot]
    ord_type = np.int64(command["ord_type"])
    if has_trigger(ord_type):
        terms["stop_price_ticks"] = command["stop_price_ticks"]
    terms["display_qty_lots"] = np.int64(command["display_qty_lots"])
    terms["min_qty_lots"] = np.int64(command["min_qty_lots"])
    terms["self_match_prevention_id"] = command["self_match_prevention_id"]
    terms["firm"] = firm_of(book, np.int64(command["session"]))
    terms["cancel_group"] = command["cancel_group"]
    terms["risk_group"] = command["risk_group"]
    terms["stp_instruction"] = command["stp_instruction"]
    if np.int64(command["time_in_force"]) == GTD:
        terms["expire_time_ns"] = np.int64(command["expire_time_ns"])
        phase = np.int64(book.instruments[np.int64(command["instrument"])]["phase"])
        if ord_type != MARKET_TO_LIMIT or phase != PHASE_CONTINUOUS:
            join_expiry(book, slot)
    return 0


@kernel
def firm_of(book: Book, session: int) -> int:
    """Whose SelfMatchPreventionIDs the session's are."""
    return np.int64(book.session_firms[session]) if session < book.session_firms.size else np.int64(0)


@kernel
def clear_terms(book: Book, slot: int) -> int:
    """The TERMS of an order that has none. Returns 0."""
    terms = book.terms[slot]
    terms["stop_price_ticks"] = 0
    terms["expire_time_ns"] = 0
    terms["display_qty_lots"] = 0
    terms["displayed_lots"] = 0
    terms["min_qty_lots"] = 0
    terms["self_match_prevention_id"] = 0
    terms["firm"] = 0
    terms["expiry_level"] = NO_INDEX
    terms["cancel_group"] = 0
    terms["risk_group"] = 0
    terms["stp_instruction"] = 0
    terms["place"] = PLACE_BOOK
    return 0


@kernel
def replace_order(book: Book, commands: Any, index: int, slot: int, events: Any, at: int) -> int:
    """Change an order whose index entry is out already. Returns the place behind the last event."""
    command = commands[index]
    order = book.orders[slot]
    cl_ord_id = command["cl_ord_id"]
    qty_lots = np.int64(command["qty_lots"])
    leaves_lots = qty_lots - np.int64(order["cum_lots"])
    if leaves_lots <= 0:
        flags = np.int64(EVENT_FLAG_REPLACED_TO_NOTHING)
        at = tell_canceled(book, slot, events, at, flags, np.int64(RESTATEMENT_REPLACED_TO_NOTHING), cl_ord_id)
        leave(book, slot)
        release(book, slot)
        return at
    was_resting = place_of(book, slot) == PLACE_BOOK
    flags = np.int64(EVENT_FLAG_WAS_RESTING if was_resting else 0)
    stays = keeps_place(book, commands, index, slot)
    price_ticks = price_of_replace(book, commands, index, slot)
    stop_price_ticks = stop_price_of_replace(book, commands, index, slot)
    display_lots = np.int64(command["display_qty_lots"])
    order["cl_ord_id"] = cl_ord_id
    if stays:
        change_display(book, slot, display_lots)
        set_leaves(book, slot, leaves_lots)
        add_entry(book, hash_of(book, np.int64(order["session"]), cl_ord_id), slot)
        flags |= EVENT_FLAG_PRIORITY_RETAINED
    else:
        leave(book, slot)
        change_display(book, slot, display_lots)
        order["price_ticks"] = price_ticks
        order["leaves_lots"] = leaves_lots
        if stop_price_ticks != 0 or has_trigger(np.int64(order["ord_type"])):
            book.terms[slot]["stop_price_ticks"] = stop_price_ticks
    at = tell(
        book, slot, events, at, np.int64(EVENT_REPLACED), flags, np.int64(RESTATEMENT_NONE), cl_ord_id, qty_lots,
        leaves_lots,
    )  # fmt: skip
    if stays:
        if was_resting:
            note_change(book, np.int64(order["instrument"]))
        return at
    return enter(book, slot, flags, events, at)


@kernel
def change_display(book: Book, slot: int, display_lots: int) -> int:
    """An order is to display so much at a time (0: as before); where it stands it shows no more than it did. Returns
    0."""
    if display_lots == 0:
        return 0
    order = book.orders[slot]
    leaves_lots = np.int64(order["leaves_lots"])
    if np.int64(order["traits"]) & TRAIT_TERMS == 0:
        clear_terms(book, slot)
        order["traits"] = np.int64(order["traits"]) | TRAIT_TERMS
    terms = book.terms[slot]
    shown_lots = np.int64(terms["displayed_lots"])
    if np.int64(terms["display_qty_lots"]) == 0:
        shown_lots = leaves_lots
    new_shown_lots: int = min(shown_lots, display_lots)
    if np.int64(order["level"]) != NO_INDEX and place_of(book, slot) == PLACE_BOOK:
        level = np.int64(order["level"])
        book.levels[level]["qty_lots"] -= shown_lots - new_shown_lots
        book.level_hidden[level]["hidden_lots"] += shown_lots - new_shown_lots
    terms["display_qty_lots"] = display_lots
    terms["displayed_lots"] = new_shown_lots
    return 0
