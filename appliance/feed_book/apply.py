"""Market data messages into the books: a block, a run of framed messages, a packet, a stretch of a feed store.

One state follows an L3, an L2 or an L1 channel: OrderPut and OrderDelete make levels out of orders, PriceLevelUpdate
says what stands at a price, TopOfBook goes to the instrument's record. What contradicts the books is applied as far as
it makes sense, counted as a fault and told as a code; who must be right takes a snapshot then.
"""

from __future__ import annotations

import numpy as np

from appliance.feed_book.ladder import next_level
from appliance.feed_book.orders import (
    LOW_32,
    delete_order,
    find_place,
    free_slot,
    leave,
    mark_dirty,
    put_level,
    put_order,
    settle,
    tag_of,
    take_out,
)
from appliance.feed_book.state import MESSAGES_A_PACKET_MAX, FeedBooks, add_instrument, find_instrument
from native.codes import (
    ERROR_FEED_EPOCH,
    ERROR_FEED_FRAME,
    ERROR_FEED_GAP,
    ERROR_FEED_INSTRUMENTS_FULL,
    ERROR_FEED_ORDER,
    ERROR_FEED_SEQUENCE,
    ERROR_FEED_UNKNOWN_ORDER,
)
from native.jit import inner_kernel, kernel
from native.layout import FEED_ENTRY, NO_INDEX
from native.lowlevel import getter, prefetch
from wire.gen import market_data as md

BEFORE_BLOCK_BYTES = md.frameHeader_SIZE + md.messageHeader_SIZE
ENTRY_BYTES = FEED_ENTRY.itemsize
_payload_bytes_of = getter("u32", FEED_ENTRY.fields["payload_bytes"][1])  # type: ignore[index]
UNKNOWN = 0
"""Template of a message that this code does not know: nothing of it is used."""


@kernel
def block_bytes_of(template_id: int) -> int:
    """Length of the block of a template that says something of an instrument's market; -1: of another."""
    if template_id == md.OrderPut_TEMPLATE_ID:
        return np.int64(md.OrderPut_BLOCK_LENGTH)
    if template_id == md.OrderDelete_TEMPLATE_ID:
        return np.int64(md.OrderDelete_BLOCK_LENGTH)
    if template_id == md.PriceLevelUpdate_TEMPLATE_ID:
        return np.int64(md.PriceLevelUpdate_BLOCK_LENGTH)
    if template_id == md.TopOfBook_TEMPLATE_ID:
        return np.int64(md.TopOfBook_BLOCK_LENGTH)
    if template_id == md.Trade_TEMPLATE_ID:
        return np.int64(md.Trade_BLOCK_LENGTH)
    if template_id == md.TradeSummary_TEMPLATE_ID:
        return np.int64(md.TradeSummary_BLOCK_LENGTH)
    if template_id == md.TradingStatusUpdate_TEMPLATE_ID:
        return np.int64(md.TradingStatusUpdate_BLOCK_LENGTH)
    if template_id == md.AuctionUpdate_TEMPLATE_ID:
        return np.int64(md.AuctionUpdate_BLOCK_LENGTH)
    if template_id == md.BookClear_TEMPLATE_ID:
        return np.int64(md.BookClear_BLOCK_LENGTH)
    if template_id == md.MarketStat_TEMPLATE_ID:
        return np.int64(md.MarketStat_BLOCK_LENGTH)
    if template_id == md.TradeAmend_TEMPLATE_ID:
        return np.int64(md.TradeAmend_BLOCK_LENGTH)
    if template_id == md.TradeBust_TEMPLATE_ID:
        return np.int64(md.TradeBust_BLOCK_LENGTH)
    return np.int64(-1)


@inner_kernel
def side_of(instrument: int, instr_side: int) -> int:
    """Place in `sides`, or -1 where InstrSide is neither 1 nor -1."""
    if instr_side == 1:
        return 2 * instrument
    if instr_side == -1:
        return 2 * instrument + 1
    return np.int64(-1)


@kernel
def clear_instrument(books: FeedBooks, instrument: int) -> int:
    """Take every order and level of an instrument off its books. Returns the orders that were there."""
    taken = np.int64(0)
    for side in range(2 * instrument, 2 * instrument + 2):
        level = np.int64(books.sides[side]["best"])
        level = np.int64(-1) if level == NO_INDEX else level
        while level >= 0:
            slot = np.int64(books.levels[level]["head"])
            while slot != NO_INDEX:
                behind = np.int64(books.orders[slot]["next"])
                order_id = np.int64(books.orders[slot]["order_id"])
                place = find_place(books, instrument, order_id, tag_of(instrument, order_id))
                leave(books, slot)
                take_out(books, place)
                free_slot(books, slot)
                taken += 1
                slot = behind
            books.levels[level]["qty_lots"] = 0
            books.levels[level]["orders"] = 0
            mark_dirty(books, level)
            level = np.int64(next_level(books, level))
    return taken


@kernel
def apply_block(books: FeedBooks, octets, block: int, template_id: int) -> int:
    """Apply one message of a known template whose block starts at `octets[block]`. Does not settle.

    Returns 0, or the code of what is wrong with it. A message out of its instrument's numbering is applied all the
    same, and told as ERROR_FEED_SEQUENCE where nothing else is wrong.
    """
    security_id = md.get_instrumentHeader_InstrumentId(octets, block)
    instrument = np.int64(find_instrument(books, security_id))
    if instrument < 0:
        instrument = np.int64(add_instrument(books, security_id))
        if instrument < 0:
            return np.int64(ERROR_FEED_INSTRUMENTS_FULL)
    row = books.instruments[instrument]
    instr_seq = md.get_instrumentHeader_InstrSeqNum(octets, block)
    code = np.int64(0)
    if instr_seq != (np.int64(row["instr_seq"]) + 1) & LOW_32:
        code = np.int64(ERROR_FEED_SEQUENCE)
    transact_time_ns = md.get_instrumentHeader_TransactTime(octets, block)
    row["instr_seq"] = instr_seq
    row["transact_time_ns"] = transact_time_ns
    row["session_date"] = md.get_instrumentHeader_TradingSessionDate(octets, block)
    flags = md.get_instrumentHeader_InstrFlags(octets, block)
    books.state[0]["in_transaction"] = 0 if flags & md.InstrFlags_EndOfTransaction else 1
    done = np.int64(0)
    if template_id == md.OrderPut_TEMPLATE_ID:
        side = side_of(instrument, md.get_instrumentHeader_InstrSide(octets, block))
        qty_lots = md.get_OrderPut_Quantity(octets, block)
        if side < 0 or qty_lots <= 0:
            done = np.int64(ERROR_FEED_ORDER)
        else:
            done = np.int64(
                put_order(
                    books,
                    instrument,
                    side,
                    md.get_OrderPut_OrderId(octets, block),
                    md.get_OrderPut_Price(octets, block),
                    qty_lots,
                    md.get_OrderPut_ExtPriority(octets, block),
                    transact_time_ns,
                )
            )
    elif template_id == md.OrderDelete_TEMPLATE_ID:
        if delete_order(books, instrument, md.get_OrderDelete_OrderId(octets, block)) < 0:
            done = np.int64(ERROR_FEED_UNKNOWN_ORDER)
    else:
        done = np.int64(apply_other(books, octets, block, template_id, instrument))
    code = done if done < 0 else code
    if code < 0:
        row["faults"] += 1
    return code


@kernel
def apply_other(books: FeedBooks, octets, block: int, template_id: int, instrument: int) -> int:
    """The messages that are not of single orders."""
    row = books.instruments[instrument]
    instr_side = md.get_instrumentHeader_InstrSide(octets, block)
    time_ns = md.get_instrumentHeader_TransactTime(octets, block)
    if template_id == md.Trade_TEMPLATE_ID:
        lots = md.get_Trade_Quantity(octets, block)
        row["trades"] += 1
        row["traded_lots"] += lots
        row["last_price_nanos"] = md.get_Trade_Price(octets, block)
        row["last_lots"] = lots
        row["last_match_id"] = md.get_Trade_MatchId(octets, block)
        row["last_trade_ns"] = time_ns
        row["last_side"] = instr_side
    elif template_id == md.PriceLevelUpdate_TEMPLATE_ID:
        side = side_of(instrument, instr_side)
        lots = md.get_PriceLevelUpdate_AggregateQty(octets, block)
        if side < 0 or lots < 0:
            return np.int64(ERROR_FEED_ORDER)
        price = md.get_PriceLevelUpdate_Price(octets, block)
        return put_level(books, side, price, lots, md.get_PriceLevelUpdate_NumberOfOrders(octets, block), time_ns)
    elif template_id == md.TopOfBook_TEMPLATE_ID:
        row["bid_price_nanos"] = md.get_TopOfBook_BidPx(octets, block)
        row["offer_price_nanos"] = md.get_TopOfBook_OfferPx(octets, block)
        row["bid_lots"] = md.get_TopOfBook_BidQty(octets, block)
        row["offer_lots"] = md.get_TopOfBook_OfferQty(octets, block)
        row["bid_orders"] = md.get_TopOfBook_BidOrders(octets, block)
        row["offer_orders"] = md.get_TopOfBook_OfferOrders(octets, block)
    elif template_id == md.TradingStatusUpdate_TEMPLATE_ID:
        row["trading_status"] = md.get_TradingStatusUpdate_TradingStatus(octets, block)
        row["has_auction"] = 0
    elif template_id == md.AuctionUpdate_TEMPLATE_ID:
        surplus_lots = md.get_AuctionUpdate_ImbalanceQty(octets, block)
        is_sell = md.get_AuctionUpdate_ImbalanceSide(octets, block) < 0
        row["has_auction"] = 1
        row["auction_price_nanos"] = md.get_AuctionUpdate_IndicativePx(octets, block)
        row["paired_lots"] = md.get_AuctionUpdate_PairedQty(octets, block)
        row["surplus_lots"] = -surplus_lots if is_sell else surplus_lots
        row["is_frozen"] = 1 if md.get_AuctionUpdate_BookFrozen(octets, block) else 0
    elif template_id == md.BookClear_TEMPLATE_ID:
        clear_instrument(books, instrument)
    return np.int64(0)


@kernel
def scan(books: FeedBooks, octets, at: int, end: int, count: int) -> int:
    """Check the frames of a packet and note where their blocks are; start to fetch what they will need.

    Returns `count` or ERROR_FEED_FRAME: a packet is taken whole or not at all.
    """
    if count > MESSAGES_A_PACKET_MAX or end > octets.size or at < 0:
        return np.int64(ERROR_FEED_FRAME)
    places_mask = np.int64(books.order_places.size) - 1
    places_address = np.int64(books.order_places.ctypes.data)
    for i in range(count):
        if at + BEFORE_BLOCK_BYTES > end:
            return np.int64(ERROR_FEED_FRAME)
        frame_bytes = md.get_frameHeader_FrameLength(octets, at)
        if frame_bytes < BEFORE_BLOCK_BYTES or at + frame_bytes > end:
            return np.int64(ERROR_FEED_FRAME)
        header = at + md.frameHeader_SIZE
        block = at + BEFORE_BLOCK_BYTES
        template_id = md.get_messageHeader_templateId(octets, header)
        block_bytes = md.get_messageHeader_blockLength(octets, header)
        needed = np.int64(block_bytes_of(template_id))
        if (
            needed < 0
            or block_bytes < needed
            or BEFORE_BLOCK_BYTES + block_bytes > frame_bytes
            or md.get_messageHeader_schemaId(octets, header) != md.SCHEMA_ID
        ):
            template_id = np.int64(UNKNOWN)
        if template_id == md.OrderPut_TEMPLATE_ID or template_id == md.OrderDelete_TEMPLATE_ID:
            instrument = np.int64(find_instrument(books, md.get_instrumentHeader_InstrumentId(octets, block)))
            order_id = md.get_OrderPut_OrderId(octets, block)  # of OrderDelete at the same place
            prefetch(places_address + ((tag_of(instrument, order_id) & places_mask) << 3))
        books.ahead[2 * i] = template_id
        books.ahead[2 * i + 1] = block
        at += frame_bytes
    return np.int64(count)


@kernel
def look_ahead(books: FeedBooks, octets, count: int) -> int:
    """Start to fetch the orders that the scanned messages are about."""
    places_mask = np.int64(books.order_places.size) - 1
    orders_address = np.int64(books.orders.ctypes.data)
    for i in range(count):
        template_id = books.ahead[2 * i]
        if template_id == md.OrderPut_TEMPLATE_ID or template_id == md.OrderDelete_TEMPLATE_ID:
            block = books.ahead[2 * i + 1]
            instrument = np.int64(find_instrument(books, md.get_instrumentHeader_InstrumentId(octets, block)))
            place = tag_of(instrument, md.get_OrderPut_OrderId(octets, block)) & places_mask
            slot = (np.int64(books.order_places[place]) & LOW_32) - 1
            if slot >= 0:
                prefetch(orders_address + (slot << 6))
    return np.int64(0)


@kernel
def apply_messages(books: FeedBooks, octets, at: int, end: int, count: int, skip: int) -> int:
    """Apply the `count` framed messages in `octets[at:end]` but the first `skip`; settle where transactions end.

    Returns the messages applied (faults among them are counted in `state`), or ERROR_FEED_FRAME and nothing is.
    """
    if scan(books, octets, at, end, count) < 0:
        return np.int64(ERROR_FEED_FRAME)
    look_ahead(books, octets, count)
    state = books.state[0]
    for i in range(skip, count):
        template_id = np.int64(books.ahead[2 * i])
        block = np.int64(books.ahead[2 * i + 1])
        if template_id == UNKNOWN:
            state["unknown"] += 1
            continue
        flags = md.get_instrumentHeader_InstrFlags(octets, block)
        if flags & md.InstrFlags_StartOfTransaction:
            settle(books)  # of one whose end was lost
        code = np.int64(apply_block(books, octets, block, template_id))
        if code < 0:
            state["faults"] += 1
            state["last_fault_code"] = code
            state["last_fault_sequence"] = np.int64(state["next_sequence"]) + i - skip
        if flags & md.InstrFlags_EndOfTransaction:
            settle(books)
    state["messages"] += count - skip
    return np.int64(count - skip)


@kernel
def apply_packet(books: FeedBooks, octets, at: int, end: int) -> int:
    """Apply the packet in `octets[at:end]` if it is the next of the channel and epoch, without what is known already.

    Returns the messages that were new: 0 for one that is old, a heartbeat, or outside the numbering. ERROR_FEED_GAP,
    ERROR_FEED_EPOCH (a later epoch, another channel) and ERROR_FEED_FRAME change nothing.
    """
    if at < 0 or end > octets.size or at + md.packetHeader_SIZE > end:
        return np.int64(ERROR_FEED_FRAME)
    if md.get_packetHeader_PktFlags(octets, at) & md.packetHeader_PktFlags_Incremental == 0:
        return np.int64(0)
    state = books.state[0]
    epoch = md.get_packetHeader_Epoch(octets, at)
    channel_id = md.get_packetHeader_ChannelId(octets, at)
    if np.int64(state["epoch"]) < 0:
        state["epoch"] = epoch
    if np.int64(state["channel_id"]) < 0:
        state["channel_id"] = channel_id
    if epoch > np.int64(state["epoch"]) or channel_id != np.int64(state["channel_id"]):
        return np.int64(ERROR_FEED_EPOCH)
    count = md.get_packetHeader_MsgCount(octets, at)
    first = md.get_packetHeader_SeqNum(octets, at)
    due = np.int64(state["next_sequence"])
    if epoch < np.int64(state["epoch"]) or first + count <= due:
        return np.int64(0)
    if first > due:
        return np.int64(ERROR_FEED_GAP)
    applied = np.int64(apply_messages(books, octets, at + md.packetHeader_SIZE, end, count, due - first))
    if applied >= 0:
        state["next_sequence"] = first + count
    return applied


@kernel
def apply_entries(books: FeedBooks, store, at: int, end: int) -> int:
    """Apply the packets of `store[at:end]`, a stretch of a feed store: FEED_ENTRY, packet, padding to 8, and so on.

    Returns where it got to: `end`, or the start of an entry that is not whole; or the code of the first packet that
    could not be applied: those before it are, and `next_sequence` says how far.
    """
    at = np.int64(at)
    while at + ENTRY_BYTES <= end:
        payload = at + ENTRY_BYTES
        payload_bytes = _payload_bytes_of(store, at)
        if payload + payload_bytes > end:
            break
        code = np.int64(apply_packet(books, store, payload, payload + payload_bytes))
        if code < 0:
            return code
        at = payload + ((payload_bytes + 7) & ~7)
    return min(at, np.int64(end))
