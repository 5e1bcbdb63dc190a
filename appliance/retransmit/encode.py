"""Stored packets as SOFH frames: whole ones with the retransmit flag set, the first and last cut at messages."""

from __future__ import annotations

import numpy as np

from appliance.retransmit.index import ENTRY_BYTES, get_first_sequence, get_message_count, get_payload_bytes
from native.jit import kernel
from native.lowlevel import copy_bytes, getter, setter
from wire.framing.packets import FRAME_BYTES_MIN
from wire.framing.sofh import ENCODING_MARKET_DATA_PACKET
from wire.framing.sofh import HEADER_BYTES as SOFH_BYTES
from wire.gen import market_data as md

# indexes of `cursor`
OFFSET = 0
"""Where the entry begins that holds message `cursor[SEQUENCE]`."""
SEQUENCE = 1
"""Number of the next message to send."""
CURSOR_COUNT = 2

DAMAGED = -1

_get_frame_length = getter("u16", 0)
_put_byte = setter("u8", 0)
PACKET_BYTES_MAX = 65_535
"""No datagram is longer: an entry that says so is damaged."""


@kernel
def encode_packets(entries, cursor, end_sequence, octets, at, bytes_min):
    """Write messages [cursor[SEQUENCE], end_sequence), all of them indexed, at `octets[at:]`: a SOFH frame a packet.

    Stops behind the packet with which `bytes_min` is reached, or before one that does not fit `octets`; the cursor
    then stands at the next message. Returns the bytes written, or DAMAGED where a packet is not what its entry says:
    what was written is of no use then, and the cursor names the packet.
    """
    start = at
    while cursor[SEQUENCE] < end_sequence and at - start < bytes_min:
        entry = cursor[OFFSET]
        first = get_first_sequence(entries, entry)
        messages = get_message_count(entries, entry)
        payload_bytes = get_payload_bytes(entries, entry)
        payload = entry + ENTRY_BYTES
        if messages > 0:
            if at + SOFH_BYTES + payload_bytes > octets.size:
                break
            if (
                payload_bytes > PACKET_BYTES_MAX
                or md.get_packetHeader_SeqNum(entries, payload) != first
                or md.get_packetHeader_MsgCount(entries, payload) != messages
            ):
                return np.int64(DAMAGED)
            skip = cursor[SEQUENCE] - first
            keep = min(end_sequence, first + messages) - cursor[SEQUENCE]
            from_byte = payload + md.packetHeader_SIZE
            to_byte = payload + payload_bytes
            if skip > 0 or keep < messages:
                to_byte = _frames_end(entries, from_byte, payload + payload_bytes, skip + keep)
                from_byte = _frames_end(entries, from_byte, payload + payload_bytes, skip)
                if to_byte < 0 or from_byte < 0:
                    return np.int64(DAMAGED)
            body_bytes = to_byte - from_byte
            frame_bytes = SOFH_BYTES + md.packetHeader_SIZE + body_bytes
            put_sofh(octets, at, frame_bytes)
            header = at + SOFH_BYTES
            copy_bytes(octets, header, entries, payload, np.int64(md.packetHeader_SIZE))
            md.put_packetHeader_SeqNum(octets, header, first + skip)
            md.put_packetHeader_MsgCount(octets, header, keep)
            flags = md.get_packetHeader_PktFlags(entries, payload)
            md.put_packetHeader_PktFlags(octets, header, flags | md.packetHeader_PktFlags_Retransmit)
            copy_bytes(octets, header + md.packetHeader_SIZE, entries, from_byte, body_bytes)
            at += frame_bytes
            cursor[SEQUENCE] = first + skip + keep
            if skip + keep < messages:
                break
        cursor[OFFSET] = payload + ((payload_bytes + 7) & ~7)
    return at - start


@kernel
def put_sofh(octets, at, frame_bytes):
    """The six bytes of SOFH before a market data packet, big-endian: the length of the whole frame, the encoding."""
    _put_byte(octets, at, frame_bytes >> 24)
    _put_byte(octets, at + 1, (frame_bytes >> 16) & 0xFF)
    _put_byte(octets, at + 2, (frame_bytes >> 8) & 0xFF)
    _put_byte(octets, at + 3, frame_bytes & 0xFF)
    _put_byte(octets, at + 4, ENCODING_MARKET_DATA_PACKET >> 8)
    _put_byte(octets, at + 5, ENCODING_MARKET_DATA_PACKET & 0xFF)
    return 0


@kernel
def _frames_end(entries, at, end, frames):
    """Where the first `frames` frames of `entries[at:end]` end; -1 where they are not whole."""
    for _ in range(frames):
        if at + FRAME_BYTES_MIN > end:
            return np.int64(-1)
        length = _get_frame_length(entries, at)
        if length < FRAME_BYTES_MIN or at + length > end:
            return np.int64(-1)
        at += length
    return np.int64(at)
