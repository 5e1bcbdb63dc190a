"""From the bytes of one SBE message to a COMMAND: what it means, in ticks, lots and indexes.

What cannot be said in ticks or lots is not refused here: the COMMAND carries a flag, so that the refusal is a sequenced
decision like any other and the client gets its reject. SendingTime, OrderCapacity, ManualOrderIndicator and OFMOverride
are read by nobody: nothing that is decided depends on them.

A mass action borrows fields of the COMMAND that it has no other use for: see MASS_*.
"""

from __future__ import annotations

import numpy as np

from appliance.state import FREE, find_instrument
from native import counters
from native.jit import inner_kernel, kernel
from native.layout import (
    COMMAND_PRICE_MISSING,
    COMMAND_PRICE_OFF_TICK,
    COMMAND_QTY_OUT_OF_RANGE,
    COMMAND_STOP_PRICE_MISSING,
    COMMAND_STOP_PRICE_OFF_TICK,
    COMMAND_UNKNOWN_SECURITY,
    KIND_CANCEL,
    KIND_MASS_CANCEL,
    KIND_NEW_ORDER,
    KIND_REPLACE,
    KIND_STATUS_QUERY,
    NEVER_NS,
    NO_INDEX,
)
from native.limits import QTY_LOTS_MAX
from wire.gen import order_entry as oe

_PRICE_NULL = oe.NewOrderSingle_Price_NULL
_QTY_NULL = oe.NewOrderSingle_DisplayQty_NULL
_ID_NULL = oe.OrderCancelRequest_OrderID_NULL
_U32_NULL = oe.NewOrderShort_SelfMatchPreventionID_NULL
_U16_NULL = oe.NewOrderSingle_CancelGroupID_NULL
_U8_NULL = oe.OrderMassActionRequest_Side_NULL


@kernel
def next_message(frame, at, end):
    """Where the message after the one at `at` starts; minus the index of a DROP counter when this one does not end
    within the datagram (`end`: first byte beyond it)."""
    if at + oe.messageHeader_SIZE > end:
        return np.int64(-counters.DROP_MESSAGE_TRUNCATED)
    after = at + oe.messageHeader_SIZE + oe.get_messageHeader_blockLength(frame, at)
    if after > end:
        return np.int64(-counters.DROP_MESSAGE_TRUNCATED)
    return after


@kernel
def decode(tables, frame, at, records, index, session):
    """Read the message at `at` (its extent is proved by `next_message`) into the body of `records[index]`.

    Returns its KIND, or minus the index of the DROP counter. The header of the record is the sequencer's. Ids from
    2**63 read as negative: np.int64 keeps their bits on the way into an unsigned field, in plain Python too.
    """
    if oe.get_messageHeader_schemaId(frame, at) != oe.SCHEMA_ID:
        return np.int64(-counters.DROP_MESSAGE_SCHEMA)
    template = oe.get_messageHeader_templateId(frame, at)
    block_bytes = oe.get_messageHeader_blockLength(frame, at)
    block = at + oe.messageHeader_SIZE
    record = records[index]
    if template == oe.NewOrderShort_TEMPLATE_ID:
        if block_bytes < oe.NewOrderShort_BLOCK_LENGTH:
            return np.int64(-counters.DROP_MESSAGE_BLOCK)
        record["session"] = session
        return _new_order_short(tables, frame, block, record)
    if template == oe.OrderCancelRequest_TEMPLATE_ID:
        if block_bytes < oe.OrderCancelRequest_BLOCK_LENGTH:
            return np.int64(-counters.DROP_MESSAGE_BLOCK)
        record["session"] = session
        return _cancel(tables, frame, block, record)
    if template == oe.OrderCancelReplaceRequest_TEMPLATE_ID:
        if block_bytes < oe.OrderCancelReplaceRequest_BLOCK_LENGTH:
            return np.int64(-counters.DROP_MESSAGE_BLOCK)
        record["session"] = session
        return _replace(tables, frame, block, record)
    if template == oe.NewOrderSingle_TEMPLATE_ID:
        if block_bytes < oe.NewOrderSingle_BLOCK_LENGTH:
            return np.int64(-counters.DROP_MESSAGE_BLOCK)
        record["session"] = session
        return _new_order_single(tables, frame, block, record)
    if template == oe.OrderMassActionRequest_TEMPLATE_ID:
        if block_bytes < oe.OrderMassActionRequest_BLOCK_LENGTH:
            return np.int64(-counters.DROP_MESSAGE_BLOCK)
        record["session"] = session
        return _mass_action(tables, frame, block, record)
    if template == oe.OrderStatusRequest_TEMPLATE_ID:
        if block_bytes < oe.OrderStatusRequest_BLOCK_LENGTH:
            return np.int64(-counters.DROP_MESSAGE_BLOCK)
        record["session"] = session
        return _order_status(frame, block, record)
    if template == oe.WatermarkRequest_TEMPLATE_ID:
        if block_bytes < oe.WatermarkRequest_BLOCK_LENGTH:
            return np.int64(-counters.DROP_MESSAGE_BLOCK)
        record["session"] = session
        return _watermark(frame, block, record)
    return np.int64(-counters.DROP_MESSAGE_SCHEMA)


@inner_kernel
def _new_order_short(tables, frame, block, record):
    record["cl_ord_id"] = np.int64(oe.get_NewOrderShort_ClOrdID(frame, block))
    record["orig_cl_ord_id"] = 0
    record["order_id"] = 0
    record["stop_price_ticks"] = 0
    record["expire_time_ns"] = 0
    record["display_qty_lots"] = 0
    record["min_qty_lots"] = 0
    record["account"] = oe.get_NewOrderShort_Account(frame, block)
    record["cancel_group"] = 0
    record["risk_group"] = 0
    prevention_id = _given(oe.get_NewOrderShort_SelfMatchPreventionID(frame, block), _U32_NULL)
    record["self_match_prevention_id"] = prevention_id
    record["stp_instruction"] = oe.STPInstruction_CancelNewest if prevention_id != 0 else oe.STPInstruction_None
    record["side"] = oe.get_NewOrderShort_Side(frame, block)
    record["ord_type"] = oe.OrdType_Limit
    record["time_in_force"] = oe.get_NewOrderShort_TimeInForce(frame, block)
    record["exec_inst"] = oe.get_NewOrderShort_ExecInst(frame, block)
    tick_nanos, flags = _set_instrument(tables, record, oe.get_NewOrderShort_SecurityID(frame, block))
    price_nanos = oe.get_NewOrderShort_Price(frame, block)
    record["price_ticks"] = price_nanos // tick_nanos
    if price_nanos % tick_nanos != 0:
        flags |= COMMAND_PRICE_OFF_TICK
    qty_lots = oe.get_NewOrderShort_OrderQty(frame, block)
    record["qty_lots"] = _fitting(qty_lots)
    record["flags"] = flags | _qty_flag(qty_lots)
    return np.int64(KIND_NEW_ORDER)


@inner_kernel
def _cancel(tables, frame, block, record):
    record["cl_ord_id"] = np.int64(oe.get_OrderCancelRequest_ClOrdID(frame, block))
    record["orig_cl_ord_id"] = np.int64(oe.get_OrderCancelRequest_OrigClOrdID(frame, block))
    record["order_id"] = np.int64(_given(oe.get_OrderCancelRequest_OrderID(frame, block), _ID_NULL))
    _no_terms(record)
    record["account"] = 0
    record["side"] = oe.get_OrderCancelRequest_Side(frame, block)
    record["exec_inst"] = 0
    record["price_ticks"] = 0
    record["stop_price_ticks"] = 0
    record["qty_lots"] = 0
    record["display_qty_lots"] = 0
    _, flags = _set_instrument(tables, record, oe.get_OrderCancelRequest_SecurityID(frame, block))
    record["flags"] = flags
    return np.int64(KIND_CANCEL)


@inner_kernel
def _replace(tables, frame, block, record):
    record["cl_ord_id"] = np.int64(oe.get_OrderCancelReplaceRequest_ClOrdID(frame, block))
    record["orig_cl_ord_id"] = np.int64(oe.get_OrderCancelReplaceRequest_OrigClOrdID(frame, block))
    record["order_id"] = np.int64(_given(oe.get_OrderCancelReplaceRequest_OrderID(frame, block), _ID_NULL))
    _no_terms(record)
    record["account"] = oe.get_OrderCancelReplaceRequest_Account(frame, block)
    record["side"] = oe.get_OrderCancelReplaceRequest_Side(frame, block)
    record["exec_inst"] = oe.get_OrderCancelReplaceRequest_ExecInst(frame, block)
    tick_nanos, flags = _set_instrument(tables, record, oe.get_OrderCancelReplaceRequest_SecurityID(frame, block))
    flags |= _set_prices(
        record,
        tick_nanos,
        oe.get_OrderCancelReplaceRequest_Price(frame, block),
        oe.get_OrderCancelReplaceRequest_StopPx(frame, block),
    )
    qty_lots = oe.get_OrderCancelReplaceRequest_OrderQty(frame, block)
    display_lots = _given(oe.get_OrderCancelReplaceRequest_DisplayQty(frame, block), _QTY_NULL)
    record["qty_lots"] = _fitting(qty_lots)
    record["display_qty_lots"] = _fitting(display_lots)
    record["flags"] = flags | _qty_flag(qty_lots) | _qty_flag(display_lots)
    return np.int64(KIND_REPLACE)


@inner_kernel
def _new_order_single(tables, frame, block, record):
    record["cl_ord_id"] = np.int64(oe.get_NewOrderSingle_ClOrdID(frame, block))
    record["orig_cl_ord_id"] = 0
    record["order_id"] = 0
    expire_time_ns = _given(oe.get_NewOrderSingle_ExpireTime(frame, block), _QTY_NULL)
    # from 2**63 on (the year 2262) it reads as negative: never
    record["expire_time_ns"] = expire_time_ns if expire_time_ns >= 0 else np.int64(NEVER_NS)
    record["account"] = oe.get_NewOrderSingle_Account(frame, block)
    record["self_match_prevention_id"] = _given(oe.get_NewOrderSingle_SelfMatchPreventionID(frame, block), _U32_NULL)
    record["cancel_group"] = _given(oe.get_NewOrderSingle_CancelGroupID(frame, block), _U16_NULL)
    record["risk_group"] = _given(oe.get_NewOrderSingle_RiskGroupID(frame, block), _U16_NULL)
    record["side"] = oe.get_NewOrderSingle_Side(frame, block)
    record["ord_type"] = oe.get_NewOrderSingle_OrdType(frame, block)
    record["time_in_force"] = oe.get_NewOrderSingle_TimeInForce(frame, block)
    record["stp_instruction"] = oe.get_NewOrderSingle_STPInstruction(frame, block)
    record["exec_inst"] = oe.get_NewOrderSingle_ExecInst(frame, block)
    tick_nanos, flags = _set_instrument(tables, record, oe.get_NewOrderSingle_SecurityID(frame, block))
    flags |= _set_prices(
        record,
        tick_nanos,
        oe.get_NewOrderSingle_Price(frame, block),
        oe.get_NewOrderSingle_StopPx(frame, block),
    )
    qty_lots = oe.get_NewOrderSingle_OrderQty(frame, block)
    display_lots = _given(oe.get_NewOrderSingle_DisplayQty(frame, block), _QTY_NULL)
    min_lots = _given(oe.get_NewOrderSingle_MinQty(frame, block), _QTY_NULL)
    record["qty_lots"] = _fitting(qty_lots)
    record["display_qty_lots"] = _fitting(display_lots)
    record["min_qty_lots"] = _fitting(min_lots)
    record["flags"] = flags | _qty_flag(qty_lots) | _qty_flag(display_lots) | _qty_flag(min_lots)
    return np.int64(KIND_NEW_ORDER)


MASS_ACTION_TYPE = "ord_type"
"""Where the COMMAND of a mass action has its MassActionType, and so on: `report` tells them back, no one else reads
them."""
MASS_SCOPE = "time_in_force"
MASS_ACK_STYLE = "stp_instruction"
MASS_LOCKOUT = "exec_inst"


@inner_kernel
def _mass_action(tables, frame, block, record):
    """`price_ticks`: cancel what is above; `stop_price_ticks`: what is below. A bound between two ticks is as good as
    the tick beside it that spares the same orders."""
    record["cl_ord_id"] = np.int64(oe.get_OrderMassActionRequest_ClOrdID(frame, block))
    record["orig_cl_ord_id"] = 0
    record["order_id"] = 0
    record["expire_time_ns"] = 0
    record["qty_lots"] = 0
    record["display_qty_lots"] = 0
    record["min_qty_lots"] = 0
    record["self_match_prevention_id"] = 0
    record["risk_group"] = 0
    # null is NO_INDEX, hence any
    record["account"] = oe.get_OrderMassActionRequest_Account(frame, block)
    record["cancel_group"] = _given(oe.get_OrderMassActionRequest_CancelGroupID(frame, block), _U16_NULL)
    record["side"] = _given(oe.get_OrderMassActionRequest_Side(frame, block), _U8_NULL)
    record[MASS_ACTION_TYPE] = oe.get_OrderMassActionRequest_MassActionType(frame, block)
    record[MASS_SCOPE] = oe.get_OrderMassActionRequest_MassActionScope(frame, block)
    record[MASS_ACK_STYLE] = oe.get_OrderMassActionRequest_AckStyle(frame, block)
    record[MASS_LOCKOUT] = oe.get_OrderMassActionRequest_Lockout(frame, block)
    security_id = oe.get_OrderMassActionRequest_SecurityID(frame, block)
    higher_nanos = oe.get_OrderMassActionRequest_HigherThanPrice(frame, block)
    lower_nanos = oe.get_OrderMassActionRequest_LowerThanPrice(frame, block)
    tick_nanos = np.int64(1)
    flags = np.int64(0)
    if security_id == _U32_NULL:
        record["instrument"] = NO_INDEX
    else:
        tick_nanos, flags = _set_instrument(tables, record, security_id)
    record["price_ticks"] = 0
    record["stop_price_ticks"] = 0
    if higher_nanos == _PRICE_NULL:
        flags |= COMMAND_PRICE_MISSING
    else:
        record["price_ticks"] = higher_nanos // tick_nanos
    if lower_nanos == _PRICE_NULL:
        flags |= COMMAND_STOP_PRICE_MISSING
    else:
        record["stop_price_ticks"] = -(-lower_nanos // tick_nanos)
    record["flags"] = flags
    return np.int64(KIND_MASS_CANCEL)


QUERY_TEMPLATE = "ord_type"
"""Where the record of a query has its template; its OrdStatusReqID stands in `orig_cl_ord_id`."""


@inner_kernel
def _order_status(frame, block, record):
    _blank_query(record, np.int64(oe.OrderStatusRequest_TEMPLATE_ID))
    record["orig_cl_ord_id"] = np.int64(oe.get_OrderStatusRequest_OrdStatusReqID(frame, block))
    record["cl_ord_id"] = np.int64(oe.get_OrderStatusRequest_ClOrdID(frame, block))
    record["order_id"] = np.int64(_given(oe.get_OrderStatusRequest_OrderID(frame, block), _ID_NULL))
    return np.int64(KIND_STATUS_QUERY)


@inner_kernel
def _watermark(frame, block, record):
    _blank_query(record, np.int64(oe.WatermarkRequest_TEMPLATE_ID))
    record["orig_cl_ord_id"] = np.int64(oe.get_WatermarkRequest_OrdStatusReqID(frame, block))
    record["cl_ord_id"] = 0
    record["order_id"] = 0
    return np.int64(KIND_STATUS_QUERY)


@inner_kernel
def _blank_query(record, template):
    _no_terms(record)
    record[QUERY_TEMPLATE] = template
    record["instrument"] = NO_INDEX
    record["account"] = 0
    record["side"] = 0
    record["exec_inst"] = 0
    record["price_ticks"] = 0
    record["stop_price_ticks"] = 0
    record["qty_lots"] = 0
    record["display_qty_lots"] = 0
    record["flags"] = 0
    return 0


@inner_kernel
def _no_terms(record):
    """A cancel or replace leaves these as the order has them."""
    record["expire_time_ns"] = 0
    record["min_qty_lots"] = 0
    record["self_match_prevention_id"] = 0
    record["cancel_group"] = 0
    record["risk_group"] = 0
    record["ord_type"] = oe.OrdType_Limit
    record["time_in_force"] = 0
    record["stp_instruction"] = 0


@inner_kernel
def _given(value, null):
    """A field's value, or 0 where the client left it out (SBE null)."""
    return np.int64(0) if value == null else np.int64(value)


@inner_kernel
def _set_instrument(tables, record, security_id):
    """Write the index of the instrument, or the SecurityID where there is none. Returns its tick, and the flags."""
    instrument = find_instrument(tables, security_id)
    if instrument == FREE:
        record["instrument"] = security_id
        return np.int64(1), np.int64(COMMAND_UNKNOWN_SECURITY)
    record["instrument"] = instrument
    tick_nanos = np.int64(tables.instruments[instrument]["tick_nanos"])
    assert tick_nanos > 0
    return tick_nanos, np.int64(0)


@inner_kernel
def _set_prices(record, tick_nanos, price_nanos, stop_nanos):
    """Write Price and StopPx in ticks, each 0 where it is missing. Returns their flags."""
    flags = np.int64(0)
    price_ticks = price_nanos // tick_nanos
    if price_nanos == _PRICE_NULL:
        flags |= COMMAND_PRICE_MISSING
        price_ticks = np.int64(0)
    elif price_nanos % tick_nanos != 0:
        flags |= COMMAND_PRICE_OFF_TICK
    record["price_ticks"] = price_ticks
    stop_ticks = stop_nanos // tick_nanos
    if stop_nanos == _PRICE_NULL:
        flags |= COMMAND_STOP_PRICE_MISSING
        stop_ticks = np.int64(0)
    elif stop_nanos % tick_nanos != 0:
        flags |= COMMAND_STOP_PRICE_OFF_TICK
    record["stop_price_ticks"] = stop_ticks
    return flags


@inner_kernel
def _fitting(qty_lots):
    """The quantity, or the largest there is where it is beyond that (from 2**63 on it reads as negative)."""
    return np.int64(QTY_LOTS_MAX) if qty_lots < 0 or qty_lots > QTY_LOTS_MAX else np.int64(qty_lots)


@inner_kernel
def _qty_flag(qty_lots):
    return np.int64(COMMAND_QTY_OUT_OF_RANGE) if qty_lots < 0 or qty_lots > QTY_LOTS_MAX else np.int64(0)
