"""What a session is told apart from its orders: BusinessMessageReject, OrderStatusReport, WatermarkReport."""

from __future__ import annotations

import numpy as np

from appliance.report.datagram import begin_message, message_number
from appliance.state import FREE, NOW_NS, price_nanos
from native import codes
from native.jit import kernel
from native.layout import KIND_CANCEL, KIND_MASS_CANCEL, KIND_NEW_ORDER, KIND_REPLACE
from wire.gen import order_entry as oe

REASON_THROTTLED = 8
"""FIX 380: throttle limit exceeded."""
REASON_THROTTLED_OUT = 9
"""FIX 380: throttle limit exceeded, the session will be disconnected."""
_NO_PRICE = oe.OrderStatusReport_Price_NULL


@kernel
def _template_of(record):
    """Template of the request that became this record; both forms of a new order are told as the long one."""
    kind = np.int64(record["kind"])
    if kind == KIND_NEW_ORDER:
        return np.int64(oe.NewOrderSingle_TEMPLATE_ID)
    if kind == KIND_CANCEL:
        return np.int64(oe.OrderCancelRequest_TEMPLATE_ID)
    if kind == KIND_REPLACE:
        return np.int64(oe.OrderCancelReplaceRequest_TEMPLATE_ID)
    if kind == KIND_MASS_CANCEL:
        return np.int64(oe.OrderMassActionRequest_TEMPLATE_ID)
    return np.int64(record["ord_type"])  # a query has its template there


@kernel
def business_reject(tables, outbox, record, reason, retry_after_ns):
    """The request is refused before it is looked at. `retry_after_ns`: below 0 there is no time to tell. Returns 1."""
    session = np.int64(record["session"])
    template, block_bytes = oe.BusinessMessageReject_TEMPLATE_ID, oe.BusinessMessageReject_BLOCK_LENGTH
    block = begin_message(tables, outbox, session, oe.SCHEMA_ID, template, block_bytes)
    if block == FREE:
        return 0
    octets = outbox.octets
    oe.put_BusinessMessageReject_MsgSeqNum(octets, block, message_number(tables, session))
    oe.put_BusinessMessageReject_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_BusinessMessageReject_RefSeqNum(octets, block, np.int64(record["session_seq"]))
    oe.put_BusinessMessageReject_BusinessRejectRefID(octets, block, np.int64(record["cl_ord_id"]))
    null = np.int64(oe.BusinessMessageReject_RetryAfterNanos_NULL)
    oe.put_BusinessMessageReject_RetryAfterNanos(octets, block, null if retry_after_ns < 0 else retry_after_ns)
    oe.put_BusinessMessageReject_BusinessRejectReason(octets, block, reason)
    oe.put_BusinessMessageReject_RefTemplateID(octets, block, _template_of(record))
    return 1


@kernel
def watermark(tables, outbox, record):
    """The highest ClOrdID of the session's day. Returns 1."""
    session = np.int64(record["session"])
    template, block_bytes = oe.WatermarkReport_TEMPLATE_ID, oe.WatermarkReport_BLOCK_LENGTH
    block = begin_message(tables, outbox, session, oe.SCHEMA_ID, template, block_bytes)
    if block == FREE:
        return 0
    octets = outbox.octets
    oe.put_WatermarkReport_MsgSeqNum(octets, block, message_number(tables, session))
    oe.put_WatermarkReport_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_WatermarkReport_OrdStatusReqID(octets, block, np.int64(record["orig_cl_ord_id"]))
    oe.put_WatermarkReport_ClOrdID(octets, block, np.int64(tables.sessions[session]["cl_ord_id"]))
    oe.put_WatermarkReport_TransactTime(octets, block, np.int64(record["time_ns"]))
    return 1


@kernel
def order_status(tables, outbox, record, orders, slot):
    """How the order `orders[slot]` stands; `slot` FREE: the session has no such open order. Returns 1."""
    session = np.int64(record["session"])
    template, block_bytes = oe.OrderStatusReport_TEMPLATE_ID, oe.OrderStatusReport_BLOCK_LENGTH
    block = begin_message(tables, outbox, session, oe.SCHEMA_ID, template, block_bytes)
    if block == FREE:
        return 0
    octets = outbox.octets
    oe.put_OrderStatusReport_MsgSeqNum(octets, block, message_number(tables, session))
    oe.put_OrderStatusReport_SendingTime(octets, block, tables.clock[NOW_NS])
    oe.put_OrderStatusReport_OrdStatusReqID(octets, block, np.int64(record["orig_cl_ord_id"]))
    oe.put_OrderStatusReport_TransactTime(octets, block, np.int64(record["time_ns"]))
    if slot == FREE:
        order_id = np.int64(record["order_id"])
        oe.put_OrderStatusReport_ClOrdID(octets, block, np.int64(record["cl_ord_id"]))
        oe.put_OrderStatusReport_OrderID(
            octets, block, order_id if order_id != 0 else np.int64(oe.OrderStatusReport_OrderID_NULL)
        )
        oe.put_OrderStatusReport_Price(octets, block, _NO_PRICE)
        oe.put_OrderStatusReport_SecurityID(octets, block, oe.OrderStatusReport_SecurityID_NULL)
        oe.put_OrderStatusReport_Account(octets, block, oe.OrderStatusReport_Account_NULL)
        oe.put_OrderStatusReport_OrdRejReason(octets, block, codes.REJECT_UNKNOWN_ORDER)
        oe.put_OrderStatusReport_Side(octets, block, oe.OrderStatusReport_Side_NULL)
        oe.put_OrderStatusReport_OrdType(octets, block, oe.OrderStatusReport_OrdType_NULL)
        oe.put_OrderStatusReport_TimeInForce(octets, block, oe.OrderStatusReport_TimeInForce_NULL)
        oe.put_OrderStatusReport_OrdStatus(octets, block, oe.OrdStatus_Rejected)
        return 1
    order = orders[slot]
    ord_type = np.int64(order["ord_type"])
    has_price = ord_type in (oe.OrdType_Limit, oe.OrdType_StopLimit, oe.OrdType_LimitIfTouched)
    price = price_nanos(tables, np.int64(order["instrument"]), np.int64(order["price_ticks"]))
    leaves_lots = np.int64(order["leaves_lots"])
    cum_lots = np.int64(order["cum_lots"])
    oe.put_OrderStatusReport_ClOrdID(octets, block, np.int64(order["cl_ord_id"]))
    oe.put_OrderStatusReport_OrderID(octets, block, np.int64(order["order_id"]))
    oe.put_OrderStatusReport_Price(octets, block, price if has_price else np.int64(_NO_PRICE))
    oe.put_OrderStatusReport_OrderQty(octets, block, leaves_lots + cum_lots)
    oe.put_OrderStatusReport_LeavesQty(octets, block, leaves_lots)
    oe.put_OrderStatusReport_CumQty(octets, block, cum_lots)
    security_id = np.int64(tables.instruments[np.int64(order["instrument"])]["security_id"])
    oe.put_OrderStatusReport_SecurityID(octets, block, security_id)
    oe.put_OrderStatusReport_Account(octets, block, np.int64(order["account"]))
    oe.put_OrderStatusReport_OrdRejReason(octets, block, oe.OrderStatusReport_OrdRejReason_NULL)
    oe.put_OrderStatusReport_Side(octets, block, np.int64(order["side"]))
    oe.put_OrderStatusReport_OrdType(octets, block, ord_type)
    oe.put_OrderStatusReport_TimeInForce(octets, block, np.int64(order["time_in_force"]))
    oe.put_OrderStatusReport_OrdStatus(
        octets, block, oe.OrdStatus_New if cum_lots == 0 else oe.OrdStatus_PartiallyFilled
    )
    return 1
