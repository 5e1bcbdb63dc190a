"""Requests to SBE bytes, by the blocks that `wire.blocks` derives from the schemas: no offset is written here."""

from __future__ import annotations

from native.layout import KIND_CANCEL, KIND_NEW_ORDER, KIND_REPLACE
from pcap.requests import Request
from wire.blocks import schema
from wire.gen import order_entry_tables

_FIXP = schema("fixp")
_ORDER_ENTRY = schema("order_entry")

CONTEXT_BYTES = _FIXP.header.size + _FIXP["Context"].size
REQUEST_BYTES_MAX = _ORDER_ENTRY.header.size + max(
    _ORDER_ENTRY[name].size for name in ("NewOrderShort", "OrderCancelReplaceRequest", "OrderCancelRequest")
)
TIME_IN_FORCE_DAY: int = order_entry_tables.TimeInForce_Day
TIME_IN_FORCE_IOC: int = order_entry_tables.TimeInForce_IOC
SIDE_BUY: int = order_entry_tables.Side_Buy
SIDE_SELL: int = order_entry_tables.Side_Sell


def encode_context(session_uuid: bytes, next_seq_no: int) -> bytes:
    """The FIXP Context that stands first in a datagram: whose it is and the number of its first message."""
    return _FIXP.encode("Context", SessionId=session_uuid, NextSeqNo=next_seq_no)


def encode_request(request: Request, account: int) -> bytes:
    """One request as SBE bytes, header and block. OrderID is left null: the order is found by its ClOrdID."""
    if request.kind == KIND_NEW_ORDER:
        return _ORDER_ENTRY.encode(
            "NewOrderShort",
            ClOrdID=request.cl_ord_id,
            SecurityID=request.security_id,
            Account=account,
            Price=request.price_nanos,
            OrderQty=request.qty_lots,
            Side=request.side,
            TimeInForce=request.time_in_force,
        )
    if request.kind == KIND_REPLACE:
        return _ORDER_ENTRY.encode(
            "OrderCancelReplaceRequest",
            ClOrdID=request.cl_ord_id,
            OrigClOrdID=request.orig_cl_ord_id,
            SecurityID=request.security_id,
            Account=account,
            Price=request.price_nanos,
            OrderQty=request.qty_lots,
            SendingTime=request.time_ns,
            Side=request.side,
        )
    assert request.kind == KIND_CANCEL, request.kind
    return _ORDER_ENTRY.encode(
        "OrderCancelRequest",
        ClOrdID=request.cl_ord_id,
        OrigClOrdID=request.orig_cl_ord_id,
        SecurityID=request.security_id,
        Side=request.side,
        SendingTime=request.time_ns,
    )
