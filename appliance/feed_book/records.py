"""Records of the public books. Prices are in 1e-9 of the currency, quantities in lots, as on the feed."""

from __future__ import annotations

from native.layout import record

FEED_STATE = record(
    [
        ("next_sequence", "i8"),  # number of the next message of the channel
        ("epoch", "i8"),  # -1: that of the first packet
        ("channel_id", "i8"),  # -1: that of the first packet
        ("messages", "u8"),  # applied, and those of unknown templates
        ("unknown", "u8"),  # of unknown templates
        ("faults", "u8"),  # messages that contradict the books or find no room
        ("last_fault_sequence", "i8"),  # number in the channel of the last of them
        ("last_fault_code", "i8"),
        ("free_order", "u4"),  # heads of the free lists, or NO_INDEX
        ("free_level", "u4"),
        ("free_node", "u4"),
        ("open_orders", "u4"),
        ("open_levels", "u4"),
        ("open_nodes", "u4"),
        ("dirty_count", "u4"),  # levels that the open transaction has touched
        ("instruments_used", "u4"),
        ("in_transaction", "u4"),  # the last message was not the end of its transaction
        ("reserved", "u4", 7),
    ],
    size=128,
)

FEED_INSTRUMENT = record(
    [
        ("security_id", "i4"),
        ("instr_seq", "u4"),  # InstrSeqNum of its last message
        ("transact_time_ns", "i8"),  # of its last message
        ("trades", "u8"),
        ("traded_lots", "u8"),
        ("last_price_nanos", "i8"),  # of the last trade; no meaning while there was none
        ("last_lots", "i8"),
        ("last_match_id", "i8"),
        ("last_trade_ns", "i8"),
        # as a TopOfBook told last: the book of an L1 channel
        ("bid_price_nanos", "i8"),  # TopOfBook_BidPx_NULL: no bid
        ("offer_price_nanos", "i8"),
        ("bid_lots", "i8"),
        ("offer_lots", "i8"),
        ("bid_orders", "u4"),
        ("offer_orders", "u4"),
        # as an AuctionUpdate told last, where has_auction
        ("auction_price_nanos", "i8"),  # AuctionUpdate_IndicativePx_NULL: none
        ("paired_lots", "i8"),
        ("surplus_lots", "i8"),  # above 0: on the buy side
        ("faults", "u4"),
        ("session_date", "u2"),  # days since 1970
        ("trading_status", "u1"),  # TradingStatus_NULL: not told yet
        ("last_side", "i1"),  # of the last trade's aggressor: 1 buy, -1 sell, 0 an auction
        ("has_auction", "u1"),
        ("is_frozen", "u1"),
        ("reserved", "u1", 54),
    ],
    size=192,
)

FEED_ORDER = record(
    [
        ("order_id", "i8"),
        ("price_nanos", "i8"),
        ("priority", "u8"),
        ("transact_time_ns", "i8"),  # of the message that put it
        ("qty_lots", "i8"),  # 0: a free slot
        ("level", "u4"),
        ("next", "u4"),  # order behind it in the queue, or NO_INDEX; of a free slot: the next free one
        ("prev", "u4"),
        ("instrument", "u4"),
        ("reserved", "u8"),
    ],
    size=64,
)
"""A resting order: one cache line."""

FEED_LEVEL = record(
    [
        ("key", "i8"),  # offers: the price; bids: its complement
        ("qty_lots", "i8"),  # 0: empty, and gone when the transaction is over
        ("head", "u4"),  # first order of the queue, or NO_INDEX; of a free level: the next free one
        ("tail", "u4"),
        ("parent", "u4"),  # LADDER_NODE above it, or NO_INDEX
        ("orders", "u4"),
        ("side", "u4"),  # place in `sides`: 2 * instrument index, + 1 for offers
        ("is_dirty", "u4"),  # it is among `dirty`
        ("transact_time_ns", "i8"),  # of the last PriceLevelUpdate; no meaning where levels are sums of orders
        ("reserved", "u8", 2),
    ],
    size=64,
)
"""Fields of native.layout.LEVEL, for the ladder, and what the feed needs besides."""

FEED_ROW = record(
    [
        ("order_id", "i8"),  # 0: a level
        ("price_nanos", "i8"),
        ("priority", "u8"),
        ("transact_time_ns", "i8"),
        ("qty_lots", "i8"),
        ("orders", "u4"),  # 1: an order
        ("side", "i4"),  # 1 bid, -1 offer
    ],
    size=48,
)
"""An order, or a level, as it is read out."""
