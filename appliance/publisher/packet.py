"""The feed's packets while they are being built: a 24-byte header, then whole messages, at most 1400 bytes.

A message is a frame header (its length, padded to 8), an SBE header and a block that starts with the instrument header.
Messages are numbered one by one; the packet header holds the number of the first (PROTOCOLS, section 3.4).
"""

from __future__ import annotations

import numpy as np

from appliance.state import FEED_SLOT, FREE, OWNER_FEED, PAYLOAD_AT, QUIET, SLOT_BYTES, TRADING_SESSION_DATE, open_slot
from native import counters
from native.arrays import Arrays
from native.jit import inner_kernel, kernel
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from native.lowlevel import copy_bytes, load_u64, store_u64
from wire.gen import market_data as md

BEFORE_BLOCK_BYTES = md.frameHeader_SIZE + md.messageHeader_SIZE
WORD_BYTES = 8
_FLAGS_WORD_AT = -2
"""From InstrFlags to the start of the word that they are in."""
_FLAGS_SHIFT = 16
_HEADER_BYTES = 4 * WORD_BYTES
"""What is the same in all messages, from FrameLength to TransactTime: four words."""
assert BEFORE_BLOCK_BYTES + md.instrumentHeader_SIZE == _HEADER_BYTES
assert (BEFORE_BLOCK_BYTES + _FLAGS_WORD_AT) % WORD_BYTES == 0

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
        word = load_u64(outbox.octets, at + _FLAGS_WORD_AT)
        store_u64(outbox.octets, at + _FLAGS_WORD_AT, word | (md.InstrFlags_EndOfTransaction << _FLAGS_SHIFT))
        feed.scalars[LAST_FLAGS_AT] = FREE
    return 0


@kernel
def begin_message(tables, outbox, feed, instrument, side, template_id, block_bytes, transact_time_ns):
    """Make room for one more message; returns where its block starts in `outbox.octets`, with the instrument header
    written and the rest zeroed. `side` is 1 buy, -1 sell, 0 none. FREE when the outbox is quiet or full."""
    block = begin_unwritten(tables, outbox, feed, instrument, side, template_id, block_bytes, transact_time_ns)
    if block != FREE:
        message_bytes = (BEFORE_BLOCK_BYTES + block_bytes + 7) & ~7
        at = block - BEFORE_BLOCK_BYTES
        outbox.octets[at + _HEADER_BYTES : at + message_bytes] = 0
    return block


@inner_kernel
def begin_unwritten(tables, outbox, feed, instrument, side, template_id, block_bytes, transact_time_ns):
    """`begin_message` for a message of which the caller writes everything behind the instrument header, padding
    included."""
    if outbox.scalars[QUIET] != 0:
        return _count_only(tables, feed, instrument)
    message_bytes = (BEFORE_BLOCK_BYTES + block_bytes + 7) & ~7
    slot = outbox.scalars[FEED_SLOT]
    payload_bytes = outbox.payload_bytes[slot] if slot != FREE else np.int64(DATAGRAM_PAYLOAD_BYTES_MAX)
    if payload_bytes + message_bytes > DATAGRAM_PAYLOAD_BYTES_MAX:
        slot = _open(outbox, feed)
        if slot == FREE:
            return np.int64(FREE)
        payload_bytes = np.int64(md.packetHeader_SIZE)
    octets = outbox.octets
    at = slot * SLOT_BYTES + PAYLOAD_AT + payload_bytes
    block = at + BEFORE_BLOCK_BYTES
    row = tables.instruments[instrument]
    instr_seq = (np.int64(row["instr_seq"]) + 1) & 0xFFFFFFFF
    row["instr_seq"] = instr_seq
    is_first = feed.scalars[LAST_FLAGS_AT] == FREE
    flags = np.int64(md.InstrFlags_StartOfTransaction if is_first else 0)
    # FrameLength, blockLength, templateId, schemaId; version, InstrFlags, InstrSide, InstrumentId;
    # InstrSeqNum, TradingSessionDate, Reserved; TransactTime
    store_u64(octets, at, message_bytes | (block_bytes << 16) | (template_id << 32) | (md.SCHEMA_ID << 48))
    version_and_flags = md.SCHEMA_VERSION | (flags << _FLAGS_SHIFT) | ((side & 0xFF) << 24)
    store_u64(octets, at + 8, version_and_flags | (np.int64(row["security_id"]) << 32))
    store_u64(octets, at + 16, instr_seq | ((tables.clock[TRADING_SESSION_DATE] & 0xFFFF) << 32))
    store_u64(octets, at + 24, transact_time_ns)
    feed.scalars[LAST_FLAGS_AT] = block
    feed.scalars[NEXT_NUMBER] += 1
    outbox.payload_bytes[slot] = payload_bytes + message_bytes
    outbox.message_count[slot] += 1
    tables.counters[counters.FEED_MESSAGES_OUT] += 1
    return block


@kernel
def _count_only(tables, feed, instrument):
    """Number a message that nobody gets. Returns FREE."""
    row = tables.instruments[instrument]
    row["instr_seq"] = (np.int64(row["instr_seq"]) + 1) & 0xFFFFFFFF
    feed.scalars[NEXT_NUMBER] += 1
    tables.counters[counters.FEED_MESSAGES_OUT] += 1
    return np.int64(FREE)


@kernel
def _open(outbox, feed):
    slot = open_slot(outbox, np.int64(OWNER_FEED), feed.scalars[NEXT_NUMBER])
    if slot != FREE:
        outbox.scalars[FEED_SLOT] = slot
    return slot


@kernel
def write_packet_header(octets, at, feed, sending_time_ns, first_number, packet_flags, message_count):
    """The 24 bytes at `at`: SendingTime; SeqNum; ChannelId, PktFlags, MsgCount, Epoch."""
    store_u64(octets, at, sending_time_ns)
    store_u64(octets, at + 8, first_number)
    flags_and_count = (packet_flags << 16) | ((message_count & 0xFF) << 24)
    store_u64(octets, at + 16, (feed.scalars[CHANNEL_ID] & 0xFFFF) | flags_and_count | (feed.scalars[EPOCH] << 32))
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
