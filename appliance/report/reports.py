"""From events to what their owners are told: execution reports. The rest is in `refusals`.

Every fill gives two reports, one a side. ExecID is the number of the report in its session's flow joined with the
session, so it is unique without a table. TransactTime is the sequenced time of the cause; ReceiveTime stands only in
reports to the session whose request was the cause.

MDOrderPriority of New, Modify and Restated: a report is told before its order has matched, so the priority that the
order gets where its rest rests is looked for in the events behind it; 0 where it does not rest, or where that was told
with a later buffer of events (a sweep of hundreds of fills).
"""

from __future__ import annotations

import numpy as np

from appliance.report.datagram import begin_message, begin_unwritten, exec_id, message_number
from appliance.report.refusals import mass_canceled, reject
from appliance.report.words import put_cancel_tail, put_modify_tail, put_new_tail, put_trade_tail, trade_role
from appliance.state import FREE, NOW_NS, price_nanos
from native import codes, counters
from native.jit import inner_kernel, kernel
from native.layout import (
    COMMAND_BY_VENUE,
    EVENT_ACCEPTED,
    EVENT_CANCELED,
    EVENT_FLAG_AUCTION,
    EVENT_FLAG_PRIORITY_RETAINED,
    EVENT_MASS_CANCELED,
    EVENT_PHASE,
    EVENT_REJECTED,
    EVENT_REPLACED,
    EVENT_RESTATED,
    EVENT_RESTED,
    EVENT_TRADE,
    EVENT_TRIGGERED,
    KIND_MASS_CANCEL,
    KIND_NEW_ORDER,
    KIND_REPLACE,
)
from native.lowlevel import rarely, usually
from wire.gen import order_entry as oe

_HIDDEN = oe.ExecInst_Hidden
_ADDED = trade_role(oe.Boolean_False, oe.LastLiquidityInd_AddedLiquidity)
_REMOVED = trade_role(oe.Boolean_True, oe.LastLiquidityInd_RemovedLiquidity)
_IN_AUCTION = trade_role(oe.ExecutionReportTrade_AggressorIndicator_NULL, oe.LastLiquidityInd_Auction)
assert oe.Side_Sell == oe.Side_Buy + 1 and oe.OrdStatus_Filled == oe.OrdStatus_PartiallyFilled + 1


@inner_kernel
def report(tables, outbox, told, records, index, events, count):
    """Tell the owners of `events[:count]`, all events of this step, what happened because of the input
    `records[index]`. `told`: of each event that is a trade fee and balance of the aggressor, then of the maker (int64
    [4 * n], in 1e-9 or the null). Returns the bits (1 << kind) of EVENT_TRADE, EVENT_PHASE and EVENT_AUCTION, as far as
    such events are among them."""
    record = records[index]
    kinds = np.int64(0)
    for at in range(count):
        event = events[at]
        kind = np.int64(event["kind"])
        if kind == EVENT_ACCEPTED:
            tables.counters[counters.ORDERS_ACCEPTED] += 1
            _new(tables, outbox, record, event, _resting_priority(events, at, count))
        elif kind == EVENT_RESTED:
            _rested(tables, outbox, record, event)
        elif kind == EVENT_CANCELED:
            reason = np.int64(event["reason"])
            count_canceled(tables, np.int64(event["request_kind"]), reason)
            _canceled(tables, outbox, record, event, reason)
        elif kind == EVENT_REPLACED:
            tables.counters[counters.REPLACES] += 1
            _replaced(tables, outbox, record, event, _resting_priority(events, at, count))
        elif kind == EVENT_TRADE:
            tables.counters[counters.FILLS] += 1
            tables.counters[counters.SHARES_TRADED] += np.int64(event["qty_lots"])
            _traded(tables, outbox, told, 4 * at, record, event)
            kinds |= 1 << EVENT_TRADE
        else:
            kinds |= _report_seldom(tables, outbox, record, events, at, count)
    return kinds


@inner_kernel
def _report_seldom(tables, outbox, record, events, at, count):
    """`report` for the kinds of events that are no order's daily life. Returns the bit of one for the feed, or 0."""
    event = events[at]
    kind = np.int64(event["kind"])
    if kind == EVENT_REJECTED:
        reject(tables, outbox, record, np.int64(event["reason"]), np.int64(event["limit_value"]))
    elif kind == EVENT_RESTATED:
        tables.counters[counters.ORDERS_RESTATED] += 1
        priority = _resting_priority(events, at, count)
        _restated(tables, outbox, record, event, np.int64(event["reason"]), priority)
    elif kind == EVENT_TRIGGERED:
        tables.counters[counters.ORDERS_TRIGGERED] += 1
        priority = _resting_priority(events, at, count)
        _restated(tables, outbox, record, event, np.int64(codes.RESTATEMENT_TRIGGERED), priority)
    elif kind == EVENT_MASS_CANCELED:
        if np.int64(record["flags"]) & COMMAND_BY_VENUE == 0:
            mass_canceled(tables, outbox, record, event)
    else:  # the feed's alone
        if kind == EVENT_PHASE:
            tables.counters[counters.PHASE_CHANGES] += 1
        return np.int64(1) << kind
    return np.int64(0)


@inner_kernel
def _resting_priority(events, at, count):
    """The place that the order of `events[at]` has, or gets in the events behind it; 0: none."""
    priority = np.int64(events[at]["priority"])
    if priority != 0:
        return priority
    order_id = np.int64(events[at]["order_id"])
    for i in range(at + 1, count):
        if np.int64(events[i]["kind"]) == EVENT_RESTED and np.int64(events[i]["order_id"]) == order_id:
            return np.int64(events[i]["priority"])
    return np.int64(0)


@kernel
def count_canceled(tables, request_kind, reason):
    """The counter of an EVENT_CANCELED."""
    if reason == codes.RESTATEMENT_NONE:
        tables.counters[counters.CANCELS] += 1
    elif reason == codes.RESTATEMENT_REPLACED_TO_NOTHING:
        tables.counters[counters.REPLACES] += 1
        tables.counters[counters.REPLACES_TO_NOTHING] += 1
    elif reason in (codes.RESTATEMENT_IOC_REMAINDER, codes.RESTATEMENT_FOK_KILLED):
        tables.counters[counters.IOC_CANCELED] += 1
    elif reason == codes.RESTATEMENT_EXPIRED:
        tables.counters[counters.ORDERS_EXPIRED] += 1
    elif reason == codes.RESTATEMENT_MASS_ACTION:
        tables.counters[counters.ORDERS_MASS_CANCELED] += 1
    else:
        tables.counters[counters.VENUE_CANCELED] += 1
    return 0


@inner_kernel
def _receive_time(record, session):
    """When the NIC had the request; null in a report to anybody but its sender."""
    is_asked = np.int64(record["kind"]) <= KIND_MASS_CANCEL and np.int64(record["flags"]) & COMMAND_BY_VENUE == 0
    if is_asked and np.int64(record["session"]) == session:
        return np.int64(record["receive_time_ns"])
    return np.int64(oe.ExecutionReportCancel_ReceiveTime_NULL)


@inner_kernel
def _limit_price(tables, event):
    """Price of the order in 1e-9, null for a type without one."""
    ord_type = np.int64(event["ord_type"])
    if ord_type in (oe.OrdType_Limit, oe.OrdType_StopLimit, oe.OrdType_LimitIfTouched):
        return price_nanos(tables, np.int64(event["instrument"]), np.int64(event["price_ticks"]))
    return np.int64(oe.ExecutionReportNew_Price_NULL)


@inner_kernel
def _is_working(event, priority):
    """Whether an accepted order takes part at once: those with a trigger do not, nor does one that waits for its
    auction (it would rest)."""
    ord_type = np.int64(event["ord_type"])
    if ord_type in (oe.OrdType_Stop, oe.OrdType_StopLimit, oe.OrdType_MarketIfTouched, oe.OrdType_LimitIfTouched):
        return np.int64(oe.Boolean_False)
    if np.int64(event["time_in_force"]) in (oe.TimeInForce_AtClose, oe.TimeInForce_GoodForAuction) and priority == 0:
        return np.int64(oe.Boolean_False)
    return np.int64(oe.Boolean_True)


@inner_kernel
def _shown(record, event):
    """DisplayQty of an accepted order: what the market data feed would show of it."""
    if np.int64(event["exec_inst"]) & _HIDDEN:
        return np.int64(0)
    display_lots = np.int64(record["display_qty_lots"])
    return display_lots if display_lots != 0 else np.int64(event["qty_lots"])


@inner_kernel
def _new(tables, outbox, record, event, priority):
    session = np.int64(event["session"])
    block = begin_unwritten(
        tables, outbox, session, oe.SCHEMA_ID, oe.ExecutionReportNew_TEMPLATE_ID, oe.ExecutionReportNew_BLOCK_LENGTH
    )
    if block == FREE:
        return 0
    octets = outbox.octets
    instrument = tables.instruments[np.int64(event["instrument"])]
    number = message_number(tables, session)
    oe.put_ExecutionReportNew_MsgSeqNum(octets, block, number)
    oe.put_ExecutionReportNew_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_ExecutionReportNew_ClOrdID(octets, block, np.int64(event["cl_ord_id"]))
    oe.put_ExecutionReportNew_OrderID(octets, block, np.int64(event["order_id"]))
    oe.put_ExecutionReportNew_ExecID(octets, block, exec_id(session, number))
    oe.put_ExecutionReportNew_ReceiveTime(octets, block, np.int64(record["receive_time_ns"]))
    oe.put_ExecutionReportNew_TransactTime(octets, block, np.int64(record["time_ns"]))
    oe.put_ExecutionReportNew_Price(octets, block, _limit_price(tables, event))
    oe.put_ExecutionReportNew_OrderQty(octets, block, np.int64(event["qty_lots"]))
    oe.put_ExecutionReportNew_LeavesQty(octets, block, np.int64(event["leaves_lots"]))
    oe.put_ExecutionReportNew_CumQty(octets, block, np.int64(event["cum_lots"]))
    oe.put_ExecutionReportNew_DisplayQty(octets, block, _shown(record, event))
    oe.put_ExecutionReportNew_MDOrderPriority(octets, block, priority)
    put_new_tail(
        octets,
        block,
        np.int64(instrument["security_id"]),
        np.int64(event["account"]),
        np.int64(event["side"]),
        np.int64(event["ord_type"]),
        np.int64(event["time_in_force"]),
        np.int64(oe.OrdStatus_New),
        np.int64(event["exec_inst"]),
        _is_working(event, priority),
    )
    return 1


@inner_kernel
def _traded(tables, outbox, told, told_at, record, event):
    """The reports of a fill: to the aggressor, then to the owner of the resting order. In an auction there is no
    aggressor: the buy has its place."""
    instrument = tables.instruments[np.uint64(event["instrument"])]
    security_id = np.int64(instrument["security_id"])
    last_px = np.int64(event["price_ticks"]) * np.int64(instrument["tick_nanos"])
    is_buy = np.int64(np.int64(event["side"]) == oe.Side_Buy)
    taking = np.int64(_REMOVED)
    adding = np.int64(_ADDED)
    if rarely(np.int64(event["flags"]) & EVENT_FLAG_AUCTION != 0):
        tables.counters[counters.AUCTION_TRADES] += 1
        taking = adding = np.int64(_IN_AUCTION)
    _trade(
        tables, outbox, record, event, np.int64(event["session"]), np.int64(event["cl_ord_id"]),
        np.int64(event["order_id"]), np.int64(event["leaves_lots"]), np.int64(event["cum_lots"]),
        np.int64(event["account"]), np.int64(event["side"]), taking, told[np.uint64(told_at)],
        told[np.uint64(told_at + 1)], security_id, last_px,
    )  # fmt: skip
    _trade(
        tables, outbox, record, event, np.int64(event["maker_session"]), np.int64(event["maker_cl_ord_id"]),
        np.int64(event["maker_order_id"]), np.int64(event["maker_leaves_lots"]), np.int64(event["maker_cum_lots"]),
        np.int64(event["maker_account"]), oe.Side_Buy + is_buy, adding, told[np.uint64(told_at + 2)],
        told[np.uint64(told_at + 3)], security_id, last_px,
    )  # fmt: skip
    return 0


@inner_kernel
def _trade(
    tables, outbox, record, event, session, cl_ord_id, order_id, leaves_lots, cum_lots, account, side, role,
    fee_nanos, balance_nanos, security_id, last_px,
):  # fmt: skip
    """One side's report of a fill."""
    block = begin_unwritten(
        tables,
        outbox,
        session,
        oe.SCHEMA_ID,
        oe.ExecutionReportTrade_TEMPLATE_ID,
        oe.ExecutionReportTrade_BLOCK_LENGTH,
    )
    if rarely(block == FREE):
        return 0
    octets = outbox.octets
    number = message_number(tables, session)
    oe.put_ExecutionReportTrade_MsgSeqNum(octets, block, number)
    oe.put_ExecutionReportTrade_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_ExecutionReportTrade_ClOrdID(octets, block, cl_ord_id)
    oe.put_ExecutionReportTrade_OrderID(octets, block, order_id)
    oe.put_ExecutionReportTrade_ExecID(octets, block, exec_id(session, number))
    oe.put_ExecutionReportTrade_TradeID(octets, block, np.int64(event["trade_id"]))
    oe.put_ExecutionReportTrade_TransactTime(octets, block, np.int64(record["time_ns"]))
    oe.put_ExecutionReportTrade_LastPx(octets, block, last_px)
    oe.put_ExecutionReportTrade_LastQty(octets, block, np.int64(event["qty_lots"]))
    oe.put_ExecutionReportTrade_LeavesQty(octets, block, leaves_lots)
    oe.put_ExecutionReportTrade_CumQty(octets, block, cum_lots)
    oe.put_ExecutionReportTrade_FeeAmount(octets, block, fee_nanos)
    oe.put_ExecutionReportTrade_WalletBalanceAfter(octets, block, balance_nanos)
    ord_status = oe.OrdStatus_PartiallyFilled + np.int64(leaves_lots == 0)
    put_trade_tail(octets, block, security_id, account, side, ord_status, role)
    return 1


@kernel
def _rested(tables, outbox, record, event):
    """An order that rests is told with its New or Modify. Told apart: one that was parked and joins its auction now,
    and a market-to-limit order that has its price now."""
    is_parked = np.int64(event["time_in_force"]) in (oe.TimeInForce_AtClose, oe.TimeInForce_GoodForAuction)
    if usually(not is_parked and np.int64(record["ord_type"]) != oe.OrdType_MarketToLimit):
        return 0
    is_asked = np.int64(record["kind"]) in (KIND_NEW_ORDER, KIND_REPLACE) and (
        np.int64(record["session"]) == np.int64(event["session"]) and record["cl_ord_id"] == event["cl_ord_id"]
    )
    reason = np.int64(0)
    if is_parked:
        if not is_asked:
            reason = np.int64(codes.RESTATEMENT_JOINED_AUCTION)
    elif is_asked and np.int64(event["ord_type"]) == oe.OrdType_Limit:
        reason = np.int64(codes.RESTATEMENT_MARKET_TO_LIMIT)
    if reason == 0:
        return 0
    return _restated(tables, outbox, record, event, reason, np.int64(event["priority"]))


@kernel
def _restated(tables, outbox, record, event, reason, priority):
    session = np.int64(event["session"])
    block = begin_message(
        tables,
        outbox,
        session,
        oe.SCHEMA_ID,
        oe.ExecutionReportRestated_TEMPLATE_ID,
        oe.ExecutionReportRestated_BLOCK_LENGTH,
    )
    if block == FREE:
        return 0
    octets = outbox.octets
    instrument = tables.instruments[np.int64(event["instrument"])]
    cum_lots = np.int64(event["cum_lots"])
    number = message_number(tables, session)
    oe.put_ExecutionReportRestated_MsgSeqNum(octets, block, number)
    oe.put_ExecutionReportRestated_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_ExecutionReportRestated_ClOrdID(octets, block, np.int64(event["cl_ord_id"]))
    oe.put_ExecutionReportRestated_OrderID(octets, block, np.int64(event["order_id"]))
    oe.put_ExecutionReportRestated_ExecID(octets, block, exec_id(session, number))
    oe.put_ExecutionReportRestated_TransactTime(octets, block, np.int64(record["time_ns"]))
    oe.put_ExecutionReportRestated_Price(octets, block, _limit_price(tables, event))
    oe.put_ExecutionReportRestated_LeavesQty(octets, block, np.int64(event["leaves_lots"]))
    oe.put_ExecutionReportRestated_CumQty(octets, block, cum_lots)
    oe.put_ExecutionReportRestated_MDOrderPriority(octets, block, priority)
    oe.put_ExecutionReportRestated_SecurityID(octets, block, np.int64(instrument["security_id"]))
    oe.put_ExecutionReportRestated_Account(octets, block, np.int64(event["account"]))
    oe.put_ExecutionReportRestated_Side(octets, block, np.int64(event["side"]))
    oe.put_ExecutionReportRestated_OrdStatus(
        octets, block, oe.OrdStatus_New if cum_lots == 0 else oe.OrdStatus_PartiallyFilled
    )
    oe.put_ExecutionReportRestated_ExecRestatementReason(octets, block, reason)
    oe.put_ExecutionReportRestated_DisplayQty(octets, block, np.int64(event["display_lots"]))
    oe.put_ExecutionReportRestated_OrdType(octets, block, np.int64(event["ord_type"]))
    oe.put_ExecutionReportRestated_WorkingIndicator(octets, block, oe.Boolean_True)
    return 1


@inner_kernel
def _canceled(tables, outbox, record, event, reason):
    """An order is gone. A mass cancel whose sender wants one answer (AckStyle One) gets no report an order; the owner
    of another session's order is told in any case."""
    session = np.int64(event["session"])
    is_mass_action = reason == codes.RESTATEMENT_MASS_ACTION
    is_of_sender = np.int64(record["session"]) == session
    if is_mass_action and is_of_sender and np.int64(record["stp_instruction"]) == oe.AckStyle_One:
        return 0
    block = begin_unwritten(
        tables,
        outbox,
        session,
        oe.SCHEMA_ID,
        oe.ExecutionReportCancel_TEMPLATE_ID,
        oe.ExecutionReportCancel_BLOCK_LENGTH,
    )
    if block == FREE:
        return 0
    octets = outbox.octets
    instrument = tables.instruments[np.int64(event["instrument"])]
    is_asked = reason in (codes.RESTATEMENT_NONE, codes.RESTATEMENT_REPLACED_TO_NOTHING)
    number = message_number(tables, session)
    oe.put_ExecutionReportCancel_MsgSeqNum(octets, block, number)
    oe.put_ExecutionReportCancel_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_ExecutionReportCancel_ClOrdID(octets, block, np.int64(event["cl_ord_id"]))
    oe.put_ExecutionReportCancel_OrderID(octets, block, np.int64(event["order_id"]))
    oe.put_ExecutionReportCancel_ExecID(octets, block, exec_id(session, number))
    oe.put_ExecutionReportCancel_OrigClOrdID(
        octets,
        block,
        np.int64(record["orig_cl_ord_id"]) if is_asked else np.int64(oe.ExecutionReportCancel_OrigClOrdID_NULL),
    )
    oe.put_ExecutionReportCancel_ReceiveTime(octets, block, _receive_time(record, session))
    oe.put_ExecutionReportCancel_TransactTime(octets, block, np.int64(record["time_ns"]))
    oe.put_ExecutionReportCancel_CumQty(octets, block, np.int64(event["cum_lots"]))
    oe.put_ExecutionReportCancel_MassActionReportID(
        octets,
        block,
        np.int64(record["sequence"]) if is_mass_action else np.int64(oe.ExecutionReportCancel_MassActionReportID_NULL),
    )
    put_cancel_tail(
        octets,
        block,
        np.int64(instrument["security_id"]),
        np.int64(event["account"]),
        np.int64(event["side"]),
        np.int64(oe.OrdStatus_Expired if reason == codes.RESTATEMENT_EXPIRED else oe.OrdStatus_Canceled),
        reason,
    )
    oe.put_ExecutionReportCancel_CxlQty(octets, block, np.int64(event["qty_lots"]))
    return 1


@inner_kernel
def _replaced(tables, outbox, record, event, priority):
    session = np.int64(event["session"])
    block = begin_unwritten(
        tables,
        outbox,
        session,
        oe.SCHEMA_ID,
        oe.ExecutionReportModify_TEMPLATE_ID,
        oe.ExecutionReportModify_BLOCK_LENGTH,
    )
    if block == FREE:
        return 0
    octets = outbox.octets
    instrument = tables.instruments[np.int64(event["instrument"])]
    number = message_number(tables, session)
    oe.put_ExecutionReportModify_MsgSeqNum(octets, block, number)
    oe.put_ExecutionReportModify_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_ExecutionReportModify_ClOrdID(octets, block, np.int64(event["cl_ord_id"]))
    oe.put_ExecutionReportModify_OrderID(octets, block, np.int64(event["order_id"]))
    oe.put_ExecutionReportModify_ExecID(octets, block, exec_id(session, number))
    oe.put_ExecutionReportModify_OrigClOrdID(octets, block, np.int64(record["orig_cl_ord_id"]))
    oe.put_ExecutionReportModify_ReceiveTime(octets, block, np.int64(record["receive_time_ns"]))
    oe.put_ExecutionReportModify_TransactTime(octets, block, np.int64(record["time_ns"]))
    oe.put_ExecutionReportModify_Price(octets, block, _limit_price(tables, event))
    oe.put_ExecutionReportModify_OrderQty(octets, block, np.int64(event["qty_lots"]))
    oe.put_ExecutionReportModify_LeavesQty(octets, block, np.int64(event["leaves_lots"]))
    oe.put_ExecutionReportModify_CumQty(octets, block, np.int64(event["cum_lots"]))
    oe.put_ExecutionReportModify_MDOrderPriority(octets, block, priority)
    retained = np.int64(event["flags"]) & EVENT_FLAG_PRIORITY_RETAINED != 0
    put_modify_tail(
        octets,
        block,
        np.int64(instrument["security_id"]),
        np.int64(event["account"]),
        np.int64(event["side"]),
        np.int64(oe.OrdStatus_Replaced),
        np.int64(1 if retained else 0),
    )
    return 1
