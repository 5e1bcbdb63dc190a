"""From the bytes of one SBE message to a COMMAND: what it means, in ticks, lots and indexes.

What cannot be said in ticks or lots is not refused here: the COMMAND carries a flag, so that the refusal is a sequenced
decision like any other and the client gets its reject.
"""

from __future__ import annotations

import numpy as np

from appliance.state import FREE, find_instrument
from native import counters
from native.jit import kernel
from native.layout import (
    COMMAND_PRICE_OFF_TICK,
    COMMAND_QTY_OUT_OF_RANGE,
    COMMAND_UNKNOWN_SECURITY,
    KIND_CANCEL,
    KIND_NEW_ORDER,
    KIND_REPLACE,
)
from native.limits import QTY_LOTS_MAX
from wire.gen import order_entry as oe


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
    record["session"] = session
    record["stop_price_ticks"] = 0
    record["display_qty_lots"] = 0
    record["stp_instruction"] = 0
    record["flags"] = 0

    if template == oe.NewOrderShort_TEMPLATE_ID:
        if block_bytes < oe.NewOrderShort_BLOCK_LENGTH:
            return np.int64(-counters.DROP_MESSAGE_BLOCK)
        record["cl_ord_id"] = np.int64(oe.get_NewOrderShort_ClOrdID(frame, block))
        record["orig_cl_ord_id"] = 0
        record["order_id"] = 0
        record["account"] = oe.get_NewOrderShort_Account(frame, block)
        prevention_id = oe.get_NewOrderShort_SelfMatchPreventionID(frame, block)
        record["self_match_prevention_id"] = (
            0 if prevention_id == oe.NewOrderShort_SelfMatchPreventionID_NULL else prevention_id
        )
        record["side"] = oe.get_NewOrderShort_Side(frame, block)
        record["ord_type"] = oe.OrdType_Limit
        record["time_in_force"] = oe.get_NewOrderShort_TimeInForce(frame, block)
        record["exec_inst"] = oe.get_NewOrderShort_ExecInst(frame, block)
        instrument = _set_instrument(tables, record, oe.get_NewOrderShort_SecurityID(frame, block))
        _set_price(tables, record, instrument, oe.get_NewOrderShort_Price(frame, block))
        _set_qty(record, oe.get_NewOrderShort_OrderQty(frame, block))
        return np.int64(KIND_NEW_ORDER)

    if template == oe.OrderCancelRequest_TEMPLATE_ID:
        if block_bytes < oe.OrderCancelRequest_BLOCK_LENGTH:
            return np.int64(-counters.DROP_MESSAGE_BLOCK)
        record["cl_ord_id"] = np.int64(oe.get_OrderCancelRequest_ClOrdID(frame, block))
        record["orig_cl_ord_id"] = np.int64(oe.get_OrderCancelRequest_OrigClOrdID(frame, block))
        record["order_id"] = np.int64(_given(oe.get_OrderCancelRequest_OrderID(frame, block)))
        record["account"] = 0
        record["self_match_prevention_id"] = 0
        record["side"] = oe.get_OrderCancelRequest_Side(frame, block)
        record["ord_type"] = oe.OrdType_Limit
        record["time_in_force"] = 0
        record["exec_inst"] = 0
        record["price_ticks"] = 0
        record["qty_lots"] = 0
        _set_instrument(tables, record, oe.get_OrderCancelRequest_SecurityID(frame, block))
        return np.int64(KIND_CANCEL)

    if template == oe.OrderCancelReplaceRequest_TEMPLATE_ID:
        if block_bytes < oe.OrderCancelReplaceRequest_BLOCK_LENGTH:
            return np.int64(-counters.DROP_MESSAGE_BLOCK)
        record["cl_ord_id"] = np.int64(oe.get_OrderCancelReplaceRequest_ClOrdID(frame, block))
        record["orig_cl_ord_id"] = np.int64(oe.get_OrderCancelReplaceRequest_OrigClOrdID(frame, block))
        record["order_id"] = np.int64(_given(oe.get_OrderCancelReplaceRequest_OrderID(frame, block)))
        record["account"] = oe.get_OrderCancelReplaceRequest_Account(frame, block)
        record["self_match_prevention_id"] = 0
        record["side"] = oe.get_OrderCancelReplaceRequest_Side(frame, block)
        record["ord_type"] = oe.OrdType_Limit
        record["time_in_force"] = 0
        record["exec_inst"] = oe.get_OrderCancelReplaceRequest_ExecInst(frame, block)
        instrument = _set_instrument(tables, record, oe.get_OrderCancelReplaceRequest_SecurityID(frame, block))
        _set_price(tables, record, instrument, oe.get_OrderCancelReplaceRequest_Price(frame, block))
        _set_qty(record, oe.get_OrderCancelReplaceRequest_OrderQty(frame, block))
        return np.int64(KIND_REPLACE)

    return np.int64(-counters.DROP_MESSAGE_SCHEMA)


@kernel
def _given(order_id):
    """An OrderID, or 0 where the client gave none (SBE null)."""
    return np.int64(0) if order_id == oe.OrderCancelRequest_OrderID_NULL else order_id


@kernel
def _set_instrument(tables, record, security_id):
    instrument = find_instrument(tables, security_id)
    if instrument == FREE:
        record["instrument"] = security_id
        record["flags"] = np.int64(record["flags"]) | COMMAND_UNKNOWN_SECURITY
        return np.int64(FREE)
    record["instrument"] = instrument
    return instrument


@kernel
def _set_price(tables, record, instrument, price_nanos):
    record["price_ticks"] = 0
    if instrument == FREE:
        return 0
    tick_nanos = tables.instruments[instrument]["tick_nanos"]
    assert tick_nanos > 0
    record["price_ticks"] = price_nanos // tick_nanos
    if price_nanos % tick_nanos != 0:
        record["flags"] = np.int64(record["flags"]) | COMMAND_PRICE_OFF_TICK
    return 0


@kernel
def _set_qty(record, qty_lots):
    # a quantity of 2**63 and more reads as negative
    if qty_lots < 0 or qty_lots > QTY_LOTS_MAX:
        record["qty_lots"] = QTY_LOTS_MAX
        record["flags"] = np.int64(record["flags"]) | COMMAND_QTY_OUT_OF_RANGE
    else:
        record["qty_lots"] = qty_lots
    return 0
