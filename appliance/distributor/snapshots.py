"""The snapshot loop: every instrument in turn, its definition, status, orders, levels and top, at a bounded pace.

An instrument's orders and levels are copied at one moment, between two transactions, and sent from the copy. The
packets of the orders go under the snapshot channel's id with L3's numbers; those of levels and tops under the ids and
numbers of L2, L1 and of each tier, so that followers of any of them can begin from here.
"""

from __future__ import annotations

import numpy as np

from appliance.distributor.derive import IN_TRANSACTION
from appliance.distributor.records import FIRST_TIER, L1, L2, L3, SNAPSHOT
from appliance.distributor.send import hand_over
from appliance.distributor_counters import SNAPSHOT_CYCLE_US_MAX, SNAPSHOT_CYCLES, SNAPSHOT_PACKETS
from appliance.feed_book.read import copy_orders, copy_side
from appliance.feed_book.seed import STATUS_BYTES_MAX
from appliance.feed_book.state import find_instrument
from appliance.snapshot.encode import encode_end_of_cycle, encode_packet
from native.arrays import Arrays
from native.jit import far_kernel, kernel
from native.lowlevel import copy_bytes
from wire.framing.packet_writer import BEFORE_BLOCK_BYTES, begin_frame, frame_bytes_of, put_packet_header
from wire.gen import market_data as md

SYMBOL_BYTES = md.InstrumentDefinition_Symbol_SIZE
BURST = 64
"""Packets that may leave at once after a pause."""

# indexes of `SnapshotLoop.scalars`
INSTRUMENT = 0
"""Of `definitions`."""
STAGE = 1
PLACE = 2
"""Of the next message of the snapshot in hand."""
READY_BYTES = 3
"""Of the packet in hand; 0: none."""
ORDERS = 4
BIDS = 5
OFFERS = 6
CYCLE_BEGAN_NS = 7
CYCLE_NS = 8
PACKET_DUE_NS = 9
PACKET_NS = 10
"""Time a packet, at least."""
LOWEST_AS_OF = 11
PACKET_NUMBER = 12
LAST_END_NS = 13
"""When the cycle before was done."""
SCALARS_COUNT = 14

# stages of an instrument; behind STAGE_TIERS one for each tier
STAGE_WAIT = 0
STAGE_DEFINITION = 1
STAGE_ORDERS = 2
STAGE_LEVELS = 3
STAGE_TOP = 4
STAGE_TIERS = 5


class SnapshotLoop(Arrays):
    """Where the loop stands, and the copies that it sends from."""

    definitions: np.ndarray
    """DEFINITION[n]"""
    symbols: np.ndarray
    """uint8[n * SYMBOL_BYTES], padded with zeros"""
    orders: np.ndarray
    """FEED_ROW[orders]: those of the instrument in hand"""
    levels: np.ndarray
    """FEED_ROW[levels]: its bids, then its offers"""
    some: np.ndarray
    """FEED_ROW[2 * TIER_DEPTH_MAX]: the best of both"""
    head: np.ndarray
    """SNAPSHOT_HEAD[1]"""
    as_of: np.ndarray
    """int64[channels]: number of each channel's last message at the moment of the copy"""
    instr_seq: np.ndarray
    """int64[channels]: likewise of the instrument's last message"""
    packet: np.ndarray
    """uint8[PACKET_BYTES]: the packet in hand"""
    scalars: np.ndarray
    """int64[SCALARS_COUNT]"""


@far_kernel
def send_snapshots(derivation, sender, loop, now_ns, sending_time_ns, packets_max):
    """Go on with the loop, at most `packets_max` packets; `now_ns` is the monotonic clock, `sending_time_ns` UTC.
    Returns packets handed over."""
    scalars = loop.scalars
    sent = np.int64(0)
    if sender.hands[SNAPSHOT]["destination_count"] == 0:
        return sent
    hand = sender.hands.size - 1
    while sent < packets_max:
        if scalars[READY_BYTES] == 0:
            if now_ns < scalars[PACKET_DUE_NS] or not _compose(derivation, sender, loop, now_ns, sending_time_ns):
                break
            earliest_ns = now_ns - BURST * scalars[PACKET_NS]
            scalars[PACKET_DUE_NS] = max(scalars[PACKET_DUE_NS], earliest_ns) + scalars[PACKET_NS]
        if not hand_over(sender, hand, loop.packet, np.int64(0), scalars[READY_BYTES], scalars[PACKET_NUMBER]):
            break
        scalars[READY_BYTES] = 0
        scalars[PACKET_NUMBER] += 1
        sender.told[SNAPSHOT_PACKETS] += 1
        sent += 1
    return sent


@kernel
def _compose(derivation, sender, loop, now_ns, sending_time_ns):
    """Write the loop's next packet into `loop.packet`. False: none is due."""
    scalars = loop.scalars
    if scalars[STAGE] == STAGE_WAIT:
        if scalars[INSTRUMENT] == loop.definitions.size:
            return _end_cycle(derivation, sender, loop, now_ns, sending_time_ns)
        due_ns = scalars[CYCLE_BEGAN_NS] + scalars[INSTRUMENT] * scalars[CYCLE_NS] // loop.definitions.size
        if now_ns < due_ns or derivation.scalars[IN_TRANSACTION] != 0:
            return False
        _copy_instrument(derivation, loop)
        scalars[STAGE] = STAGE_DEFINITION
        scalars[PLACE] = 0
    if scalars[STAGE] == STAGE_DEFINITION:
        _aim(sender, SNAPSHOT)
        scalars[READY_BYTES] = _write_definition(derivation, loop, sending_time_ns)
        scalars[STAGE] = STAGE_ORDERS
        return True
    last_stage = STAGE_TIERS + derivation.tiers.size
    while scalars[STAGE] < last_stage:
        stage = scalars[STAGE]
        place = np.int64(L3)
        if stage == STAGE_LEVELS:
            place = np.int64(L2)
        elif stage == STAGE_TOP:
            place = np.int64(L1)
        elif stage >= STAGE_TIERS:
            place = stage - STAGE_TIERS + FIRST_TIER
        _aim(sender, place if place >= FIRST_TIER else np.int64(SNAPSHOT))
        if sender.hands[sender.hands.size - 1]["destination_count"] > 0:
            _write_part(derivation, loop, place, sending_time_ns)
        else:
            scalars[STAGE] += 1
        if scalars[STAGE] == last_stage:
            scalars[STAGE] = STAGE_WAIT
            scalars[INSTRUMENT] += 1
        if scalars[READY_BYTES] > 0:
            return True
        if scalars[STAGE] == STAGE_WAIT:
            break
    return False


@kernel
def _aim(sender, place):
    """The next packet goes where those of the channel at `place` go."""
    hand = sender.hands[sender.hands.size - 1]
    aim = sender.hands[place]
    hand["channel_id"] = aim["channel_id"]
    hand["first_destination"] = aim["first_destination"]
    hand["line_count"] = aim["line_count"]
    hand["destination_count"] = aim["destination_count"]
    return 0


@kernel
def _copy_instrument(derivation, loop):
    """Orders and levels of the instrument in turn, and the numbers of all channels, as they are now."""
    scalars = loop.scalars
    books = derivation.books
    instrument = find_instrument(books, loop.definitions[scalars[INSTRUMENT]]["security_id"])
    scalars[ORDERS] = 0
    scalars[BIDS] = 0
    scalars[OFFERS] = 0
    for place in range(derivation.channels.size):
        loop.as_of[place] = derivation.channels[place]["next_number"] - 1
        loop.instr_seq[place] = 0
        if instrument >= 0:
            loop.instr_seq[place] = derivation.instr_seq[place * derivation.tops.size + instrument]
    loop.as_of[L3] = np.int64(books.state[0]["next_sequence"]) - 1
    if scalars[INSTRUMENT] == 0:
        scalars[LOWEST_AS_OF] = loop.as_of[L3]
    if instrument >= 0:
        loop.instr_seq[L3] = np.int64(books.instruments[instrument]["instr_seq"])
        scalars[ORDERS] = copy_orders(books, instrument, loop.orders, np.int64(0))
        most = np.int64(loop.levels.size)
        scalars[BIDS] = copy_side(books, 2 * instrument, most, loop.levels, np.int64(0))
        scalars[OFFERS] = copy_side(books, 2 * instrument + 1, most, loop.levels, scalars[BIDS])
    return 0


@kernel
def _fill_head(derivation, loop, place, channel_id, sending_time_ns):
    head = loop.head[0]
    security_id = loop.definitions[loop.scalars[INSTRUMENT]]["security_id"]
    instrument = find_instrument(derivation.books, security_id)
    head["as_of_sequence"] = loop.as_of[place]
    head["sending_time_ns"] = sending_time_ns
    head["transact_time_ns"] = 0
    head["epoch"] = derivation.channels[place]["epoch"]
    head["instrument_id"] = security_id
    head["instr_sequence"] = loop.instr_seq[place]
    head["channel_id"] = channel_id
    head["trading_session_date"] = 0
    head["trading_status"] = md.TradingStatus_NULL
    head["is_levels"] = 0 if place == L3 else 1
    if instrument >= 0:
        row = derivation.books.instruments[instrument]
        head["transact_time_ns"] = np.int64(row["transact_time_ns"])
        head["trading_session_date"] = np.int64(row["session_date"])
        head["trading_status"] = np.int64(row["trading_status"])
    return 0


@kernel
def _write_part(derivation, loop, place, sending_time_ns):
    """The next packet of the snapshot of one channel; behind its last one the next stage begins."""
    scalars = loop.scalars
    channel_id = derivation.channels[SNAPSHOT if place == L3 else place]["channel_id"]
    _fill_head(derivation, loop, place, channel_id, sending_time_ns)
    if place == L3:
        count = scalars[ORDERS]
        size, after = encode_packet(loop.packet, np.int64(0), loop.head, loop.orders, count, scalars[PLACE])
    elif place == L2:
        count = scalars[BIDS] + scalars[OFFERS]
        size, after = encode_packet(loop.packet, np.int64(0), loop.head, loop.levels, count, scalars[PLACE])
    else:
        depth = np.int64(1) if place == L1 else derivation.tiers[place - FIRST_TIER]["depth"]
        count = _choose_best(loop, depth)
        size, after = encode_packet(loop.packet, np.int64(0), loop.head, loop.some, count, scalars[PLACE])
    scalars[READY_BYTES] = size
    scalars[PLACE] = after
    if after == count + 2:
        scalars[STAGE] += 1
        scalars[PLACE] = 0
    return 0


@kernel
def _choose_best(loop, depth):
    """The best `depth` bids and offers into `loop.some`. Returns how many there are."""
    bids = min(loop.scalars[BIDS], depth)
    offers = min(loop.scalars[OFFERS], depth)
    for i in range(bids):
        loop.some[i] = loop.levels[i]
    for i in range(offers):
        loop.some[bids + i] = loop.levels[loop.scalars[BIDS] + i]
    return bids + offers


@kernel
def _end_cycle(derivation, sender, loop, now_ns, sending_time_ns):
    scalars = loop.scalars
    scalars[INSTRUMENT] = 0
    _fill_head(derivation, loop, np.int64(L3), derivation.channels[SNAPSHOT]["channel_id"], sending_time_ns)
    loop.head[0]["as_of_sequence"] = scalars[LOWEST_AS_OF]
    _aim(sender, np.int64(SNAPSHOT))
    scalars[READY_BYTES] = encode_end_of_cycle(loop.packet, np.int64(0), loop.head, np.int64(loop.definitions.size))
    took_us = (now_ns - scalars[LAST_END_NS]) // 1000
    scalars[LAST_END_NS] = now_ns
    sender.told[SNAPSHOT_CYCLE_US_MAX] = max(sender.told[SNAPSHOT_CYCLE_US_MAX], took_us)
    sender.told[SNAPSHOT_CYCLES] += 1
    # the next one begins when it is due, or now where this one took longer than it should
    scalars[CYCLE_BEGAN_NS] = max(scalars[CYCLE_BEGAN_NS] + scalars[CYCLE_NS], now_ns)
    return True


@kernel
def _write_definition(derivation, loop, sending_time_ns):
    """One packet: what the instrument is, its status as told last, and its auction, if one is on. Returns its bytes."""
    octets = loop.packet
    index = loop.scalars[INSTRUMENT]
    definition = loop.definitions[index]
    instrument = find_instrument(derivation.books, definition["security_id"])
    block_bytes = np.int64(md.InstrumentDefinition_BLOCK_LENGTH)
    at = np.int64(md.packetHeader_SIZE)
    block = begin_frame(octets, at, np.int64(md.InstrumentDefinition_TEMPLATE_ID), block_bytes)
    md.put_InstrumentDefinition_InstrumentId(octets, block, definition["security_id"])
    symbol_at = block + md.InstrumentDefinition_Symbol_OFFSET
    copy_bytes(octets, symbol_at, loop.symbols, index * SYMBOL_BYTES, np.int64(SYMBOL_BYTES))
    md.put_InstrumentDefinition_MinPriceIncrement(octets, block, definition["tick_nanos"])
    md.put_InstrumentDefinition_LowLimitPrice(octets, block, definition["low_nanos"])
    md.put_InstrumentDefinition_HighLimitPrice(octets, block, definition["high_nanos"])
    md.put_InstrumentDefinition_MinTradeVol(octets, block, definition["qty_lots_min"])
    md.put_InstrumentDefinition_MaxTradeVol(octets, block, definition["qty_lots_max"])
    md.put_InstrumentDefinition_RoundLot(octets, block, definition["qty_step_lots"])
    md.put_InstrumentDefinition_TradingStatus(octets, block, md.InstrumentDefinition_TradingStatus_NULL)
    at += frame_bytes_of(block_bytes)
    messages = np.int64(1)
    if instrument >= 0:
        row = derivation.books.instruments[instrument]
        md.put_InstrumentDefinition_TradingSessionDate(octets, block, np.int64(row["session_date"]))
        md.put_InstrumentDefinition_TransactTime(octets, block, np.int64(row["transact_time_ns"]))
        md.put_InstrumentDefinition_TradingStatus(octets, block, np.int64(row["trading_status"]))
        for kept in range(2 * instrument, 2 * instrument + 2):
            told_bytes = derivation.status_bytes[kept]
            if told_bytes > 0:
                copy_bytes(octets, at, derivation.status_frames, kept * STATUS_BYTES_MAX, told_bytes)
                md.put_instrumentHeader_InstrFlags(octets, at + BEFORE_BLOCK_BYTES, 0)
                md.put_instrumentHeader_InstrSeqNum(octets, at + BEFORE_BLOCK_BYTES, 0)
                at += told_bytes
                messages += 1
    put_packet_header(
        octets,
        np.int64(0),
        sending_time_ns,
        loop.as_of[L3],
        derivation.channels[SNAPSHOT]["channel_id"],
        np.int64(md.packetHeader_PktFlags_Snapshot),
        messages,
        definition["security_id"],
    )
    return np.int64(at)
