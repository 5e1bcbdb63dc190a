"""Into the books at once: a snapshot's entries, into an instrument that is emptied and numbered anew; or a seed."""

from __future__ import annotations

import numpy as np

from appliance.book.ladder import side_key
from appliance.feed_book.apply import clear_instrument, side_of
from appliance.feed_book.ladder import find_level
from appliance.feed_book.orders import put_level, put_order, settle
from appliance.feed_book.state import FeedBooks, add_instrument, find_instrument
from native.codes import ERROR_FEED_FRAME, ERROR_FEED_INSTRUMENTS_FULL, ERROR_FEED_ORDER, ERROR_FEED_SEQUENCE
from native.jit import kernel
from wire.gen import market_data as md

BEFORE_BLOCK_BYTES = md.frameHeader_SIZE + md.messageHeader_SIZE


@kernel
def load_instrument(books: FeedBooks, security_id: int, instr_seq: int, transact_time_ns: int, status: int) -> int:
    """Begin to load a snapshot: the instrument's book is emptied, its numbering and status are those given (status
    TradingStatus_NULL: not told). Returns the instrument's index, or a code."""
    instrument = np.int64(find_instrument(books, security_id))
    if instrument < 0:
        instrument = np.int64(add_instrument(books, security_id))
        if instrument < 0:
            return np.int64(ERROR_FEED_INSTRUMENTS_FULL)
    clear_instrument(books, instrument)
    settle(books)
    row = books.instruments[instrument]
    row["instr_seq"] = instr_seq
    row["transact_time_ns"] = transact_time_ns
    row["trading_status"] = status
    row["has_auction"] = 0
    row["bid_price_nanos"] = md.TopOfBook_BidPx_NULL
    row["bid_lots"] = 0
    row["bid_orders"] = 0
    row["offer_price_nanos"] = md.TopOfBook_OfferPx_NULL
    row["offer_lots"] = 0
    row["offer_orders"] = 0
    return instrument


@kernel
def load_entry(books: FeedBooks, octets, block: int, template_id: int, instrument: int, level: int) -> int:
    """Load one OrderSnapshot or PriceLevelSnapshot, whose block starts at `octets[block]`, into a book of channel
    level 3 (orders), 2 (price levels: orders are summed) or 1 (the top). Returns 0 or a code."""
    if template_id == md.OrderSnapshot_TEMPLATE_ID:
        instr_side = md.get_OrderSnapshot_ExtSide(octets, block)
        price = md.get_OrderSnapshot_Price(octets, block)
        lots = md.get_OrderSnapshot_Quantity(octets, block)
        orders = np.int64(1)
    else:
        instr_side = md.get_PriceLevelSnapshot_InstrSide(octets, block)
        price = md.get_PriceLevelSnapshot_Price(octets, block)
        lots = md.get_PriceLevelSnapshot_AggregateQty(octets, block)
        orders = md.get_PriceLevelSnapshot_NumberOfOrders(octets, block)
    side = side_of(instrument, instr_side)
    if side < 0 or lots <= 0:
        return np.int64(ERROR_FEED_ORDER)
    if level == 3:
        if template_id != md.OrderSnapshot_TEMPLATE_ID:
            return np.int64(ERROR_FEED_ORDER)
        order_id = md.get_OrderSnapshot_OrderId(octets, block)
        priority = md.get_OrderSnapshot_ExtPriority(octets, block)
        time_ns = md.get_OrderSnapshot_TransactTime(octets, block)
        return put_order(books, instrument, side, order_id, price, lots, priority, time_ns)
    row = books.instruments[instrument]
    if level == 2:
        at = np.int64(find_level(books, side, side_key(price, side & 1)))
        if at >= 0:
            lots += np.int64(books.levels[at]["qty_lots"])
            orders += np.int64(books.levels[at]["orders"])
        return put_level(books, side, price, lots, orders, np.int64(row["transact_time_ns"]))
    if side & 1 == 0:
        known = np.int64(row["bid_price_nanos"])
        if known == md.TopOfBook_BidPx_NULL or price > known:
            row["bid_price_nanos"] = price
            row["bid_lots"] = lots
            row["bid_orders"] = orders
        elif price == known:
            row["bid_lots"] += lots
            row["bid_orders"] += orders
    else:
        known = np.int64(row["offer_price_nanos"])
        if known == md.TopOfBook_OfferPx_NULL or price < known:
            row["offer_price_nanos"] = price
            row["offer_lots"] = lots
            row["offer_orders"] = orders
        elif price == known:
            row["offer_lots"] += lots
            row["offer_orders"] += orders
    return np.int64(0)


@kernel
def load_entries(books: FeedBooks, octets, at: int, end: int, count: int, instrument: int, level: int) -> int:
    """Load `count` entries, framed, from `octets[at:end]`. Returns `count`, or the code of the last that has no place
    (the others are loaded); ERROR_FEED_FRAME where the bytes end before them."""
    result = np.int64(count)
    if at < 0 or end > octets.size:
        return np.int64(ERROR_FEED_FRAME)
    for _ in range(count):
        if at + BEFORE_BLOCK_BYTES > end:
            return np.int64(ERROR_FEED_FRAME)
        frame_bytes = md.get_frameHeader_FrameLength(octets, at)
        block = at + BEFORE_BLOCK_BYTES
        block_bytes = md.get_messageHeader_blockLength(octets, at + md.frameHeader_SIZE)
        template_id = md.get_messageHeader_templateId(octets, at + md.frameHeader_SIZE)
        needed = np.int64(md.OrderSnapshot_BLOCK_LENGTH)
        if template_id == md.PriceLevelSnapshot_TEMPLATE_ID:
            needed = np.int64(md.PriceLevelSnapshot_BLOCK_LENGTH)
        elif template_id != md.OrderSnapshot_TEMPLATE_ID:
            return np.int64(ERROR_FEED_FRAME)
        if block_bytes < needed or block + block_bytes > at + frame_bytes or at + frame_bytes > end:
            return np.int64(ERROR_FEED_FRAME)
        code = np.int64(load_entry(books, octets, block, template_id, instrument, level))
        if code < 0:
            result = code
        at += frame_bytes
    return result


@kernel
def load_seed(books: FeedBooks, instruments, rows, counts, next_number: int) -> int:
    """Fill books that are empty with what a seed says of their channel (`Seed.books_of`). Returns 0, or a code: the
    books are of no use then."""
    state = books.state[0]
    if np.int64(state["instruments_used"]) != 0 or next_number < 1:
        return np.int64(ERROR_FEED_SEQUENCE)
    at = np.int64(0)
    for i in range(instruments.size):
        instrument = np.int64(add_instrument(books, np.int64(instruments[i]["security_id"])))
        if instrument != i:
            return np.int64(ERROR_FEED_INSTRUMENTS_FULL)
        books.instruments[i] = instruments[i]
        for j in range(at, at + counts[i]):
            row = rows[j]
            side = side_of(instrument, np.int64(row["side"]))
            lots = np.int64(row["qty_lots"])
            price = np.int64(row["price_nanos"])
            time_ns = np.int64(row["transact_time_ns"])
            order_id = np.int64(row["order_id"])
            if side < 0 or lots <= 0:
                return np.int64(ERROR_FEED_ORDER)
            if order_id != 0:
                code = put_order(books, instrument, side, order_id, price, lots, np.int64(row["priority"]), time_ns)
            else:
                code = put_level(books, side, price, lots, np.int64(row["orders"]), time_ns)
            if code < 0:
                return np.int64(code)
        at += counts[i]
    settle(books)
    state["in_transaction"] = 0
    state["next_sequence"] = next_number
    return np.int64(0)
