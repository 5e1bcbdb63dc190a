"""What answers a request that changed no order of its own: rejects, mass action reports, NotApplied (FIXP)."""

from __future__ import annotations

import numpy as np

from appliance.report.datagram import begin_message, exec_id, message_number
from appliance.state import FREE, NOW_NS, price_nanos
from native import codes, counters
from native.jit import inner_kernel, kernel
from native.layout import COMMAND_UNKNOWN_SECURITY, KIND_MASS_CANCEL, KIND_NEW_ORDER, KIND_REPLACE, NO_INDEX
from wire.gen import fixp
from wire.gen import order_entry as oe


@kernel
def reject(tables, outbox, record, reason, limit_value):
    """ExecutionReportReject of a new order, cancel or replace, OrderMassActionReport of a mass action (`record` is the
    COMMAND). `limit_value` is the limit that was hit, in the reason's own unit, where it has one. Returns 1."""
    request_kind = np.int64(record["kind"])
    if request_kind == KIND_MASS_CANCEL:
        return _mass_rejected(tables, outbox, record, reason)
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
    number = message_number(tables, session)
    oe.put_ExecutionReportReject_MsgSeqNum(octets, block, number)
    oe.put_ExecutionReportReject_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_ExecutionReportReject_ClOrdID(octets, block, np.int64(record["cl_ord_id"]))
    oe.put_ExecutionReportReject_OrderID(
        octets, block, order_id if order_id != 0 else np.int64(oe.ExecutionReportReject_OrderID_NULL)
    )
    oe.put_ExecutionReportReject_ExecID(octets, block, exec_id(session, number))
    oe.put_ExecutionReportReject_OrigClOrdID(
        octets,
        block,
        np.int64(oe.ExecutionReportReject_OrigClOrdID_NULL) if is_new else np.int64(record["orig_cl_ord_id"]),
    )
    oe.put_ExecutionReportReject_ReceiveTime(octets, block, np.int64(record["receive_time_ns"]))
    oe.put_ExecutionReportReject_TransactTime(octets, block, np.int64(record["time_ns"]))
    if reason in (codes.REJECT_PRICE_OUT_OF_BAND, codes.REJECT_PRICE_COLLAR):
        limit_value = price_nanos(tables, np.int64(record["instrument"]), limit_value)
    elif not _has_limit(reason):
        limit_value = np.int64(oe.ExecutionReportReject_LimitValue_NULL)
    oe.put_ExecutionReportReject_LimitValue(octets, block, limit_value)
    oe.put_ExecutionReportReject_SecurityID(octets, block, security_id)
    oe.put_ExecutionReportReject_Account(octets, block, np.int64(tables.sessions[session]["account"]))
    oe.put_ExecutionReportReject_OrdRejReason(octets, block, reason)
    oe.put_ExecutionReportReject_CxlRejResponseTo(octets, block, response_to)
    oe.put_ExecutionReportReject_Side(octets, block, np.int64(record["side"]))
    return 1


@inner_kernel
def _has_limit(reason):
    """Whether a reject tells which limit was hit, in lots, minor units or a number."""
    return (
        reason in (codes.REJECT_EXCEEDS_LIMIT, codes.REJECT_REDUCE_ONLY)
        or codes.REJECT_ACCOUNT_KILLED <= reason <= codes.REJECT_SESSION_KILLED
    )


@kernel
def mass_canceled(tables, outbox, record, event):
    """The end of a mass cancel. Its sender may have wanted reports of the orders alone (AckStyle Each): then it is told
    only where there were none."""
    tables.counters[counters.MASS_CANCELS] += 1
    orders = np.int64(event["qty_lots"])
    if np.int64(record["stp_instruction"]) == oe.AckStyle_Each and orders != 0:
        return 0
    null = np.int64(oe.OrderMassActionReport_MassActionRejectReason_NULL)
    return _mass_action_report(tables, outbox, record, np.int64(oe.MassActionResponse_Completed), null, orders)


@kernel
def _mass_rejected(tables, outbox, record, reason):
    tables.counters[counters.MASS_CANCELS_REJECTED] += 1
    rejected = np.int64(oe.MassActionResponse_Rejected)
    return _mass_action_report(tables, outbox, record, rejected, np.int64(reason), np.int64(0))


@kernel
def _mass_action_report(tables, outbox, record, response, reason, orders):
    """MassActionReportID is the number of the input in the journal: the reports of the orders have the same."""
    session = np.int64(record["session"])
    block = begin_message(
        tables,
        outbox,
        session,
        oe.SCHEMA_ID,
        oe.OrderMassActionReport_TEMPLATE_ID,
        oe.OrderMassActionReport_BLOCK_LENGTH,
    )
    if block == FREE:
        return 0
    octets = outbox.octets
    security_id = np.int64(record["instrument"])  # an unknown one is echoed as it came, none is the null
    if security_id != NO_INDEX and np.int64(record["flags"]) & COMMAND_UNKNOWN_SECURITY == 0:
        security_id = np.int64(tables.instruments[security_id]["security_id"])
    oe.put_OrderMassActionReport_MsgSeqNum(octets, block, message_number(tables, session))
    oe.put_OrderMassActionReport_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_OrderMassActionReport_ClOrdID(octets, block, np.int64(record["cl_ord_id"]))
    oe.put_OrderMassActionReport_MassActionReportID(octets, block, np.int64(record["sequence"]))
    oe.put_OrderMassActionReport_TransactTime(octets, block, np.int64(record["time_ns"]))
    oe.put_OrderMassActionReport_TotalAffectedOrders(octets, block, orders)
    oe.put_OrderMassActionReport_SecurityID(octets, block, security_id)
    oe.put_OrderMassActionReport_MassActionRejectReason(octets, block, reason)
    oe.put_OrderMassActionReport_MassActionType(octets, block, np.int64(record["ord_type"]))
    oe.put_OrderMassActionReport_MassActionScope(octets, block, np.int64(record["time_in_force"]))
    oe.put_OrderMassActionReport_MassActionResponse(octets, block, response)
    oe.put_OrderMassActionReport_LastFragment(octets, block, oe.Boolean_True)
    oe.put_OrderMassActionReport_Account(octets, block, np.int64(record["account"]))
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
