"""The arrays of the public books: one order table, one pool of levels, one ladder a side, for all instruments."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from appliance.book.state import CHILDREN, aligned_zeros
from appliance.feed_book.records import FEED_INSTRUMENT, FEED_LEVEL, FEED_ORDER, FEED_STATE
from native.arrays import Arrays
from native.jit import kernel
from native.layout import BOOK_SIDE, LADDER_NODE, NO_INDEX
from native.limits import INSTRUMENTS_MAX, LEVELS_MAX, ORDERS_MAX
from wire.gen import market_data as md

MESSAGES_A_PACKET_MAX = 255
KNOWN_LEVELS_MIN = 64
KNOWN_LEVELS_MAX = 1 << 16


class FeedBooks(Arrays):
    """The books of one channel. Members that ladder.py works on have the names it knows."""

    state: npt.NDArray[np.void]
    """(1,) FEED_STATE"""
    instruments: npt.NDArray[np.void]
    """(instruments_max,) FEED_INSTRUMENT, in the order in which they were first heard of."""
    security_places: npt.NDArray[np.uint32]
    """(a power of two,) index of an instrument + 1 by SecurityID, open addressing; 0: free."""
    sides: npt.NDArray[np.void]
    """(2 * instruments_max,) BOOK_SIDE: bids of instrument i at 2 i, its offers at 2 i + 1."""
    orders: npt.NDArray[np.void]
    """(orders_max,) FEED_ORDER"""
    order_places: npt.NDArray[np.int64]
    """(a power of two, twice orders_max or more,) tag << 32 | slot + 1 by (instrument, OrderId); 0: free."""
    levels: npt.NDArray[np.void]
    """(levels_max,) FEED_LEVEL"""
    nodes: npt.NDArray[np.void]
    """(levels_max,) LADDER_NODE"""
    children: npt.NDArray[np.uint32]
    """(64 * levels_max,) references of the ladder."""
    known_levels: npt.NDArray[np.uint64]
    """(a power of two,) where the ladder looks first."""
    dirty: npt.NDArray[np.uint32]
    """(levels_max,) levels that the open transaction has touched, each once, in order of the first touch."""
    ahead: npt.NDArray[np.int64]
    """(2 * MESSAGES_A_PACKET_MAX,) template and block of each message of the packet in hand."""


def levels_while_open(levels: int) -> int:
    """Room for the books of a venue that has `levels` price levels: a level that is emptied stays in public books until
    its transaction ends, so a full venue that moves all its orders in one needs twice as many."""
    return min(2 * levels, LEVELS_MAX)


def allocate_feed_books(instruments_max: int, orders_max: int, levels_max: int) -> FeedBooks:
    """Empty books that have room for so many instruments, orders and price levels, over all.

    Takes about 300 bytes an instrument, 80 to 96 an order and 350 a level. Raises ValueError when a number is below 1
    or above its limit in native/limits.py.
    """
    for name, value, largest in (
        ("instruments_max", instruments_max, INSTRUMENTS_MAX),
        ("orders_max", orders_max, ORDERS_MAX),
        ("levels_max", levels_max, LEVELS_MAX),
    ):
        if not 1 <= value <= largest:
            raise ValueError(f"{name} is {value}: give 1 to {largest}.")
    known_levels = max(KNOWN_LEVELS_MIN, min(KNOWN_LEVELS_MAX, 1 << (levels_max - 1).bit_length()))
    books = FeedBooks(
        state=aligned_zeros(1, FEED_STATE),
        instruments=aligned_zeros(instruments_max, FEED_INSTRUMENT),
        security_places=aligned_zeros(2 << (instruments_max - 1).bit_length(), np.uint32),
        sides=aligned_zeros(2 * instruments_max, BOOK_SIDE),
        orders=aligned_zeros(orders_max, FEED_ORDER),
        order_places=aligned_zeros(2 << (orders_max - 1).bit_length(), np.int64),
        levels=aligned_zeros(levels_max, FEED_LEVEL),
        nodes=aligned_zeros(levels_max, LADDER_NODE),
        children=aligned_zeros(levels_max * CHILDREN, np.uint32),
        known_levels=aligned_zeros(known_levels, np.uint64),
        dirty=aligned_zeros(levels_max, np.uint32),
        ahead=aligned_zeros(2 * MESSAGES_A_PACKET_MAX, np.int64),
    )
    reset_feed_books(books, np.int64(-1))
    return books


@kernel
def reset_feed_books(books, epoch):
    """Forget everything: the next message is number 1 of `epoch` (-1: of the first packet's). Returns 0."""
    state = books.state[0]
    state["next_sequence"] = 1
    state["epoch"] = epoch
    state["messages"] = 0
    state["unknown"] = 0
    state["faults"] = 0
    state["last_fault_sequence"] = 0
    state["last_fault_code"] = 0
    if epoch < 0:
        state["channel_id"] = -1
    state["open_orders"] = 0
    state["open_levels"] = 0
    state["open_nodes"] = 0
    state["dirty_count"] = 0
    state["instruments_used"] = 0
    state["in_transaction"] = 0
    state["free_order"] = 0
    state["free_level"] = 0
    state["free_node"] = 0
    for i in range(books.security_places.size):
        books.security_places[i] = 0
    for i in range(books.order_places.size):
        books.order_places[i] = 0
    for i in range(books.known_levels.size):
        books.known_levels[i] = 0
    for i in range(books.sides.size):
        side = books.sides[i]
        side["best_key"] = 0
        side["best"] = NO_INDEX
        side["root"] = NO_INDEX
        side["levels"] = 0
        side["orders"] = 0
    last = books.orders.size - 1
    for i in range(books.orders.size):
        books.orders[i]["qty_lots"] = 0
        books.orders[i]["next"] = i + 1 if i < last else NO_INDEX
    last = books.levels.size - 1
    for i in range(books.levels.size):
        books.levels[i]["head"] = i + 1 if i < last else NO_INDEX
        books.levels[i]["is_dirty"] = 0
        books.nodes[i]["parent"] = i + 1 if i < last else NO_INDEX
    return 0


@kernel
def find_instrument(books, security_id):
    """Index of the instrument, or -1."""
    mask = np.int64(books.security_places.size) - 1
    place = np.int64(security_id) & mask
    for _ in range(books.security_places.size):
        index = np.int64(books.security_places[place]) - 1
        if index < 0 or np.int64(books.instruments[index]["security_id"]) == security_id:
            return index
        place = (place + 1) & mask
    return np.int64(-1)


@kernel
def add_instrument(books, security_id):
    """Index of a new instrument without messages; -1 where there is no room. The caller has seen that it is new."""
    index = np.int64(books.state[0]["instruments_used"])
    if index >= books.instruments.size:
        return np.int64(-1)
    books.state[0]["instruments_used"] = index + 1
    mask = np.int64(books.security_places.size) - 1
    place = np.int64(security_id) & mask
    while books.security_places[place] != 0:  # the table is at most half full
        place = (place + 1) & mask
    books.security_places[place] = index + 1
    row = books.instruments[index]
    row["security_id"] = security_id
    row["instr_seq"] = 0
    row["transact_time_ns"] = 0
    row["trades"] = 0
    row["traded_lots"] = 0
    row["last_price_nanos"] = 0
    row["last_lots"] = 0
    row["last_match_id"] = 0
    row["last_trade_ns"] = 0
    row["bid_price_nanos"] = md.TopOfBook_BidPx_NULL
    row["offer_price_nanos"] = md.TopOfBook_OfferPx_NULL
    row["bid_lots"] = 0
    row["offer_lots"] = 0
    row["bid_orders"] = 0
    row["offer_orders"] = 0
    row["auction_price_nanos"] = md.AuctionUpdate_IndicativePx_NULL
    row["paired_lots"] = 0
    row["surplus_lots"] = 0
    row["faults"] = 0
    row["session_date"] = 0
    row["trading_status"] = md.TradingStatus_NULL
    row["last_side"] = 0
    row["has_auction"] = 0
    row["is_frozen"] = 0
    return index
