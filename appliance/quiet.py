"""Replay of the state alone, fast: what clients and subscribers would be told is counted, and nothing is encoded.

Most inputs are plain: a new order, a cancel or a replace with the number that is expected, and events that say the
usual. For these the messages are counted here, by the rules of `report.reports` and `publisher.level3`. Everything else
goes the way of every replay, into an outbox that is quiet (`appliance.state.QUIET`).
`tests/property/test_history_recovery.py` demands the numbers, counters and tables of a run that says everything.
"""

from __future__ import annotations

import numpy as np

from appliance.book.match import apply, is_pending, prefetch_request
from appliance.decide_again import PREFETCH_RECORDS, replay_record
from appliance.pipeline import go_on
from appliance.publisher.packet import NEXT_NUMBER
from appliance.report.log import count_for_firm
from appliance.report.reports import count_canceled
from appliance.risk.check import check
from appliance.sequencer.journal import COMMITTED, adopt_time
from appliance.session.requests import has_rules
from appliance.state import NOW_NS, TURN
from native import codes, counters
from native.jit import outer_kernel
from native.layout import (
    COMMAND_FIRST_OF_BURST,
    EVENT_ACCEPTED,
    EVENT_CANCELED,
    EVENT_FLAG_AUCTION,
    EVENT_FLAG_HIDDEN,
    EVENT_FLAG_MAKER_HIDDEN,
    EVENT_FLAG_PRIORITY_RETAINED,
    EVENT_FLAG_WAS_RESTING,
    EVENT_REPLACED,
    EVENT_RESTED,
    EVENT_TRADE,
    KIND_NEW_ORDER,
    KIND_PHASE,
    KIND_REPLACE,
)
from wire.gen import order_entry as oe


@outer_kernel
def replay_quietly(exchange, port, start, stop):
    """Decide the records [start, stop) of a journal again, with a quiet outbox. Returns how many."""
    records = exchange.journal.records
    tables = exchange.tables
    for index in range(start, stop):
        ahead = index + PREFETCH_RECORDS
        if ahead < stop and np.int64(records[ahead]["kind"]) < KIND_PHASE:
            prefetch_request(exchange.book, records, ahead)
        record = records[index]
        kind = np.int64(record["kind"])
        session = np.int64(record["session"])
        if (
            kind > KIND_REPLACE
            or np.int64(record["session_seq"]) != tables.sessions[session]["expected_seq"]
            or has_rules(tables, session)
            or np.int64(exchange.accounts.state[0]["is_enabled"]) != 0
            or check(tables, exchange.accounts, record) != 0
        ):
            replay_record(exchange, port, index)
            continue
        if np.int64(record["flags"]) & COMMAND_FIRST_OF_BURST:
            tables.clock[TURN] += 1
        time_ns = np.int64(record["time_ns"])
        tables.clock[NOW_NS] = time_ns
        adopt_time(tables, time_ns)
        exchange.journal.scalars[COMMITTED] = index + 1
        tables.counters[counters.SEQUENCED_INPUTS] += 1
        tables.sessions[session]["expected_seq"] += 1
        if kind == KIND_NEW_ORDER:
            tables.counters[counters.NEW_ORDERS] += 1
        count = apply(exchange.book, records, index, exchange.events, 0)
        assert count >= 0
        untold = np.int64(0) if _count_plain(exchange, record, count) else count
        if untold > 0 or is_pending(exchange.book):
            go_on(exchange, port, records, index, untold)
    tables.counters[counters.OPEN_ORDERS] = np.int64(exchange.book.state[0]["open_orders"])
    return stop - start


@outer_kernel
def _count_plain(exchange, record, count):
    """Number and count what `exchange.events[:count]` would have told. False, with nothing done, where one of them is
    not plain."""
    events = exchange.events
    for i in range(count):
        if not _is_plain(events[i], record):
            return False
    tables = exchange.tables
    reports = np.int64(0)
    published = np.int64(0)
    aggressor = np.int64(0)
    for i in range(count):
        event = events[i]
        kind = np.int64(event["kind"])
        flags = np.int64(event["flags"])
        messages = np.int64(0)
        if kind == EVENT_TRADE:
            tables.counters[counters.FILLS] += 1
            tables.counters[counters.SHARES_TRADED] += np.int64(event["qty_lots"])
            _number_report(tables, np.int64(event["session"]))
            _number_report(tables, np.int64(event["maker_session"]))
            reports += 2
            messages += 1 if flags & EVENT_FLAG_MAKER_HIDDEN else 2
            if np.int64(event["order_id"]) != aggressor:  # another run of trades: its summary
                aggressor = np.int64(event["order_id"])
                messages += 1
        elif kind == EVENT_RESTED:
            messages += _is_shown(event, flags)
        else:
            _number_report(tables, np.int64(event["session"]))
            reports += 1
            if kind == EVENT_ACCEPTED:
                tables.counters[counters.ORDERS_ACCEPTED] += 1
            elif kind == EVENT_CANCELED:
                count_canceled(tables, np.int64(event["request_kind"]), np.int64(event["reason"]))
                messages += _was_shown(flags)
            else:
                tables.counters[counters.REPLACES] += 1
                retained = flags & EVENT_FLAG_PRIORITY_RETAINED
                messages += _is_shown(event, flags) if retained else _was_shown(flags)
        if messages > 0:
            row = tables.instruments[np.int64(event["instrument"])]
            row["instr_seq"] = (np.int64(row["instr_seq"]) + messages) & 0xFFFFFFFF
            published += messages
    exchange.feed.scalars[NEXT_NUMBER] += published
    tables.counters[counters.REPORTS_OUT] += reports
    tables.counters[counters.FEED_MESSAGES_OUT] += published
    return True


@outer_kernel
def _number_report(tables, session):
    tables.sessions[session]["next_out_seq"] += 1
    return count_for_firm(tables, session)


@outer_kernel
def _is_plain(event, record):
    kind = np.int64(event["kind"])
    if kind == EVENT_TRADE:
        return np.int64(event["flags"]) & EVENT_FLAG_AUCTION == 0
    if kind == EVENT_RESTED:
        return np.int64(record["ord_type"]) != oe.OrdType_MarketToLimit and np.int64(event["time_in_force"]) not in (
            oe.TimeInForce_AtClose,
            oe.TimeInForce_GoodForAuction,
        )
    if kind == EVENT_CANCELED:
        return np.int64(event["reason"]) != codes.RESTATEMENT_MASS_ACTION
    return kind in (EVENT_ACCEPTED, EVENT_REPLACED)


@outer_kernel
def _is_shown(event, flags):
    """1 where what is displayed of the order is put on the feed."""
    return np.int64(flags & EVENT_FLAG_HIDDEN == 0 and np.int64(event["display_lots"]) > 0)


@outer_kernel
def _was_shown(flags):
    """1 where the order is taken off the feed."""
    return np.int64(flags & EVENT_FLAG_HIDDEN == 0 and flags & EVENT_FLAG_WAS_RESTING != 0)
