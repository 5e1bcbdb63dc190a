"""What the frames of a burst will look up, fetched while the frame before them is decided.

A guess: fields are read where they stand in an ordinary frame, and nothing is proved but that they lie within it. A
wrong guess fetches a line that nobody wants. Nothing is written, and nothing that is decided depends on it: of the
session that was found it is proved again that it is the frame's.

A name is looked for in the book's index at random, and what goes by in the journal and in the logs drives the index out
of the cache in between: without this, each look comes from further away.
"""

from __future__ import annotations

import numpy as np

from appliance.book.index import hash_of, prefetch_entry
from appliance.session.receive import CONTEXT_BYTES, session_at
from appliance.state import FREE
from native.jit import inner_kernel
from native.lowlevel import bytes_at, load_u16be, load_u64, prefetch, rarely
from wire.gen import fixp
from wire.gen import order_entry as oe
from wire.net import udp4

CACHE_LINE_BYTES = 64
FRAME_LINES = 3
_ETHERTYPE_AT = 12
_ETHERTYPE_IPV4 = 0x0800
_SESSION_AT = udp4.HEADERS_BYTES + fixp.messageHeader_SIZE + fixp.Context_SessionId_OFFSET
_MESSAGE_AT = udp4.HEADERS_BYTES + CONTEXT_BYTES
_BLOCK_AT = _MESSAGE_AT + oe.messageHeader_SIZE
_FRAME_BYTES_MIN = _BLOCK_AT + oe.NewOrderShort_BLOCK_LENGTH
assert oe.NewOrderShort_ClOrdID_OFFSET == oe.NewOrderSingle_ClOrdID_OFFSET
assert oe.OrderCancelRequest_OrigClOrdID_OFFSET == oe.OrderCancelReplaceRequest_OrigClOrdID_OFFSET
assert oe.OrderCancelRequest_OrigClOrdID_OFFSET + 8 <= oe.NewOrderShort_BLOCK_LENGTH


@inner_kernel
def fetch_frame(packet_descriptor):
    """Start to fetch a frame: headers, Context, and its message or the first of them."""
    address = np.int64(packet_descriptor["data"])
    for line in range(FRAME_LINES):
        prefetch(address + line * CACHE_LINE_BYTES)


@inner_kernel
def fetch_lookups(exchange, packet_descriptor):
    """Start to fetch what the first message of a frame will look up: in the book's index the line of the name that it
    gives or looks for. Returns the session that seems to have sent it, or FREE."""
    frame = bytes_at(np.int64(packet_descriptor["data"]), np.int64(packet_descriptor["len"]))
    if rarely((frame.size < _FRAME_BYTES_MIN) or load_u16be(frame, _ETHERTYPE_AT) != _ETHERTYPE_IPV4):
        return np.int64(FREE)
    session = np.int64(session_at(exchange.tables, frame, _SESSION_AT, np.int64(FREE)))
    if rarely(session == FREE):
        return session
    template = oe.get_messageHeader_templateId(frame, _MESSAGE_AT)
    is_new = template in (oe.NewOrderShort_TEMPLATE_ID, oe.NewOrderSingle_TEMPLATE_ID)
    name_at = oe.NewOrderShort_ClOrdID_OFFSET if is_new else oe.OrderCancelRequest_OrigClOrdID_OFFSET
    name = np.uint64(np.int64(load_u64(frame, _BLOCK_AT + name_at)))
    prefetch_entry(exchange.book, hash_of(exchange.book, session, name))
    return session
