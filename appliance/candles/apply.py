"""The trades of a feed store, in order, into the rings."""

from __future__ import annotations

import numpy as np

from appliance.candles.rings import CORRECTIONS, NEXT_SEQUENCE, add_trade
from native.jit import kernel
from native.layout import FEED_ENTRY
from native.lowlevel import getter
from wire.framing.packets import FRAME_BYTES_MIN
from wire.gen import market_data as md

DAMAGED = -3
"""A packet is not what its entry says, or a frame of it is cut short."""
GAP = -4
"""Messages before this packet are missing."""
ENTRY_BYTES = FEED_ENTRY.itemsize
_BEFORE_BLOCK_BYTES = md.frameHeader_SIZE + md.messageHeader_SIZE

# indexes of `place`
OFFSET = 0
"""Where in the store the next entry begins."""
MESSAGES_DONE = 1
"""Messages of that entry that were counted before the rings were full."""
PLACE_COUNT = 2

_first_sequence_of = getter("u64", FEED_ENTRY.fields["first_sequence"][1])  # type: ignore[index]
_message_count_of = getter("u32", FEED_ENTRY.fields["message_count"][1])  # type: ignore[index]
_payload_bytes_of = getter("u32", FEED_ENTRY.fields["payload_bytes"][1])  # type: ignore[index]


@kernel
def apply_entries(candles, store, end, place):
    """Count the trades of `store[place[OFFSET]:end]` (FEED_ENTRY, packet, padding to 8; uint8), whose end is the end of
    an entry. Returns 0; FULL: take what is closed and call again; INSTRUMENTS_FULL, DAMAGED, GAP: at this entry."""
    while place[OFFSET] < end:
        at = place[OFFSET]
        if at + ENTRY_BYTES > end:
            return np.int64(DAMAGED)
        messages = _message_count_of(store, at)
        payload = at + ENTRY_BYTES
        payload_end = payload + _payload_bytes_of(store, at)
        if payload_end > end or payload + md.packetHeader_SIZE > payload_end:
            return np.int64(DAMAGED)
        if messages > 0:
            first = _first_sequence_of(store, at)
            due = candles.state[NEXT_SEQUENCE]
            if due != 0 and first != due:
                return np.int64(GAP)
            code = _apply_packet(candles, store, payload, payload_end, messages, place)
            if code < 0:
                return np.int64(code)
            candles.state[NEXT_SEQUENCE] = first + messages
        place[MESSAGES_DONE] = 0
        place[OFFSET] = payload + ((payload_end - payload + 7) & ~7)
    return np.int64(0)


@kernel
def _apply_packet(candles, octets, at, end, messages, place):
    if md.get_packetHeader_MsgCount(octets, at) != messages:
        return np.int64(DAMAGED)
    at += md.packetHeader_SIZE
    for number in range(messages):
        if at + FRAME_BYTES_MIN > end:
            return np.int64(DAMAGED)
        frame_bytes = md.get_frameHeader_FrameLength(octets, at)
        if frame_bytes < FRAME_BYTES_MIN or at + frame_bytes > end:
            return np.int64(DAMAGED)
        if number >= place[MESSAGES_DONE]:
            template_id = md.get_messageHeader_templateId(octets, at + md.frameHeader_SIZE)
            if template_id == md.Trade_TEMPLATE_ID:
                if frame_bytes < _BEFORE_BLOCK_BYTES + md.Trade_BLOCK_LENGTH:
                    return np.int64(DAMAGED)
                block = at + _BEFORE_BLOCK_BYTES
                if md.get_Trade_Quantity(octets, block) <= 0:
                    return np.int64(DAMAGED)
                code = add_trade(
                    candles,
                    md.get_Trade_InstrumentId(octets, block),
                    md.get_Trade_TransactTime(octets, block),
                    md.get_Trade_Price(octets, block),
                    md.get_Trade_Quantity(octets, block),
                )
                if code < 0:
                    return np.int64(code)
            elif template_id in (md.TradeAmend_TEMPLATE_ID, md.TradeBust_TEMPLATE_ID):
                candles.state[CORRECTIONS] += 1
            place[MESSAGES_DONE] = number + 1
        at += frame_bytes
    return np.int64(0)
