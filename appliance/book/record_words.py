"""Records as words of 64 bits: what of the records the shortest way reads and writes whole.

A plain order's path copies words, not fields: one load fetches six fields of a request, one compare tells that all its
rare fields are what they are in a plain order. The places of fields follow from native/layout.py and are asserted.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from native.jit import inner_kernel
from native.layout import BOOK_INSTRUMENT, COMMAND, EVENT, ORDER
from native.lowlevel import store_word, word_of

assert sys.byteorder == "little", "the first field of a word is its low end"


def offset_of(record: np.dtype[np.void], field: str) -> int:
    assert record.fields is not None
    return int(record.fields[field][1])


def shift_of(record: np.dtype[np.void], field: str) -> int:
    """How far from the low end of its word a field begins, bits."""
    return offset_of(record, field) % 8 * 8


def bits_of(record: np.dtype[np.void], **values: int) -> int:
    """A word in which these fields (of one word) have these values, and all others 0."""
    return sum(value << shift_of(record, field) for field, value in values.items())


COMMAND_CL_ORD_ID = word_of(COMMAND, "cl_ord_id")
COMMAND_ORIG_CL_ORD_ID = word_of(COMMAND, "orig_cl_ord_id")
COMMAND_ORDER_ID = word_of(COMMAND, "order_id")
COMMAND_PRICE = word_of(COMMAND, "price_ticks")
COMMAND_QTY = word_of(COMMAND, "qty_lots", "display_qty_lots")
COMMAND_MIN_QTY = word_of(COMMAND, "min_qty_lots", "instrument")
COMMAND_ACCOUNT = word_of(COMMAND, "account", "self_match_prevention_id")
COMMAND_SESSION = word_of(COMMAND, "session", "cancel_group", "risk_group")
COMMAND_TERMS = word_of(COMMAND, "side", "ord_type", "time_in_force", "stp_instruction", "exec_inst", "flags")
assert [shift_of(COMMAND, field) for field in ("side", "ord_type", "time_in_force")] == [0, 8, 16]
assert shift_of(COMMAND, "instrument") == shift_of(COMMAND, "display_qty_lots") == 32
assert shift_of(COMMAND, "self_match_prevention_id") == shift_of(COMMAND, "cancel_group") == 32

MARKET_QTY_LIMITS = word_of(BOOK_INSTRUMENT, "qty_lots_min", "qty_lots_max")
MARKET_STEPS = word_of(BOOK_INSTRUMENT, "qty_step_lots", "tick_table")
MARKET_WAITING = word_of(BOOK_INSTRUMENT, "waiting_orders", "reduce_only_orders")
MARKET_PHASE = word_of(
    BOOK_INSTRUMENT,
    "phase", "frozen", "has_last", "has_static_reference", "has_trade_range", "is_touched", "auction_changed",
    "schedule_runs",
)  # fmt: skip

ORDER_ORDER_ID = word_of(ORDER, "order_id")
ORDER_CL_ORD_ID = word_of(ORDER, "cl_ord_id")
ORDER_PRIORITY = word_of(ORDER, "priority")
ORDER_PRICE = word_of(ORDER, "price_ticks")
ORDER_LEAVES = word_of(ORDER, "leaves_lots", "cum_lots")
ORDER_LINKS = word_of(ORDER, "next", "prev")
ORDER_LEVEL = word_of(ORDER, "level", "account")
ORDER_TERMS = word_of(ORDER, "session", "instrument", "side", "ord_type", "time_in_force", "traits")
assert [shift_of(ORDER, field) for field in ("session", "instrument", "side", "traits")] == [0, 16, 32, 56]
assert [shift_of(ORDER, field) for field in ("ord_type", "time_in_force", "prev", "account")] == [40, 48, 32, 32]

EVENT_KIND_WORD = word_of(EVENT, "kind", "side", "ord_type", "time_in_force", "reason", "flags")
EVENT_INSTRUMENT_WORD = word_of(EVENT, "instrument", "account")
EVENT_ORDER_ID_WORD = word_of(EVENT, "order_id")
EVENT_CL_ORD_ID_WORD = word_of(EVENT, "cl_ord_id")
EVENT_PRICE_WORD = word_of(EVENT, "price_ticks")
EVENT_QTY_WORD = word_of(EVENT, "qty_lots", "leaves_lots")
EVENT_CUM_WORD = word_of(EVENT, "cum_lots", "display_lots")
EVENT_PRIORITY_WORD = word_of(EVENT, "priority")
EVENT_SESSION_WORD = word_of(EVENT, "session", "request_kind", "exec_inst", "maker_session", "reserved")
EVENT_MAKER_ACCOUNT_WORD = word_of(EVENT, "maker_account", "maker_leaves_lots")
EVENT_MAKER_CUM_WORD = word_of(EVENT, "maker_cum_lots", "maker_display_lots")
EVENT_MAKER_ORDER_ID_WORD = word_of(EVENT, "maker_order_id")
EVENT_MAKER_CL_ORD_ID_WORD = word_of(EVENT, "maker_cl_ord_id")
EVENT_MAKER_PRIORITY_WORD = word_of(EVENT, "maker_priority")
EVENT_TRADE_ID_WORD = word_of(EVENT, "trade_id")
EVENT_WORDS = EVENT.itemsize // 8
assert [shift_of(EVENT, field) for field in ("side", "ord_type", "time_in_force", "account")] == [8, 16, 24, 32]
assert shift_of(EVENT, "leaves_lots") == shift_of(EVENT, "display_lots") == 32
assert shift_of(EVENT, "maker_leaves_lots") == shift_of(EVENT, "maker_display_lots") == 32
assert [shift_of(EVENT, field) for field in ("flags", "request_kind", "maker_session")] == [48, 16, 32]

LOW_32 = 0xFFFFFFFF
SESSION_MASK = 0xFFFF
EVENT_TERMS_MASK = bits_of(EVENT, side=0xFF, ord_type=0xFF, time_in_force=0xFF)
TERMS_TO_EVENT_SHIFT = 24
"""From the place of side, type and TimeInForce in ORDER_TERMS to that in EVENT_KIND_WORD."""


@inner_kernel
def one_of(is_first: bool, first: int, second: int) -> int:
    """`first` if `is_first`, else `second`, without a branch: for questions that are as random as the flow."""
    return second ^ ((first ^ second) & -np.int64(is_first))


@inner_kernel
def write_words(
    events: Any, at: int, kind: int, terms: int, request_kind: int, account_high: int, order_id: int, cl_ord_id: int,
    price_ticks: int, qty_leaves: int, cum_display: int, priority: int,
) -> None:  # fmt: skip
    """An event about a plain order. terms: its ORDER_TERMS; account_high: its account in the high half of a word."""
    store_word(events, at, EVENT_KIND_WORD, kind | ((terms >> TERMS_TO_EVENT_SHIFT) & EVENT_TERMS_MASK))
    store_word(events, at, EVENT_INSTRUMENT_WORD, account_high | ((terms >> 16) & 0xFFFF))
    store_word(events, at, EVENT_ORDER_ID_WORD, order_id)
    store_word(events, at, EVENT_CL_ORD_ID_WORD, cl_ord_id)
    store_word(events, at, EVENT_PRICE_WORD, price_ticks)
    store_word(events, at, EVENT_QTY_WORD, qty_leaves)
    store_word(events, at, EVENT_CUM_WORD, cum_display)
    store_word(events, at, EVENT_PRIORITY_WORD, priority)
    store_word(events, at, EVENT_SESSION_WORD, (terms & SESSION_MASK) | request_kind)
    for word in range(EVENT_SESSION_WORD + 1, EVENT_WORDS):
        store_word(events, at, word, 0)
