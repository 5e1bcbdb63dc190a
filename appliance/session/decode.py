"""From the bytes of one SBE message to a COMMAND: what it means, in ticks, lots and indexes.

What cannot be said in ticks or lots is not refused here: the COMMAND carries a flag, so that the refusal is a sequenced
decision like any other and the client gets its reject. SendingTime, OrderCapacity, ManualOrderIndicator and OFMOverride
are read by nobody: nothing that is decided depends on them.

A mass action borrows fields of the COMMAND that it has no other use for: see MASS_*.

A COMMAND is written as words of 64 bits, for so it is read a moment later, by the CRC of the journal and by the book: a
load of a word that was just stored in parts waits until the parts are in the cache.
"""

from __future__ import annotations

import numpy as np

from appliance.state import FREE, PRICE_TICKS_HIGHEST, find_instrument
from native import counters
from native.jit import inner_kernel, kernel, outer_kernel
from native.layout import (
    COMMAND,
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
from native.lowlevel import (
    bytes_at,
    count_trailing_zeros64,
    load_u64,
    multiply_low64,
    store_word,
    usually,
    word_of,
)
from wire.gen import order_entry as oe

_PRICE_NULL = oe.NewOrderSingle_Price_NULL
_QTY_NULL = oe.NewOrderSingle_DisplayQty_NULL
_ID_NULL = oe.OrderCancelRequest_OrderID_NULL
_U32_NULL = oe.NewOrderShort_SelfMatchPreventionID_NULL
_U16_NULL = oe.NewOrderSingle_CancelGroupID_NULL
_U8_NULL = oe.OrderMassActionRequest_Side_NULL
LOW_16 = 0xFFFF
LOW_32 = 0xFFFFFFFF

# templateId and schemaId of the messages that are read, as one number: so they stand in a header, behind blockLength
_NEW_ORDER_SHORT = oe.NewOrderShort_TEMPLATE_ID | oe.SCHEMA_ID << 16
_ORDER_CANCEL_REQUEST = oe.OrderCancelRequest_TEMPLATE_ID | oe.SCHEMA_ID << 16
_ORDER_CANCEL_REPLACE_REQUEST = oe.OrderCancelReplaceRequest_TEMPLATE_ID | oe.SCHEMA_ID << 16
_NEW_ORDER_SINGLE = oe.NewOrderSingle_TEMPLATE_ID | oe.SCHEMA_ID << 16
_ORDER_MASS_ACTION_REQUEST = oe.OrderMassActionRequest_TEMPLATE_ID | oe.SCHEMA_ID << 16
_ORDER_STATUS_REQUEST = oe.OrderStatusRequest_TEMPLATE_ID | oe.SCHEMA_ID << 16
_WATERMARK_REQUEST = oe.WatermarkRequest_TEMPLATE_ID | oe.SCHEMA_ID << 16
_READ = (
    _NEW_ORDER_SHORT,
    _ORDER_CANCEL_REQUEST,
    _ORDER_CANCEL_REPLACE_REQUEST,
    _NEW_ORDER_SINGLE,
    _ORDER_MASS_ACTION_REQUEST,
    _ORDER_STATUS_REQUEST,
    _WATERMARK_REQUEST,
)


CL_ORD_ID = word_of(COMMAND, "cl_ord_id")
ORIG_CL_ORD_ID = word_of(COMMAND, "orig_cl_ord_id")
ORDER_ID = word_of(COMMAND, "order_id")
PRICE = word_of(COMMAND, "price_ticks")
STOP_PRICE = word_of(COMMAND, "stop_price_ticks")
EXPIRE_TIME = word_of(COMMAND, "expire_time_ns")
QTY_AND_DISPLAY = word_of(COMMAND, "qty_lots", "display_qty_lots")
MIN_QTY_AND_INSTRUMENT = word_of(COMMAND, "min_qty_lots", "instrument")
ACCOUNT_AND_PREVENTION = word_of(COMMAND, "account", "self_match_prevention_id")
SESSION_AND_GROUPS = word_of(COMMAND, "session", "cancel_group", "risk_group")
TERMS = word_of(COMMAND, "side", "ord_type", "time_in_force", "stp_instruction", "exec_inst", "flags")


@inner_kernel
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
    """`_decode` for callers that have arrays."""
    return _decode(tables, frame, at, records, index, session)


@kernel
def decode_at(tables, journal, address, message_bytes, index, session):
    """`_decode` of the message of so many bytes at `address`, into `journal.records[index]`. It takes no array: that
    would be seven words of arguments."""
    return _decode(tables, bytes_at(address, message_bytes), np.int64(0), journal.records, index, session)


@inner_kernel
def _decode(tables, frame, at, records, index, session):
    """Read the message at `at` (its extent is proved by `next_message`) into the body of `records[index]`.

    Returns its KIND, or minus the index of the DROP counter. The header of the record is the sequencer's. Ids from
    2**63 read as negative: np.int64 keeps their bits on the way into an unsigned field, in plain Python too.
    """
    header = load_u64(frame, at)
    block_bytes = header & LOW_16
    asked = (header >> 16) & LOW_32
    block = at + oe.messageHeader_SIZE
    if asked == _NEW_ORDER_SHORT and block_bytes >= oe.NewOrderShort_BLOCK_LENGTH:
        return _new_order_short(tables, frame, block, records, index, session)
    if asked == _ORDER_CANCEL_REQUEST and block_bytes >= oe.OrderCancelRequest_BLOCK_LENGTH:
        return _cancel(tables, frame, block, records, index, session)
    if asked == _ORDER_CANCEL_REPLACE_REQUEST and block_bytes >= oe.OrderCancelReplaceRequest_BLOCK_LENGTH:
        return _replace(tables, frame, block, records, index, session)
    if asked == _NEW_ORDER_SINGLE and block_bytes >= oe.NewOrderSingle_BLOCK_LENGTH:
        return _new_order_single(tables, frame, block, records, index, session)
    if asked == _ORDER_MASS_ACTION_REQUEST and block_bytes >= oe.OrderMassActionRequest_BLOCK_LENGTH:
        return _mass_action(tables, frame, block, records, index, session)
    if asked == _ORDER_STATUS_REQUEST and block_bytes >= oe.OrderStatusRequest_BLOCK_LENGTH:
        return _order_status(frame, block, records, index, session)
    if asked == _WATERMARK_REQUEST and block_bytes >= oe.WatermarkRequest_BLOCK_LENGTH:
        return _watermark(frame, block, records, index, session)
    return np.int64(-counters.DROP_MESSAGE_BLOCK if asked in _READ else -counters.DROP_MESSAGE_SCHEMA)


@inner_kernel
def _pair(low, high):
    """Two fields of 32 bits as the word that they share."""
    return (low & LOW_32) | (high << 32)


@inner_kernel
def _terms(side, ord_type, time_in_force, stp_instruction, exec_inst, flags):
    """The last word of a COMMAND."""
    return side | ord_type << 8 | time_in_force << 16 | stp_instruction << 24 | exec_inst << 32 | flags << 48


@inner_kernel
def _new_order_short(tables, frame, block, records, index, session):
    prevention_id = _given(oe.get_NewOrderShort_SelfMatchPreventionID(frame, block), _U32_NULL)
    stp_instruction = np.int64(oe.STPInstruction_CancelNewest if prevention_id != 0 else oe.STPInstruction_None)
    instrument, tick, flags = _instrument(tables, oe.get_NewOrderShort_SecurityID(frame, block))
    price_ticks, is_off_tick = in_ticks(oe.get_NewOrderShort_Price(frame, block), tick)
    if is_off_tick:
        flags |= COMMAND_PRICE_OFF_TICK
    qty_lots = oe.get_NewOrderShort_OrderQty(frame, block)
    flags |= _qty_flag(qty_lots)
    store_word(records, index, CL_ORD_ID, oe.get_NewOrderShort_ClOrdID(frame, block))
    store_word(records, index, ORIG_CL_ORD_ID, 0)
    store_word(records, index, ORDER_ID, 0)
    store_word(records, index, PRICE, price_ticks)
    store_word(records, index, STOP_PRICE, 0)
    store_word(records, index, EXPIRE_TIME, 0)
    store_word(records, index, QTY_AND_DISPLAY, _fitting(qty_lots))
    store_word(records, index, MIN_QTY_AND_INSTRUMENT, instrument << 32)
    account = oe.get_NewOrderShort_Account(frame, block)
    store_word(records, index, ACCOUNT_AND_PREVENTION, _pair(account, prevention_id))
    store_word(records, index, SESSION_AND_GROUPS, session)
    terms = _terms(
        oe.get_NewOrderShort_Side(frame, block),
        np.int64(oe.OrdType_Limit),
        oe.get_NewOrderShort_TimeInForce(frame, block),
        stp_instruction,
        oe.get_NewOrderShort_ExecInst(frame, block),
        flags,
    )
    store_word(records, index, TERMS, terms)
    return np.int64(KIND_NEW_ORDER)


@inner_kernel
def _cancel(tables, frame, block, records, index, session):
    instrument, _, flags = _instrument(tables, oe.get_OrderCancelRequest_SecurityID(frame, block))
    store_word(records, index, CL_ORD_ID, oe.get_OrderCancelRequest_ClOrdID(frame, block))
    store_word(records, index, ORIG_CL_ORD_ID, oe.get_OrderCancelRequest_OrigClOrdID(frame, block))
    store_word(records, index, ORDER_ID, _given(oe.get_OrderCancelRequest_OrderID(frame, block), _ID_NULL))
    side = oe.get_OrderCancelRequest_Side(frame, block)
    _keep_terms(records, index, session, np.int64(0), side, np.int64(0), flags)
    store_word(records, index, PRICE, 0)
    store_word(records, index, STOP_PRICE, 0)
    store_word(records, index, QTY_AND_DISPLAY, 0)
    store_word(records, index, MIN_QTY_AND_INSTRUMENT, instrument << 32)
    return np.int64(KIND_CANCEL)


@inner_kernel
def _replace(tables, frame, block, records, index, session):
    instrument, tick, flags = _instrument(tables, oe.get_OrderCancelReplaceRequest_SecurityID(frame, block))
    flags |= _set_prices(
        records,
        index,
        tick,
        oe.get_OrderCancelReplaceRequest_Price(frame, block),
        oe.get_OrderCancelReplaceRequest_StopPx(frame, block),
    )
    qty_lots = oe.get_OrderCancelReplaceRequest_OrderQty(frame, block)
    display_lots = _given(oe.get_OrderCancelReplaceRequest_DisplayQty(frame, block), _QTY_NULL)
    flags |= _qty_flag(qty_lots) | _qty_flag(display_lots)
    store_word(records, index, CL_ORD_ID, oe.get_OrderCancelReplaceRequest_ClOrdID(frame, block))
    store_word(records, index, ORIG_CL_ORD_ID, oe.get_OrderCancelReplaceRequest_OrigClOrdID(frame, block))
    store_word(records, index, ORDER_ID, _given(oe.get_OrderCancelReplaceRequest_OrderID(frame, block), _ID_NULL))
    store_word(records, index, QTY_AND_DISPLAY, _pair(_fitting(qty_lots), _fitting(display_lots)))
    store_word(records, index, MIN_QTY_AND_INSTRUMENT, instrument << 32)
    account = oe.get_OrderCancelReplaceRequest_Account(frame, block)
    side = oe.get_OrderCancelReplaceRequest_Side(frame, block)
    exec_inst = oe.get_OrderCancelReplaceRequest_ExecInst(frame, block)
    _keep_terms(records, index, session, account, side, exec_inst, flags)
    return np.int64(KIND_REPLACE)


@inner_kernel
def _new_order_single(tables, frame, block, records, index, session):
    instrument, tick, flags = _instrument(tables, oe.get_NewOrderSingle_SecurityID(frame, block))
    flags |= _set_prices(
        records,
        index,
        tick,
        oe.get_NewOrderSingle_Price(frame, block),
        oe.get_NewOrderSingle_StopPx(frame, block),
    )
    expire_time_ns = _given(oe.get_NewOrderSingle_ExpireTime(frame, block), _QTY_NULL)
    # from 2**63 on (the year 2262) it reads as negative: never
    expire_time_ns = expire_time_ns if expire_time_ns >= 0 else np.int64(NEVER_NS)
    qty_lots = oe.get_NewOrderSingle_OrderQty(frame, block)
    display_lots = _given(oe.get_NewOrderSingle_DisplayQty(frame, block), _QTY_NULL)
    min_lots = _given(oe.get_NewOrderSingle_MinQty(frame, block), _QTY_NULL)
    flags |= _qty_flag(qty_lots) | _qty_flag(display_lots) | _qty_flag(min_lots)
    store_word(records, index, CL_ORD_ID, oe.get_NewOrderSingle_ClOrdID(frame, block))
    store_word(records, index, ORIG_CL_ORD_ID, 0)
    store_word(records, index, ORDER_ID, 0)
    store_word(records, index, EXPIRE_TIME, expire_time_ns)
    store_word(records, index, QTY_AND_DISPLAY, _pair(_fitting(qty_lots), _fitting(display_lots)))
    store_word(records, index, MIN_QTY_AND_INSTRUMENT, _pair(_fitting(min_lots), instrument))
    account = oe.get_NewOrderSingle_Account(frame, block)
    prevention_id = _given(oe.get_NewOrderSingle_SelfMatchPreventionID(frame, block), _U32_NULL)
    store_word(records, index, ACCOUNT_AND_PREVENTION, _pair(account, prevention_id))
    cancel_group = _given(oe.get_NewOrderSingle_CancelGroupID(frame, block), _U16_NULL)
    risk_group = _given(oe.get_NewOrderSingle_RiskGroupID(frame, block), _U16_NULL)
    store_word(records, index, SESSION_AND_GROUPS, session | cancel_group << 32 | risk_group << 48)
    terms = _terms(
        oe.get_NewOrderSingle_Side(frame, block),
        oe.get_NewOrderSingle_OrdType(frame, block),
        oe.get_NewOrderSingle_TimeInForce(frame, block),
        oe.get_NewOrderSingle_STPInstruction(frame, block),
        oe.get_NewOrderSingle_ExecInst(frame, block),
        flags,
    )
    store_word(records, index, TERMS, terms)
    return np.int64(KIND_NEW_ORDER)


MASS_ACTION_TYPE = "ord_type"
"""Where the COMMAND of a mass action has its MassActionType, and so on: `report` tells them back, no one else reads
them."""
MASS_SCOPE = "time_in_force"
MASS_ACK_STYLE = "stp_instruction"
MASS_LOCKOUT = "exec_inst"


@inner_kernel
def _mass_action(tables, frame, block, records, index, session):
    """`price_ticks`: cancel what is above; `stop_price_ticks`: what is below. A bound between two ticks is as good as
    the tick beside it that spares the same orders."""
    security_id = oe.get_OrderMassActionRequest_SecurityID(frame, block)
    instrument = np.int64(NO_INDEX)
    tick_nanos = np.int64(1)
    flags = np.int64(0)
    if security_id != _U32_NULL:
        instrument, tick, flags = _instrument(tables, security_id)
        tick_nanos = tick[0]
    higher_nanos = oe.get_OrderMassActionRequest_HigherThanPrice(frame, block)
    lower_nanos = oe.get_OrderMassActionRequest_LowerThanPrice(frame, block)
    above_ticks = np.int64(0)
    below_ticks = np.int64(0)
    if higher_nanos == _PRICE_NULL:
        flags |= COMMAND_PRICE_MISSING
    else:
        above_ticks = higher_nanos // tick_nanos
    if lower_nanos == _PRICE_NULL:
        flags |= COMMAND_STOP_PRICE_MISSING
    else:
        below_ticks = -(-lower_nanos // tick_nanos)
    store_word(records, index, CL_ORD_ID, oe.get_OrderMassActionRequest_ClOrdID(frame, block))
    store_word(records, index, ORIG_CL_ORD_ID, 0)
    store_word(records, index, ORDER_ID, 0)
    store_word(records, index, PRICE, above_ticks)
    store_word(records, index, STOP_PRICE, below_ticks)
    store_word(records, index, EXPIRE_TIME, 0)
    store_word(records, index, QTY_AND_DISPLAY, 0)
    store_word(records, index, MIN_QTY_AND_INSTRUMENT, instrument << 32)
    # null is NO_INDEX, hence any
    store_word(records, index, ACCOUNT_AND_PREVENTION, oe.get_OrderMassActionRequest_Account(frame, block))
    cancel_group = _given(oe.get_OrderMassActionRequest_CancelGroupID(frame, block), _U16_NULL)
    store_word(records, index, SESSION_AND_GROUPS, session | cancel_group << 32)
    terms = _terms(
        _given(oe.get_OrderMassActionRequest_Side(frame, block), _U8_NULL),
        oe.get_OrderMassActionRequest_MassActionType(frame, block),
        oe.get_OrderMassActionRequest_MassActionScope(frame, block),
        oe.get_OrderMassActionRequest_AckStyle(frame, block),
        oe.get_OrderMassActionRequest_Lockout(frame, block),
        flags,
    )
    store_word(records, index, TERMS, terms)
    return np.int64(KIND_MASS_CANCEL)


QUERY_TEMPLATE = "ord_type"
"""Where the record of a query has its template; its OrdStatusReqID stands in `orig_cl_ord_id`."""


@inner_kernel
def _order_status(frame, block, records, index, session):
    store_word(records, index, CL_ORD_ID, oe.get_OrderStatusRequest_ClOrdID(frame, block))
    store_word(records, index, ORIG_CL_ORD_ID, oe.get_OrderStatusRequest_OrdStatusReqID(frame, block))
    store_word(records, index, ORDER_ID, _given(oe.get_OrderStatusRequest_OrderID(frame, block), _ID_NULL))
    return _blank_query(records, index, session, np.int64(oe.OrderStatusRequest_TEMPLATE_ID))


@inner_kernel
def _watermark(frame, block, records, index, session):
    store_word(records, index, CL_ORD_ID, 0)
    store_word(records, index, ORIG_CL_ORD_ID, oe.get_WatermarkRequest_OrdStatusReqID(frame, block))
    store_word(records, index, ORDER_ID, 0)
    return _blank_query(records, index, session, np.int64(oe.WatermarkRequest_TEMPLATE_ID))


@inner_kernel
def _blank_query(records, index, session, template):
    none = np.int64(0)
    store_word(records, index, PRICE, 0)
    store_word(records, index, STOP_PRICE, 0)
    store_word(records, index, EXPIRE_TIME, 0)
    store_word(records, index, QTY_AND_DISPLAY, 0)
    store_word(records, index, MIN_QTY_AND_INSTRUMENT, np.int64(NO_INDEX) << 32)
    store_word(records, index, ACCOUNT_AND_PREVENTION, 0)
    store_word(records, index, SESSION_AND_GROUPS, session)
    store_word(records, index, TERMS, _terms(none, template, none, none, none, none))
    return np.int64(KIND_STATUS_QUERY)


@inner_kernel
def _keep_terms(records, index, session, account, side, exec_inst, flags):
    """A cancel or replace leaves all terms but these as the order has them."""
    none = np.int64(0)
    store_word(records, index, EXPIRE_TIME, 0)
    store_word(records, index, ACCOUNT_AND_PREVENTION, account)
    store_word(records, index, SESSION_AND_GROUPS, session)
    store_word(records, index, TERMS, _terms(side, np.int64(oe.OrdType_Limit), none, none, exec_inst, flags))


@inner_kernel
def _given(value, null):
    """A field's value, or 0 where the client left it out (SBE null)."""
    return np.int64(0) if value == null else np.int64(value)


@inner_kernel
def _instrument(tables, security_id):
    """Index of the instrument, or the SecurityID where there is none; its tick, for `in_ticks`; the flags."""
    instrument = find_instrument(tables, security_id)
    if instrument == FREE:
        nano = (np.int64(1), np.int64(1), np.int64(PRICE_TICKS_HIGHEST))
        return np.int64(security_id), nano, np.int64(COMMAND_UNKNOWN_SECURITY)
    row = tables.instruments[instrument]
    tick = (np.int64(row["tick_nanos"]), np.int64(row["tick_inverse"]), np.int64(row["price_ticks_max"]))
    return np.int64(instrument), tick, np.int64(0)


@inner_kernel
def in_ticks(price_nanos, tick):
    """A price in ticks, rounded down, and whether it lies between two.

    `tick`: tick_nanos, tick_inverse and price_ticks_max of its INSTRUMENT. What is a multiple of an odd number is its
    product with the number's inverse, modulo 2**64, when divided by it; the powers of 2 in a tick are shifted out
    before. The product back proves it: up to price_ticks_max it fits. Nothing is divided but what lies between two
    ticks, or outside that range."""
    tick_nanos, tick_inverse, price_ticks_max = tick
    price_ticks = multiply_low64(price_nanos >> count_trailing_zeros64(tick_nanos), tick_inverse)
    if usually(-price_ticks_max <= price_ticks <= price_ticks_max and price_ticks * tick_nanos == price_nanos):
        return np.int64(price_ticks), False
    price_ticks = np.int64(_divided(np.int64(price_nanos), tick_nanos))
    return price_ticks, multiply_low64(price_ticks, tick_nanos) != price_nanos


@outer_kernel
def _divided(price_nanos, tick_nanos):
    assert tick_nanos > 0
    return price_nanos // tick_nanos


@inner_kernel
def _set_prices(records, index, tick, price_nanos, stop_nanos):
    """Write Price and StopPx in ticks, each 0 where it is missing. Returns their flags."""
    flags = np.int64(0)
    price_ticks = np.int64(0)
    if price_nanos == _PRICE_NULL:
        flags |= COMMAND_PRICE_MISSING
    else:
        price_ticks, is_off_tick = in_ticks(price_nanos, tick)
        if is_off_tick:
            flags |= COMMAND_PRICE_OFF_TICK
    stop_ticks = np.int64(0)
    if stop_nanos == _PRICE_NULL:
        flags |= COMMAND_STOP_PRICE_MISSING
    else:
        stop_ticks, is_off_tick = in_ticks(stop_nanos, tick)
        if is_off_tick:
            flags |= COMMAND_STOP_PRICE_OFF_TICK
    store_word(records, index, PRICE, price_ticks)
    store_word(records, index, STOP_PRICE, stop_ticks)
    return flags


@inner_kernel
def _fitting(qty_lots):
    """The quantity, or the largest there is where it is beyond that (from 2**63 on it reads as negative)."""
    return np.int64(QTY_LOTS_MAX) if qty_lots < 0 or qty_lots > QTY_LOTS_MAX else np.int64(qty_lots)


@inner_kernel
def _qty_flag(qty_lots):
    return np.int64(COMMAND_QTY_OUT_OF_RANGE) if qty_lots < 0 or qty_lots > QTY_LOTS_MAX else np.int64(0)
