"""From L3 to L2, L1 and depth tiers: trades at once, and at the end of each transaction what has changed.

L2 has one PriceLevelUpdate for each level that is not what L2 told of it last, in the order in which the transaction
touched them; L1 one TopOfBook for each instrument whose best bid or offer is not what L1 told last; a tier the changes
among the best levels of each side, best first. Then come auctions and phases: trades, levels, tops, status, as
PROTOCOLS 3.4 has them. Every channel numbers its own messages. Nothing here knows a clock.
"""

from __future__ import annotations

import numpy as np

from appliance.distributor.packet import begin_message, close_packet, end_transaction, forward, has_room
from appliance.distributor.records import FIRST_TIER, FREE, L1, L2
from appliance.distributor.tiers import publish_tier
from appliance.feed_book.apply import UNKNOWN, apply_block, look_ahead, scan
from appliance.feed_book.orders import settle
from appliance.feed_book.read import best_level, level_price
from appliance.feed_book.seed import STATUS_BYTES_MAX
from appliance.feed_book.state import FeedBooks, find_instrument
from native.arrays import Arrays
from native.codes import ERROR_FEED_FRAME, ERROR_FEED_GAP
from native.jit import far_kernel, kernel
from native.layout import FEED_ENTRY
from native.lowlevel import copy_bytes, getter
from wire.framing.packet_writer import BEFORE_BLOCK_BYTES
from wire.gen import market_data as md

ENTRY_BYTES = FEED_ENTRY.itemsize
_get_payload_bytes = getter("u32", FEED_ENTRY.fields["payload_bytes"][1])  # type: ignore[index]

# indexes of `Derivation.scalars`
DONE_BYTES = 0
"""Bytes of the L3 store that were followed."""
IN_TRANSACTION = 1
TOUCHED_COUNT = 2
DEFERRED_COUNT = 3
PACKETS = 4
MESSAGES = 5
UNKNOWN_MESSAGES = 6
EPOCH = 7
FAULT_NUMBER = 8
"""The L3 message that a code below 0 is about."""
ROOM_IS_WANTED = 9
"""1: a store has to grow before another packet can be followed; whoever grows it writes 0."""
SCALARS_COUNT = 10


class Derivation(Arrays):
    """The state of all derived channels."""

    channels: np.ndarray
    """CHANNEL[FIRST_TIER + tiers]; of those of L3 and snapshots the store and the numbers stay unused here"""
    packets: np.ndarray
    """uint8[channels * PACKET_BYTES]: the open packet of each"""
    instr_seq: np.ndarray
    """int64[channels * instruments]: last InstrSeqNum of each instrument in each channel"""
    books: FeedBooks
    published: np.ndarray
    """PUBLISHED_LEVEL[levels], as the levels of the books"""
    tops: np.ndarray
    """TOP[instruments], as the instruments of the books"""
    touched: np.ndarray
    """int64[instruments]: those whose levels the open transaction has touched, in order of first touch"""
    deferred: np.ndarray
    """int64[n]: places of blocks in the L3 store, of what is told behind levels and tops"""
    status_bytes: np.ndarray
    """int64[2 * instruments]: length of the frame of each one's last TradingStatusUpdate, and of the AuctionUpdate that
    holds now; 0: there is none"""
    status_frames: np.ndarray
    """uint8[2 * instruments * STATUS_BYTES_MAX]: those frames"""
    tiers: np.ndarray
    """TIER[n]"""
    tier_levels: np.ndarray
    """TIER_LEVEL: of each tier, instrument and side as many as the tier is deep"""
    tier_counts: np.ndarray
    """int64: of each tier, instrument and side how many of them there are"""
    best: np.ndarray
    """TIER_LEVEL[TIER_DEPTH_MAX]: scratch"""
    scalars: np.ndarray
    """int64[SCALARS_COUNT]"""


@kernel
def derive_entries(derivation, l3, end, packets_max):
    """Follow the entries of `l3[:end]` (uint8, an L3 store) from where it was left, at most `packets_max` packets.
    Returns how many, or a code: nothing may be derived any further then, FAULT_NUMBER says where it was."""
    scalars = derivation.scalars
    done = np.int64(0)
    while done < packets_max:
        at = scalars[DONE_BYTES]
        if at + ENTRY_BYTES > end:
            break
        if not has_room(derivation):
            scalars[ROOM_IS_WANTED] = 1
            break
        payload_bytes = _get_payload_bytes(l3, at)
        payload = at + ENTRY_BYTES
        if payload_bytes < md.packetHeader_SIZE or payload + payload_bytes > end:
            return np.int64(ERROR_FEED_FRAME)
        code = derive_packet(derivation, l3, payload, payload_bytes)
        if code < 0:
            return np.int64(code)
        scalars[DONE_BYTES] = payload + ((payload_bytes + 7) & ~7)
        done += 1
    return done


@far_kernel
def derive_packet(derivation, l3, at, payload_bytes):
    """Follow one packet of L3. Returns its messages or a code."""
    books = derivation.books
    scalars = derivation.scalars
    count = md.get_packetHeader_MsgCount(l3, at)
    first = md.get_packetHeader_SeqNum(l3, at)
    sending_time_ns = md.get_packetHeader_SendingTime(l3, at)
    scalars[FAULT_NUMBER] = first
    if first != np.int64(books.state[0]["next_sequence"]):
        return np.int64(ERROR_FEED_GAP)
    if scan(books, l3, at + md.packetHeader_SIZE, at + payload_bytes, count) < 0:
        return np.int64(ERROR_FEED_FRAME)
    look_ahead(books, l3, count)
    for i in range(count):
        template_id = np.int64(books.ahead[2 * i])
        if template_id == UNKNOWN:
            scalars[UNKNOWN_MESSAGES] += 1
            continue
        scalars[FAULT_NUMBER] = first + i
        code = derive_message(derivation, l3, np.int64(books.ahead[2 * i + 1]), template_id, sending_time_ns)
        if code < 0:
            return np.int64(code)
    books.state[0]["next_sequence"] = first + count
    scalars[PACKETS] += 1
    scalars[MESSAGES] += count
    for place in range(derivation.channels.size):
        if derivation.channels[place]["last_block"] == FREE:
            code = close_packet(derivation, place, sending_time_ns)
            if code < 0:
                return np.int64(code)
    return np.int64(count)


@kernel
def derive_message(derivation, l3, block, template_id, sending_time_ns):
    """Follow one message of L3, whose block is at `l3[block]`. Returns 0 or a code."""
    code = apply_block(derivation.books, l3, block, template_id)
    if code < 0:
        return np.int64(code)
    scalars = derivation.scalars
    scalars[IN_TRANSACTION] = 1
    instrument = find_instrument(derivation.books, md.get_instrumentHeader_InstrumentId(l3, block))
    if template_id == md.TradingStatusUpdate_TEMPLATE_ID or template_id == md.AuctionUpdate_TEMPLATE_ID:
        is_auction = np.int64(template_id == md.AuctionUpdate_TEMPLATE_ID)
        code = _keep_status(derivation, instrument, l3, block, is_auction)
        if code < 0:
            return np.int64(code)
        if scalars[DEFERRED_COUNT] == derivation.deferred.size:
            code = publish_changes(derivation, l3, block, sending_time_ns)
            if code < 0:
                return np.int64(code)
        derivation.deferred[scalars[DEFERRED_COUNT]] = block
        scalars[DEFERRED_COUNT] += 1
    elif template_id not in (md.OrderPut_TEMPLATE_ID, md.OrderDelete_TEMPLATE_ID, md.BookClear_TEMPLATE_ID):
        code = forward(derivation, L1, instrument, l3, block, sending_time_ns)
        if code < 0:
            return np.int64(code)
    if md.get_instrumentHeader_InstrFlags(l3, block) & md.InstrFlags_EndOfTransaction:
        code = publish_changes(derivation, l3, block, sending_time_ns)
        if code < 0:
            return np.int64(code)
        for place in range(derivation.channels.size):
            end_transaction(derivation, place)
        scalars[IN_TRANSACTION] = 0
    return np.int64(0)


@kernel
def _keep_status(derivation, instrument, l3, block, is_auction):
    """Keep the message for the snapshot loop; a status ends what was told of an auction before. Returns 0 or a code."""
    start = block - BEFORE_BLOCK_BYTES
    frame_bytes = np.int64(md.get_frameHeader_FrameLength(l3, start))
    if frame_bytes > STATUS_BYTES_MAX:
        return np.int64(ERROR_FEED_FRAME)
    kept = 2 * instrument + is_auction
    derivation.status_bytes[kept] = frame_bytes
    copy_bytes(derivation.status_frames, kept * STATUS_BYTES_MAX, l3, start, frame_bytes)
    if is_auction == 0:
        derivation.status_bytes[kept + 1] = 0
    return np.int64(0)


@kernel
def publish_changes(derivation, l3, block, sending_time_ns):
    """Tell what the open transaction, of which the message at `l3[block]` is the last, has changed. Returns 0 or a
    code."""
    time_ns = md.get_instrumentHeader_TransactTime(l3, block)
    date = md.get_instrumentHeader_TradingSessionDate(l3, block)
    scalars = derivation.scalars
    code = _publish_levels(derivation, time_ns, date, sending_time_ns)
    for i in range(derivation.tiers.size):
        for j in range(scalars[TOUCHED_COUNT]):
            if code >= 0:
                code = publish_tier(derivation, i, derivation.touched[j], time_ns, date, sending_time_ns)
    for j in range(scalars[TOUCHED_COUNT]):
        if code >= 0:
            code = _publish_top(derivation, derivation.touched[j], time_ns, date, sending_time_ns)
        derivation.tops[derivation.touched[j]]["is_touched"] = 0
    for j in range(scalars[DEFERRED_COUNT]):
        at = derivation.deferred[j]
        instrument = find_instrument(derivation.books, md.get_instrumentHeader_InstrumentId(l3, at))
        for place in range(derivation.channels.size):
            if code >= 0 and (place in (L2, L1) or place >= FIRST_TIER):
                code = forward(derivation, place, instrument, l3, at, sending_time_ns)
    scalars[TOUCHED_COUNT] = 0
    scalars[DEFERRED_COUNT] = 0
    settle(derivation.books)
    return np.int64(code)


@kernel
def _publish_levels(derivation, time_ns, date, sending_time_ns):
    """L2, and the list of the instruments that were touched. Returns 0 or a code."""
    books = derivation.books
    scalars = derivation.scalars
    for i in range(np.int64(books.state[0]["dirty_count"])):
        level = np.int64(books.dirty[i])
        row = books.levels[level]
        side = np.int64(row["side"])
        instrument = side >> 1
        if derivation.tops[instrument]["is_touched"] == 0:
            derivation.tops[instrument]["is_touched"] = 1
            derivation.touched[scalars[TOUCHED_COUNT]] = instrument
            scalars[TOUCHED_COUNT] += 1
        qty_lots = np.int64(row["qty_lots"])
        orders = np.int64(row["orders"])
        told = derivation.published[level]
        if told["qty_lots"] == qty_lots and told["orders"] == orders:
            continue
        told["qty_lots"] = qty_lots
        told["orders"] = orders
        block = begin_message(
            derivation,
            L2,
            instrument,
            1 - 2 * (side & 1),
            md.PriceLevelUpdate_TEMPLATE_ID,
            md.PriceLevelUpdate_BLOCK_LENGTH,
            time_ns,
            date,
            sending_time_ns,
        )
        if block < 0:
            return np.int64(block)
        md.put_PriceLevelUpdate_Price(derivation.packets, block, level_price(books, level))
        md.put_PriceLevelUpdate_AggregateQty(derivation.packets, block, qty_lots)
        md.put_PriceLevelUpdate_NumberOfOrders(derivation.packets, block, orders)
    return np.int64(0)


@kernel
def _publish_top(derivation, instrument, time_ns, date, sending_time_ns):
    """TopOfBook, where it is not what it was. Returns 0 or a code."""
    books = derivation.books
    bid = np.int64(best_level(books, 2 * instrument))
    offer = np.int64(best_level(books, 2 * instrument + 1))
    bid_nanos = np.int64(md.TopOfBook_BidPx_NULL)
    offer_nanos = np.int64(md.TopOfBook_OfferPx_NULL)
    bid_lots = bid_orders = offer_lots = offer_orders = np.int64(0)
    if bid >= 0:
        bid_nanos = np.int64(level_price(books, bid))
        bid_lots = np.int64(books.levels[bid]["qty_lots"])
        bid_orders = np.int64(books.levels[bid]["orders"])
    if offer >= 0:
        offer_nanos = np.int64(level_price(books, offer))
        offer_lots = np.int64(books.levels[offer]["qty_lots"])
        offer_orders = np.int64(books.levels[offer]["orders"])
    top = derivation.tops[instrument]
    if (
        top["bid_nanos"] == bid_nanos
        and top["bid_lots"] == bid_lots
        and top["bid_orders"] == bid_orders
        and top["offer_nanos"] == offer_nanos
        and top["offer_lots"] == offer_lots
        and top["offer_orders"] == offer_orders
    ):
        return np.int64(0)
    top["bid_nanos"] = bid_nanos
    top["bid_lots"] = bid_lots
    top["bid_orders"] = bid_orders
    top["offer_nanos"] = offer_nanos
    top["offer_lots"] = offer_lots
    top["offer_orders"] = offer_orders
    block = begin_message(
        derivation,
        L1,
        instrument,
        np.int64(0),
        md.TopOfBook_TEMPLATE_ID,
        md.TopOfBook_BLOCK_LENGTH,
        time_ns,
        date,
        sending_time_ns,
    )
    if block < 0:
        return np.int64(block)
    write_top(derivation.packets, block, top)
    return np.int64(0)


@kernel
def write_top(octets, block, top):
    """The fields of TopOfBook behind its instrument header."""
    md.put_TopOfBook_BidPx(octets, block, top["bid_nanos"])
    md.put_TopOfBook_OfferPx(octets, block, top["offer_nanos"])
    md.put_TopOfBook_BidQty(octets, block, top["bid_lots"])
    md.put_TopOfBook_OfferQty(octets, block, top["offer_lots"])
    md.put_TopOfBook_BidOrders(octets, block, top["bid_orders"])
    md.put_TopOfBook_OfferOrders(octets, block, top["offer_orders"])
    return 0
