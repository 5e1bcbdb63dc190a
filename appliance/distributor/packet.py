"""The packets of a derived channel while they are built, and their way into its store.

A packet is closed when the L3 packet that it was made from is done and no transaction is open in the channel, or when
it is full; its SendingTime is that of the L3 packet. So the bytes of a channel follow from those of L3 alone.
"""

from __future__ import annotations

import numpy as np

from appliance.distributor.records import FREE
from native.codes import ERROR_DISTRIBUTOR_DIFFERS
from native.jit import kernel
from native.layout import FEED_ENTRY
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from native.lowlevel import bytes_at, copy_bytes, setter, store_release64
from wire.framing.packet_writer import BEFORE_BLOCK_BYTES, begin_frame, frame_bytes_of, put_packet_header
from wire.gen import market_data as md

PACKET_BYTES = 1536
"""Room of one open packet in `packets`."""
ENTRY_BYTES = FEED_ENTRY.itemsize

_put_first_sequence = setter("u64", FEED_ENTRY.fields["first_sequence"][1])  # type: ignore[index]
_put_message_count = setter("u32", FEED_ENTRY.fields["message_count"][1])  # type: ignore[index]
_put_payload_bytes = setter("u32", FEED_ENTRY.fields["payload_bytes"][1])  # type: ignore[index]

assert PACKET_BYTES >= DATAGRAM_PAYLOAD_BYTES_MAX


@kernel
def take_room(derivation, place, instrument, frame_bytes, sending_time_ns):
    """Room for one more message of `frame_bytes` in the channel at `place`, and its number; a packet that is full is
    closed. Returns where the message starts in `derivation.packets`, or a code."""
    channel = derivation.channels[place]
    if channel["packet_bytes"] + frame_bytes > DATAGRAM_PAYLOAD_BYTES_MAX:
        code = close_packet(derivation, place, sending_time_ns)
        if code < 0:
            return np.int64(code)
    if channel["packet_bytes"] == 0:
        channel["packet_bytes"] = md.packetHeader_SIZE
        channel["packet_first"] = channel["next_number"]
        channel["packet_count"] = 0
    at = place * PACKET_BYTES + channel["packet_bytes"]
    channel["packet_bytes"] += frame_bytes
    channel["packet_count"] += 1
    channel["next_number"] += 1
    return np.int64(at)


@kernel
def stamp_message(derivation, place, instrument, block):
    """InstrSeqNum and the start of a transaction, in the message whose block is at `block`. Returns `block`."""
    channel = derivation.channels[place]
    octets = derivation.packets
    number_at = place * derivation.tops.size + instrument
    number = (derivation.instr_seq[number_at] + 1) & 0xFFFFFFFF
    derivation.instr_seq[number_at] = number
    is_first = channel["last_block"] == FREE
    md.put_instrumentHeader_InstrFlags(octets, block, md.InstrFlags_StartOfTransaction if is_first else 0)
    md.put_instrumentHeader_InstrSeqNum(octets, block, number)
    channel["last_block"] = block
    return block


@kernel
def begin_message(derivation, place, instrument, side, template_id, block_bytes, time_ns, date, sending_time_ns):
    """Begin a message of `instrument` (its index in the books). Returns where its block starts in
    `derivation.packets`, zeroed but for the instrument header; or a code."""
    at = take_room(derivation, place, instrument, frame_bytes_of(block_bytes), sending_time_ns)
    if at < 0:
        return np.int64(at)
    octets = derivation.packets
    block = begin_frame(octets, at, template_id, block_bytes)
    security_id = np.int64(derivation.books.instruments[instrument]["security_id"])
    md.put_instrumentHeader_InstrSide(octets, block, side)
    md.put_instrumentHeader_InstrumentId(octets, block, security_id)
    md.put_instrumentHeader_TradingSessionDate(octets, block, date)
    md.put_instrumentHeader_TransactTime(octets, block, time_ns)
    return np.int64(stamp_message(derivation, place, instrument, block))


@kernel
def forward(derivation, place, instrument, octets, l3_block, sending_time_ns):
    """Take the L3 message whose block is at `octets[l3_block]` over as it is, under numbers of the channel. Returns 0
    or a code."""
    start = l3_block - BEFORE_BLOCK_BYTES
    frame_bytes = md.get_frameHeader_FrameLength(octets, start)
    at = take_room(derivation, place, instrument, frame_bytes, sending_time_ns)
    if at < 0:
        return np.int64(at)
    copy_bytes(derivation.packets, at, octets, start, frame_bytes)
    stamp_message(derivation, place, instrument, at + BEFORE_BLOCK_BYTES)
    return np.int64(0)


@kernel
def end_transaction(derivation, place):
    """Mark the last message of the channel as the end of its transaction; without messages there was none."""
    channel = derivation.channels[place]
    block = channel["last_block"]
    if block != FREE:
        flags = md.get_instrumentHeader_InstrFlags(derivation.packets, block)
        md.put_instrumentHeader_InstrFlags(derivation.packets, block, flags | md.InstrFlags_EndOfTransaction)
        channel["last_block"] = FREE
    return 0


@kernel
def close_packet(derivation, place, sending_time_ns):
    """Write the open packet, if there is one, behind the store's last entry. Returns 0 or a code."""
    channel = derivation.channels[place]
    payload_bytes = channel["packet_bytes"]
    if payload_bytes == 0:
        return np.int64(0)
    octets = derivation.packets
    at = place * PACKET_BYTES
    put_packet_header(
        octets,
        at,
        sending_time_ns,
        channel["packet_first"],
        channel["channel_id"],
        np.int64(md.packetHeader_PktFlags_Incremental),
        channel["packet_count"],
        channel["epoch"],
    )
    store = bytes_at(channel["store_address"], channel["room_bytes"])
    entry = channel["whole_bytes"]
    start = entry + ENTRY_BYTES
    padded_bytes = (payload_bytes + 7) & ~7
    assert start + padded_bytes <= store.size  # `has_room` came before
    channel["packet_bytes"] = 0
    channel["whole_bytes"] = start + padded_bytes
    if entry < channel["known_bytes"]:
        # a distributor that was killed has published this already: it must be the same again
        for i in range(payload_bytes):
            if store[start + i] != octets[at + i]:
                return np.int64(ERROR_DISTRIBUTOR_DIFFERS)
        return np.int64(0)
    _put_first_sequence(store, entry, channel["packet_first"])
    _put_message_count(store, entry, channel["packet_count"])
    _put_payload_bytes(store, entry, payload_bytes)
    copy_bytes(store, start, octets, at, payload_bytes)
    return np.int64(0)


@kernel
def has_room(derivation):
    """Whether the stores have room for all that one more packet of L3 can lead to."""
    for place in range(derivation.channels.size):
        channel = derivation.channels[place]
        if channel["whole_bytes"] + channel["reserve_bytes"] > channel["room_bytes"]:
            return False
    return True


@kernel
def publish(derivation):
    """Show what is whole to readers, unless they have seen more before."""
    for place in range(derivation.channels.size):
        channel = derivation.channels[place]
        if channel["committed_address"] != 0 and channel["whole_bytes"] > channel["known_bytes"]:
            store_release64(channel["committed_address"], channel["whole_bytes"])
            store_release64(channel["next_address"], channel["next_number"])
    return 0
