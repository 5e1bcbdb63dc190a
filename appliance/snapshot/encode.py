"""Kernels that write snapshot packets (PROTOCOLS 3.4): SnapshotStart, the entries, SnapshotEnd; EndOfCycle.

A packet is at most `DATAGRAM_PAYLOAD_BYTES_MAX` bytes and 255 messages, holds one instrument only, and has the flag
Snapshot, the number of the last message that is reflected as SeqNum and the instrument in the place of the epoch.
A message of a snapshot is known by its place: 0 is SnapshotStart, 1 to n the entries, n + 1 SnapshotEnd.
"""

from __future__ import annotations

import numpy as np

from native.jit import kernel
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from wire.framing.packet_writer import BEFORE_BLOCK_BYTES, begin_frame, put_packet_header
from wire.gen import market_data as md

MESSAGES_A_PACKET_MAX = 255
START_FRAME_BYTES = (BEFORE_BLOCK_BYTES + md.SnapshotStart_BLOCK_LENGTH + 7) & ~7
ORDER_FRAME_BYTES = (BEFORE_BLOCK_BYTES + md.OrderSnapshot_BLOCK_LENGTH + 7) & ~7
LEVEL_FRAME_BYTES = (BEFORE_BLOCK_BYTES + md.PriceLevelSnapshot_BLOCK_LENGTH + 7) & ~7
END_FRAME_BYTES = (BEFORE_BLOCK_BYTES + md.SnapshotEnd_BLOCK_LENGTH + 7) & ~7
CYCLE_FRAME_BYTES = (BEFORE_BLOCK_BYTES + md.EndOfCycle_BLOCK_LENGTH + 7) & ~7
CYCLE_PACKET_BYTES = md.packetHeader_SIZE + CYCLE_FRAME_BYTES


def packets_bytes_max(entry_count: int) -> int:
    """More than the packets of a snapshot of `entry_count` orders or levels need, in bytes."""
    messages_bytes = START_FRAME_BYTES + entry_count * ORDER_FRAME_BYTES + END_FRAME_BYTES
    packet_room = DATAGRAM_PAYLOAD_BYTES_MAX - md.packetHeader_SIZE - START_FRAME_BYTES
    return messages_bytes + (messages_bytes // packet_room + 1) * md.packetHeader_SIZE


@kernel
def encode_packet(octets, at, head, entries, entry_count, place):
    """Write the packet that begins with message `place` of the snapshot of `head` (SNAPSHOT_HEAD[1]) and
    `entries[:entry_count]` (SNAPSHOT_ENTRY[n], in queue order) at `octets[at:]`, where there must be room for
    DATAGRAM_PAYLOAD_BYTES_MAX bytes. Returns (bytes of the packet, place of the next message); after the last packet
    the place is entry_count + 2.
    """
    row = head[0]
    end = at + md.packetHeader_SIZE
    limit = at + DATAGRAM_PAYLOAD_BYTES_MAX
    messages = np.int64(0)
    is_levels = np.int64(row["is_levels"]) != 0
    while place < entry_count + 2 and messages < MESSAGES_A_PACKET_MAX:
        if place == 0:
            frame_bytes = np.int64(START_FRAME_BYTES)
        elif place > entry_count:
            frame_bytes = np.int64(END_FRAME_BYTES)
        elif is_levels:
            frame_bytes = np.int64(LEVEL_FRAME_BYTES)
        else:
            frame_bytes = np.int64(ORDER_FRAME_BYTES)
        if end + frame_bytes > limit:
            break
        if place == 0:
            _start(octets, end, head, entry_count)
        elif place > entry_count:
            _end(octets, end, head, entry_count)
        elif is_levels:
            _level(octets, end, entries, place - 1)
        else:
            _order(octets, end, entries, place - 1)
        end += frame_bytes
        place += 1
        messages += 1
    _packet_header(octets, at, head, np.int64(row["instrument_id"]), messages)
    return end - at, place


@kernel
def encode_end_of_cycle(octets, at, head, instrument_count):
    """Write the packet with EndOfCycle of the cycle of `head` (its AsOfSequence: the lowest of the cycle) at
    `octets[at:]`. Returns its CYCLE_PACKET_BYTES bytes."""
    row = head[0]
    start = at + md.packetHeader_SIZE
    block = begin_frame(octets, start, np.int64(md.EndOfCycle_TEMPLATE_ID), np.int64(md.EndOfCycle_BLOCK_LENGTH))
    md.put_EndOfCycle_ActiveInstrumentCount(octets, block, instrument_count)
    md.put_EndOfCycle_ExtEpoch(octets, block, np.int64(row["epoch"]))
    md.put_EndOfCycle_ExtAsOfSequence(octets, block, np.int64(row["as_of_sequence"]))
    _packet_header(octets, at, head, np.int64(0), np.int64(1))
    return np.int64(CYCLE_PACKET_BYTES)


@kernel
def _packet_header(octets, at, head, instrument_id, messages):
    row = head[0]
    return put_packet_header(
        octets,
        at,
        np.int64(row["sending_time_ns"]),
        np.int64(row["as_of_sequence"]),
        np.int64(row["channel_id"]),
        np.int64(md.packetHeader_PktFlags_Snapshot),
        messages,
        instrument_id,
    )


@kernel
def _start(octets, at, head, entry_count):
    row = head[0]
    block = begin_frame(octets, at, np.int64(md.SnapshotStart_TEMPLATE_ID), np.int64(md.SnapshotStart_BLOCK_LENGTH))
    md.put_SnapshotStart_InstrumentId(octets, block, np.int64(row["instrument_id"]))
    md.put_SnapshotStart_InstrSeqNum(octets, block, np.int64(row["instr_sequence"]))
    md.put_SnapshotStart_AsOfSequence(octets, block, np.int64(row["as_of_sequence"]))
    md.put_SnapshotStart_TransactTime(octets, block, np.int64(row["transact_time_ns"]))
    md.put_SnapshotStart_Epoch(octets, block, np.int64(row["epoch"]))
    md.put_SnapshotStart_EntryCount(octets, block, entry_count)
    md.put_SnapshotStart_TradingSessionDate(octets, block, np.int64(row["trading_session_date"]))
    md.put_SnapshotStart_TradingStatus(octets, block, np.int64(row["trading_status"]))
    return 0


@kernel
def _order(octets, at, entries, index):
    row = entries[index]
    block = begin_frame(octets, at, np.int64(md.OrderSnapshot_TEMPLATE_ID), np.int64(md.OrderSnapshot_BLOCK_LENGTH))
    md.put_OrderSnapshot_SnapshotSeqNum(octets, block, (index + 1) & 0xFFFF)
    md.put_OrderSnapshot_Quantity(octets, block, np.int64(row["qty_lots"]))
    md.put_OrderSnapshot_TransactTime(octets, block, np.int64(row["transact_time_ns"]))
    md.put_OrderSnapshot_OrderId(octets, block, np.int64(row["order_id"]))
    md.put_OrderSnapshot_Price(octets, block, np.int64(row["price_nanos"]))
    md.put_OrderSnapshot_ExtPriority(octets, block, np.int64(row["priority"]))
    md.put_OrderSnapshot_ExtSide(octets, block, np.int64(row["side"]))
    return 0


@kernel
def _level(octets, at, entries, index):
    row = entries[index]
    block = begin_frame(
        octets, at, np.int64(md.PriceLevelSnapshot_TEMPLATE_ID), np.int64(md.PriceLevelSnapshot_BLOCK_LENGTH)
    )
    md.put_PriceLevelSnapshot_SnapshotSeqNum(octets, block, (index + 1) & 0xFFFF)
    md.put_PriceLevelSnapshot_Price(octets, block, np.int64(row["price_nanos"]))
    md.put_PriceLevelSnapshot_AggregateQty(octets, block, np.int64(row["qty_lots"]))
    md.put_PriceLevelSnapshot_NumberOfOrders(octets, block, np.int64(row["orders"]))
    md.put_PriceLevelSnapshot_InstrSide(octets, block, np.int64(row["side"]))
    return 0


@kernel
def _end(octets, at, head, entry_count):
    row = head[0]
    block = begin_frame(octets, at, np.int64(md.SnapshotEnd_TEMPLATE_ID), np.int64(md.SnapshotEnd_BLOCK_LENGTH))
    md.put_SnapshotEnd_AsOfSequence(octets, block, np.int64(row["as_of_sequence"]))
    md.put_SnapshotEnd_InstrumentId(octets, block, np.int64(row["instrument_id"]))
    md.put_SnapshotEnd_EntryCount(octets, block, entry_count)
    return 0
