"""From events to what their owners are told: execution reports, rejects, NotApplied (FIXP).

Every fill gives two reports, one a side. ExecID is the number of the report in its session's flow joined with the
session, so it is unique without a table. TransactTime is the sequenced time of the cause.
"""

from __future__ import annotations

import numpy as np

from appliance.report.datagram import begin_message
from appliance.state import FREE, NOW_NS
from native import counters
from native.jit import kernel
from native.layout import (
    COMMAND_UNKNOWN_SECURITY,
    EVENT_ACCEPTED,
    EVENT_CANCELED,
    EVENT_FLAG_PRIORITY_RETAINED,
    EVENT_FLAG_REPLACED_TO_NOTHING,
    EVENT_REJECTED,
    EVENT_REPLACED,
    EVENT_TRADE,
    KIND_CANCEL,
    KIND_NEW_ORDER,
    KIND_REPLACE,
)
from wire.gen import fixp
from wire.gen import order_entry as oe

SESSION_BITS_SHIFT = 48
"""ExecID = session << 48 | number of the report in the session."""


@kernel
def report(tables, outbox, records, index, events, at):
    """Tell the owners of `events[at]`, caused by the input `records[index]`, what happened. Returns reports written."""
    event = events[at]
    record = records[index]
    kind = np.int64(event["kind"])
    if kind == EVENT_ACCEPTED:
        tables.counters[counters.ORDERS_ACCEPTED] += 1
        return _new(tables, outbox, record, event)
    if kind == EVENT_TRADE:
        tables.counters[counters.FILLS] += 1
        tables.counters[counters.SHARES_TRADED] += event["qty_lots"]
        written = _trade(tables, outbox, record, event, True)
        return written + _trade(tables, outbox, record, event, False)
    if kind == EVENT_CANCELED:
        _count_canceled(tables, event)
        return _canceled(tables, outbox, record, event)
    if kind == EVENT_REPLACED:
        tables.counters[counters.REPLACES] += 1
        return _replaced(tables, outbox, record, event)
    if kind == EVENT_REJECTED:
        return reject(
            tables,
            outbox,
            record,
            np.int64(event["request_kind"]),
            np.int64(event["reason"]),
            event["limit_value"],
        )
    return 0  # EVENT_RESTED and EVENT_TRADING_STATUS are the feed's alone


@kernel
def _count_canceled(tables, event):
    request = np.int64(event["request_kind"])
    if np.int64(event["flags"]) & EVENT_FLAG_REPLACED_TO_NOTHING:
        tables.counters[counters.REPLACES] += 1
        tables.counters[counters.REPLACES_TO_NOTHING] += 1
    elif request == KIND_CANCEL:
        tables.counters[counters.CANCELS] += 1
    else:
        tables.counters[counters.IOC_CANCELED] += 1
    return 0


@kernel
def _exec_id(tables, session):
    return (np.int64(session) << SESSION_BITS_SHIFT) | (tables.sessions[session]["next_out_seq"] - 1)


@kernel
def _number(tables, session):
    """Number of the message that `begin_message` has just opened."""
    return tables.sessions[session]["next_out_seq"] - 1


@kernel
def _new(tables, outbox, record, event):
    session = np.int64(event["session"])
    block = begin_message(
        tables, outbox, session, oe.SCHEMA_ID, oe.ExecutionReportNew_TEMPLATE_ID, oe.ExecutionReportNew_BLOCK_LENGTH
    )
    if block == FREE:
        return 0
    octets = outbox.octets
    instrument = tables.instruments[np.int64(event["instrument"])]
    oe.put_ExecutionReportNew_MsgSeqNum(octets, block, _number(tables, session))
    oe.put_ExecutionReportNew_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_ExecutionReportNew_ClOrdID(octets, block, np.int64(event["cl_ord_id"]))
    oe.put_ExecutionReportNew_OrderID(octets, block, np.int64(event["order_id"]))
    oe.put_ExecutionReportNew_ExecID(octets, block, _exec_id(tables, session))
    oe.put_ExecutionReportNew_ReceiveTime(octets, block, np.int64(record["receive_time_ns"]))
    oe.put_ExecutionReportNew_TransactTime(octets, block, np.int64(record["time_ns"]))
    oe.put_ExecutionReportNew_Price(octets, block, event["price_ticks"] * instrument["tick_nanos"])
    oe.put_ExecutionReportNew_OrderQty(octets, block, event["qty_lots"])
    oe.put_ExecutionReportNew_LeavesQty(octets, block, event["leaves_lots"])
    oe.put_ExecutionReportNew_CumQty(octets, block, event["cum_lots"])
    oe.put_ExecutionReportNew_DisplayQty(octets, block, event["qty_lots"])
    oe.put_ExecutionReportNew_MDOrderPriority(octets, block, np.int64(event["priority"]))
    oe.put_ExecutionReportNew_SecurityID(octets, block, np.int64(instrument["security_id"]))
    oe.put_ExecutionReportNew_Account(octets, block, np.int64(event["account"]))
    oe.put_ExecutionReportNew_Side(octets, block, np.int64(event["side"]))
    oe.put_ExecutionReportNew_OrdType(octets, block, np.int64(event["ord_type"]))
    oe.put_ExecutionReportNew_TimeInForce(octets, block, np.int64(event["time_in_force"]))
    oe.put_ExecutionReportNew_OrdStatus(octets, block, oe.OrdStatus_New)
    oe.put_ExecutionReportNew_ExecInst(octets, block, np.int64(event["exec_inst"]))
    oe.put_ExecutionReportNew_WorkingIndicator(octets, block, 1)
    return 1


@kernel
def _trade(tables, outbox, record, event, aggressor):
    """One side's report of a fill: the aggressor's, or the resting order's."""
    session = np.int64(event["session"]) if aggressor else np.int64(event["maker_session"])
    block = begin_message(
        tables,
        outbox,
        session,
        oe.SCHEMA_ID,
        oe.ExecutionReportTrade_TEMPLATE_ID,
        oe.ExecutionReportTrade_BLOCK_LENGTH,
    )
    if block == FREE:
        return 0
    octets = outbox.octets
    instrument = tables.instruments[np.int64(event["instrument"])]
    side = np.int64(event["side"])
    if aggressor:
        cl_ord_id = np.int64(event["cl_ord_id"])
        order_id = np.int64(event["order_id"])
        leaves_lots = event["leaves_lots"]
        cum_lots = event["cum_lots"]
        account = np.int64(event["account"])
    else:
        cl_ord_id = np.int64(event["maker_cl_ord_id"])
        order_id = np.int64(event["maker_order_id"])
        leaves_lots = event["maker_leaves_lots"]
        cum_lots = event["maker_cum_lots"]
        account = np.int64(event["maker_account"])
        side = np.int64(oe.Side_Sell) if side == oe.Side_Buy else np.int64(oe.Side_Buy)
    oe.put_ExecutionReportTrade_MsgSeqNum(octets, block, _number(tables, session))
    oe.put_ExecutionReportTrade_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_ExecutionReportTrade_ClOrdID(octets, block, cl_ord_id)
    oe.put_ExecutionReportTrade_OrderID(octets, block, order_id)
    oe.put_ExecutionReportTrade_ExecID(octets, block, _exec_id(tables, session))
    oe.put_ExecutionReportTrade_TradeID(octets, block, np.int64(event["trade_id"]))
    oe.put_ExecutionReportTrade_TransactTime(octets, block, np.int64(record["time_ns"]))
    oe.put_ExecutionReportTrade_LastPx(octets, block, event["price_ticks"] * instrument["tick_nanos"])
    oe.put_ExecutionReportTrade_LastQty(octets, block, event["qty_lots"])
    oe.put_ExecutionReportTrade_LeavesQty(octets, block, leaves_lots)
    oe.put_ExecutionReportTrade_CumQty(octets, block, cum_lots)
    oe.put_ExecutionReportTrade_FeeAmount(octets, block, oe.ExecutionReportTrade_FeeAmount_NULL)
    oe.put_ExecutionReportTrade_WalletBalanceAfter(octets, block, oe.ExecutionReportTrade_WalletBalanceAfter_NULL)
    oe.put_ExecutionReportTrade_SecurityID(octets, block, np.int64(instrument["security_id"]))
    oe.put_ExecutionReportTrade_Account(octets, block, account)
    oe.put_ExecutionReportTrade_Side(octets, block, side)
    filled = leaves_lots == 0
    oe.put_ExecutionReportTrade_OrdStatus(
        octets, block, oe.OrdStatus_Filled if filled else oe.OrdStatus_PartiallyFilled
    )
    oe.put_ExecutionReportTrade_AggressorIndicator(octets, block, 1 if aggressor else 0)
    oe.put_ExecutionReportTrade_LastLiquidityInd(
        octets, block, oe.LastLiquidityInd_RemovedLiquidity if aggressor else oe.LastLiquidityInd_AddedLiquidity
    )
    oe.put_ExecutionReportTrade_CrossType(octets, block, oe.ExecutionReportTrade_CrossType_NULL)
    oe.put_ExecutionReportTrade_ContraFirm(octets, block, oe.ExecutionReportTrade_ContraFirm_NULL)
    return 1


@kernel
def _canceled(tables, outbox, record, event):
    session = np.int64(event["session"])
    block = begin_message(
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
    oe.put_ExecutionReportCancel_MsgSeqNum(octets, block, _number(tables, session))
    oe.put_ExecutionReportCancel_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_ExecutionReportCancel_ClOrdID(octets, block, np.int64(event["cl_ord_id"]))
    oe.put_ExecutionReportCancel_OrderID(octets, block, np.int64(event["order_id"]))
    oe.put_ExecutionReportCancel_ExecID(octets, block, _exec_id(tables, session))
    asked = np.int64(event["request_kind"]) != KIND_NEW_ORDER
    oe.put_ExecutionReportCancel_OrigClOrdID(
        octets,
        block,
        np.int64(event["orig_cl_ord_id"]) if asked else np.int64(oe.ExecutionReportCancel_OrigClOrdID_NULL),
    )
    oe.put_ExecutionReportCancel_ReceiveTime(octets, block, np.int64(record["receive_time_ns"]))
    oe.put_ExecutionReportCancel_TransactTime(octets, block, np.int64(record["time_ns"]))
    oe.put_ExecutionReportCancel_CumQty(octets, block, event["cum_lots"])
    oe.put_ExecutionReportCancel_MassActionReportID(
        octets, block, np.int64(oe.ExecutionReportCancel_MassActionReportID_NULL)
    )
    oe.put_ExecutionReportCancel_SecurityID(octets, block, np.int64(instrument["security_id"]))
    oe.put_ExecutionReportCancel_Account(octets, block, np.int64(event["account"]))
    oe.put_ExecutionReportCancel_Side(octets, block, np.int64(event["side"]))
    oe.put_ExecutionReportCancel_OrdStatus(octets, block, oe.OrdStatus_Canceled)
    oe.put_ExecutionReportCancel_ExecRestatementReason(octets, block, np.int64(event["reason"]))
    oe.put_ExecutionReportCancel_CxlQty(octets, block, event["qty_lots"])
    return 1


@kernel
def _replaced(tables, outbox, record, event):
    session = np.int64(event["session"])
    block = begin_message(
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
    oe.put_ExecutionReportModify_MsgSeqNum(octets, block, _number(tables, session))
    oe.put_ExecutionReportModify_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_ExecutionReportModify_ClOrdID(octets, block, np.int64(event["cl_ord_id"]))
    oe.put_ExecutionReportModify_OrderID(octets, block, np.int64(event["order_id"]))
    oe.put_ExecutionReportModify_ExecID(octets, block, _exec_id(tables, session))
    oe.put_ExecutionReportModify_OrigClOrdID(octets, block, np.int64(event["orig_cl_ord_id"]))
    oe.put_ExecutionReportModify_ReceiveTime(octets, block, np.int64(record["receive_time_ns"]))
    oe.put_ExecutionReportModify_TransactTime(octets, block, np.int64(record["time_ns"]))
    oe.put_ExecutionReportModify_Price(octets, block, event["price_ticks"] * instrument["tick_nanos"])
    oe.put_ExecutionReportModify_OrderQty(octets, block, event["qty_lots"])
    oe.put_ExecutionReportModify_LeavesQty(octets, block, event["leaves_lots"])
    oe.put_ExecutionReportModify_CumQty(octets, block, event["cum_lots"])
    oe.put_ExecutionReportModify_MDOrderPriority(octets, block, np.int64(event["priority"]))
    oe.put_ExecutionReportModify_SecurityID(octets, block, np.int64(instrument["security_id"]))
    oe.put_ExecutionReportModify_Account(octets, block, np.int64(event["account"]))
    oe.put_ExecutionReportModify_Side(octets, block, np.int64(event["side"]))
    oe.put_ExecutionReportModify_OrdStatus(octets, block, oe.OrdStatus_Replaced)
    retained = np.int64(event["flags"]) & EVENT_FLAG_PRIORITY_RETAINED != 0
    oe.put_ExecutionReportModify_PriorityRetained(octets, block, 1 if retained else 0)
    return 1


@kernel
def reject(tables, outbox, record, request_kind, reason, limit_value):
    """ExecutionReportReject of a new order, cancel or replace (`record` is the COMMAND). Returns 1."""
    if request_kind == KIND_NEW_ORDER:
        tables.counters[counters.ORDERS_REJECTED] += 1
        response_to = np.int64(oe.CxlRejResponseTo_NULL)
    elif request_kind == KIND_REPLACE:
        tables.counters[counters.REPLACES_REJECTED] += 1
        response_to = np.int64(oe.CxlRejResponseTo_OrderCancelReplaceRequest)
    else:
        tables.counters[counters.CANCELS_REJECTED] += 1
        response_to = np.int64(oe.CxlRejResponseTo_OrderCancelRequest)
    session = np.int64(record["session"])
    block = begin_message(
        tables,
        outbox,
        session,
        oe.SCHEMA_ID,
        oe.ExecutionReportReject_TEMPLATE_ID,
        oe.ExecutionReportReject_BLOCK_LENGTH,
    )
    if block == FREE:
        return 0
    octets = outbox.octets
    security_id = np.int64(record["instrument"])  # an unknown one is echoed as it came
    if np.int64(record["flags"]) & COMMAND_UNKNOWN_SECURITY == 0:
        security_id = np.int64(tables.instruments[security_id]["security_id"])
    is_new = request_kind == KIND_NEW_ORDER
    order_id = np.int64(record["order_id"])
    oe.put_ExecutionReportReject_MsgSeqNum(octets, block, _number(tables, session))
    oe.put_ExecutionReportReject_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_ExecutionReportReject_ClOrdID(octets, block, np.int64(record["cl_ord_id"]))
    oe.put_ExecutionReportReject_OrderID(
        octets, block, order_id if order_id != 0 else np.int64(oe.ExecutionReportReject_OrderID_NULL)
    )
    oe.put_ExecutionReportReject_ExecID(octets, block, _exec_id(tables, session))
    oe.put_ExecutionReportReject_OrigClOrdID(
        octets,
        block,
        np.int64(oe.ExecutionReportReject_OrigClOrdID_NULL) if is_new else np.int64(record["orig_cl_ord_id"]),
    )
    oe.put_ExecutionReportReject_ReceiveTime(octets, block, np.int64(record["receive_time_ns"]))
    oe.put_ExecutionReportReject_TransactTime(octets, block, np.int64(record["time_ns"]))
    oe.put_ExecutionReportReject_LimitValue(
        octets, block, limit_value if limit_value != 0 else np.int64(oe.ExecutionReportReject_LimitValue_NULL)
    )
    oe.put_ExecutionReportReject_SecurityID(octets, block, security_id)
    oe.put_ExecutionReportReject_Account(octets, block, np.int64(tables.sessions[session]["account"]))
    oe.put_ExecutionReportReject_OrdRejReason(octets, block, reason)
    oe.put_ExecutionReportReject_CxlRejResponseTo(octets, block, response_to)
    oe.put_ExecutionReportReject_Side(octets, block, np.int64(record["side"]))
    return 1


@kernel
def not_applied(tables, outbox, session, first_number, count):
    """FIXP NotApplied: the client's numbers `first_number` to `first_number + count - 1` are lost for good.

    `count` is at most GAP_MAX of the session stage, so it fits NotApplied's uint32. Returns 1.
    """
    block = begin_message(
        tables, outbox, session, fixp.SCHEMA_ID, fixp.NotApplied_TEMPLATE_ID, fixp.NotApplied_BLOCK_LENGTH
    )
    if block == FREE:
        return 0
    fixp.put_NotApplied_FromSeqNo(outbox.octets, block, first_number)
    fixp.put_NotApplied_Count(outbox.octets, block, count)
    return 1
