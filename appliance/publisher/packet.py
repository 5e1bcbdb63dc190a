"""The feed's packets while they are being built: a 24-byte header, then whole messages, at most 1400 bytes.

A message is a frame header (its length, padded to 8), an SBE header and a block that starts with the instrument header.
Messages are numbered one by one; the packet header holds the number of the first (PROTOCOLS, section 3.4).
"""

from __future__ import annotations

import numpy as np

from appliance.state import (
    FREE,
    OWNER_FEED,
    QUIET,
    TRADING_SESSION_DATE,
    begin_datagram,
    end_datagram,
    payload_start,
)
from native import counters
from native.arrays import Arrays
from native.jit import inner_kernel, kernel, outer_kernel
from native.lowlevel import copy_bytes, load_u64, rarely, store_u64
from wire.gen import market_data as md

BEFORE_BLOCK_BYTES = md.frameHeader_SIZE + md.messageHeader_SIZE
WORD_BYTES = 8
_FLAGS_WORD_AT = -2
"""From InstrFlags to the start of the word that they are in."""
_FLAGS_SHIFT = 16
_HEADER_BYTES = 4 * WORD_BYTES
"""What is the same in all messages, from FrameLength to TransactTime: four words."""
_MESSAGE_BYTES = 0xFFFF
"""FrameLength in the first word of a message."""
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


def head_of(message: str) -> int:
    """The first word of a message: FrameLength, blockLength, templateId, schemaId."""
    block_bytes: int = getattr(md, f"{message}_BLOCK_LENGTH")
    template_id: int = getattr(md, f"{message}_TEMPLATE_ID")
    message_bytes = -(-(BEFORE_BLOCK_BYTES + block_bytes) // WORD_BYTES) * WORD_BYTES
    return message_bytes | (block_bytes << 16) | (template_id << 32) | (md.SCHEMA_ID << 48)


@kernel
def begin_message(tables, outbox, feed, instrument, side, head, transact_time_ns):
    """Make room for one more message, of which `head` is the first word (`head_of`); returns where its block starts in
    `outbox.octets`, with the instrument header written and the rest zeroed. `side` is 1 buy, -1 sell, 0 none. FREE when
    the outbox is quiet or full."""
    block = begin_unwritten(tables, outbox, feed, instrument, side, head, transact_time_ns)
    if block != FREE:
        at = block - BEFORE_BLOCK_BYTES
        outbox.octets[at + _HEADER_BYTES : at + (head & _MESSAGE_BYTES)] = 0
    return block


@inner_kernel
def begin_unwritten(tables, outbox, feed, instrument, side, head, transact_time_ns):
    """`begin_message` for a message of which the caller writes everything behind the instrument header, padding
    included."""
    message_bytes = head & _MESSAGE_BYTES
    building = outbox.building[OWNER_FEED + 1]
    at = building["next_at"]
    if rarely(at + message_bytes > building["end_at"]):
        at = _open(tables, outbox, feed, instrument)
        if at == FREE:
            return np.int64(FREE)
    building["next_at"] = at + message_bytes
    octets = outbox.octets
    block = at + BEFORE_BLOCK_BYTES
    row = tables.instruments[instrument]
    instr_seq = (np.int64(row["instr_seq"]) + 1) & 0xFFFFFFFF
    row["instr_seq"] = instr_seq
    is_first = feed.scalars[LAST_FLAGS_AT] < 0  # FREE
    flags = np.int64(md.InstrFlags_StartOfTransaction if is_first else 0)
    # FrameLength, blockLength, templateId, schemaId; version, InstrFlags, InstrSide, InstrumentId;
    # InstrSeqNum, TradingSessionDate, Reserved; TransactTime
    store_u64(octets, at, head)
    version_and_flags = md.SCHEMA_VERSION | (flags << _FLAGS_SHIFT) | ((side & 0xFF) << 24)
    store_u64(octets, at + 8, version_and_flags | (np.int64(row["security_id"]) << 32))
    store_u64(octets, at + 16, instr_seq | ((tables.clock[TRADING_SESSION_DATE] & 0xFFFF) << 32))
    store_u64(octets, at + 24, transact_time_ns)
    feed.scalars[LAST_FLAGS_AT] = block
    feed.scalars[NEXT_NUMBER] += 1
    return block


@outer_kernel
def _open(tables, outbox, feed, instrument):
    """The next packet, because the message of the instrument does not fit into the one before, or there is none.
    Returns where the message starts in octets; FREE: the outbox is full, or quiet, and the message is only numbered."""
    if outbox.scalars[QUIET] != 0:
        row = tables.instruments[instrument]
        row["instr_seq"] = (np.int64(row["instr_seq"]) + 1) & 0xFFFFFFFF
        feed.scalars[NEXT_NUMBER] += 1
        tables.counters[counters.FEED_MESSAGES_OUT] += 1
        return np.int64(FREE)
    end_packet(outbox, feed)
    at = begin_datagram(outbox, np.int64(OWNER_FEED), feed.scalars[NEXT_NUMBER], np.int64(md.packetHeader_SIZE))
    return at if at == FREE else at + md.packetHeader_SIZE


@kernel
def end_packet(outbox, feed):
    """The packet that is built, if there is one, takes no further message."""
    slot = outbox.building[OWNER_FEED + 1]["slot"]
    if slot != FREE:
        packet = outbox.slots[slot]
        packet["message_count"] = feed.scalars[NEXT_NUMBER] - packet["first_number"]
        end_datagram(outbox, np.int64(OWNER_FEED))
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
    """The outbox was emptied but for the feed's packet in `slot`, which is being built: it goes on in slot 0."""
    payload_bytes = outbox.building[OWNER_FEED + 1]["next_at"] - payload_start(slot)
    first_number = outbox.slots[slot]["first_number"]
    to = begin_datagram(outbox, np.int64(OWNER_FEED), first_number, payload_bytes)
    start = payload_start(slot)
    if to != start:
        copy_bytes(outbox.octets, to, outbox.octets, start, payload_bytes)
        if feed.scalars[LAST_FLAGS_AT] != FREE:
            feed.scalars[LAST_FLAGS_AT] += to - start
    return to
