"""The feed's packets while they are being built: a 24-byte header, then whole messages, at most 1400 bytes.

A message is a frame header (its length, padded to 8), an SBE header and a block that starts with the instrument header.
Messages are numbered one by one; the packet header holds the number of the first (PROTOCOLS, section 3.4).
"""

from __future__ import annotations

import numpy as np

from appliance.state import FEED_SLOT, FREE, OWNER_FEED, PAYLOAD_AT, QUIET, SLOT_BYTES, TRADING_SESSION_DATE, open_slot
from native import counters
from native.arrays import Arrays
from native.jit import kernel
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from native.lowlevel import copy_bytes
from wire.gen import market_data as md

BEFORE_BLOCK_BYTES = md.frameHeader_SIZE + md.messageHeader_SIZE

# indexes of `Feed.scalars`
NEXT_NUMBER = 0
"""Number of the next message."""
LAST_FLAGS_AT = 1
"""Where the InstrFlags of the last message of this transaction are, FREE where there is none yet."""
CHANNEL_ID = 2
EPOCH = 3
STORE_USED = 4
"""Bytes of the store that are taken; all of them once a packet did not fit."""
STORE_WHOLE_BYTES = 5
"""Bytes of whole entries, public once `store.publish` is told of them."""
STORE_NEXT_NUMBER = 6
"""Number of the message after those."""
SCALARS_COUNT = 7


class Feed(Arrays):
    """State of the L3 channel and its store of published packets."""

    scalars: np.ndarray
    """int64[SCALARS_COUNT]"""
    header: np.ndarray
    """FEED_HEADER[1]"""
    store: np.ndarray
    """uint8[capacity]: FEED_ENTRY and packet, one after the other"""
    addresses: np.ndarray
    """int64[2]: where readers find committed_bytes and next_sequence"""


@kernel
def begin_transaction(feed):
    """Everything published from here to `end_transaction` is one transaction."""
    feed.scalars[LAST_FLAGS_AT] = FREE
    return 0


@kernel
def end_transaction(outbox, feed):
    """Mark the last message as the end of its transaction; without messages there was none."""
    at = feed.scalars[LAST_FLAGS_AT]
    if at != FREE:
        flags = md.get_instrumentHeader_InstrFlags(outbox.octets, at)
        md.put_instrumentHeader_InstrFlags(outbox.octets, at, flags | md.InstrFlags_EndOfTransaction)
        feed.scalars[LAST_FLAGS_AT] = FREE
    return 0


@kernel
def begin_message(tables, outbox, feed, instrument, side, template_id, block_bytes, transact_time_ns):
    """Make room for one more message; returns where its block starts in `outbox.octets`, with the instrument header
    written and the rest zeroed. `side` is 1 buy, -1 sell, 0 none. FREE when the outbox is quiet or full."""
    if outbox.scalars[QUIET] != 0:
        row = tables.instruments[instrument]
        row["instr_seq"] = (np.int64(row["instr_seq"]) + 1) & 0xFFFFFFFF
        feed.scalars[NEXT_NUMBER] += 1
        tables.counters[counters.FEED_MESSAGES_OUT] += 1
        return np.int64(FREE)
    message_bytes = (BEFORE_BLOCK_BYTES + block_bytes + 7) & ~7
    slot = outbox.scalars[FEED_SLOT]
    if slot != FREE and outbox.payload_bytes[slot] + message_bytes > DATAGRAM_PAYLOAD_BYTES_MAX:
        slot = np.int64(FREE)
    if slot == FREE:
        slot = open_slot(outbox, np.int64(OWNER_FEED), feed.scalars[NEXT_NUMBER])
        if slot == FREE:
            return np.int64(FREE)
        outbox.scalars[FEED_SLOT] = slot
        outbox.payload_bytes[slot] = md.packetHeader_SIZE
    octets = outbox.octets
    at = slot * SLOT_BYTES + PAYLOAD_AT + outbox.payload_bytes[slot]
    octets[at : at + message_bytes] = 0
    md.put_frameHeader_FrameLength(octets, at, message_bytes)
    header = at + md.frameHeader_SIZE
    md.put_messageHeader_blockLength(octets, header, block_bytes)
    md.put_messageHeader_templateId(octets, header, template_id)
    md.put_messageHeader_schemaId(octets, header, md.SCHEMA_ID)
    md.put_messageHeader_version(octets, header, md.SCHEMA_VERSION)
    block = at + BEFORE_BLOCK_BYTES
    row = tables.instruments[instrument]
    instr_seq = (np.int64(row["instr_seq"]) + 1) & 0xFFFFFFFF
    row["instr_seq"] = instr_seq
    first = feed.scalars[LAST_FLAGS_AT] == FREE
    md.put_instrumentHeader_InstrFlags(octets, block, md.InstrFlags_StartOfTransaction if first else 0)
    md.put_instrumentHeader_InstrSide(octets, block, side)
    md.put_instrumentHeader_InstrumentId(octets, block, np.int64(row["security_id"]))
    md.put_instrumentHeader_InstrSeqNum(octets, block, instr_seq)
    md.put_instrumentHeader_TradingSessionDate(octets, block, tables.clock[TRADING_SESSION_DATE])
    md.put_instrumentHeader_TransactTime(octets, block, transact_time_ns)
    feed.scalars[LAST_FLAGS_AT] = block
    feed.scalars[NEXT_NUMBER] += 1
    outbox.payload_bytes[slot] += message_bytes
    outbox.message_count[slot] += 1
    tables.counters[counters.FEED_MESSAGES_OUT] += 1
    return block


@kernel
def write_packet_header(octets, at, feed, sending_time_ns, first_number, packet_flags, message_count):
    """The 24 bytes at `at`."""
    md.put_packetHeader_SendingTime(octets, at, sending_time_ns)
    md.put_packetHeader_SeqNum(octets, at, first_number)
    md.put_packetHeader_ChannelId(octets, at, feed.scalars[CHANNEL_ID])
    md.put_packetHeader_PktFlags(octets, at, packet_flags)
    md.put_packetHeader_MsgCount(octets, at, message_count)
    md.put_packetHeader_Epoch(octets, at, feed.scalars[EPOCH])
    return md.packetHeader_SIZE


@kernel
def carry_over(outbox, feed, slot):
    """The outbox was emptied but for the feed's open packet in `slot`: it goes on in slot 0."""
    payload_bytes = outbox.payload_bytes[slot]
    message_count = outbox.message_count[slot]
    opened = open_slot(outbox, np.int64(OWNER_FEED), outbox.first_number[slot])
    outbox.payload_bytes[opened] = payload_bytes
    outbox.message_count[opened] = message_count
    outbox.scalars[FEED_SLOT] = opened
    if opened != slot:
        to = opened * SLOT_BYTES
        start = slot * SLOT_BYTES
        copy_bytes(outbox.octets, to, outbox.octets, start, SLOT_BYTES)
        if feed.scalars[LAST_FLAGS_AT] != FREE:
            feed.scalars[LAST_FLAGS_AT] += to - start
    return opened
