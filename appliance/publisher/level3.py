"""From events to the L3 feed: trade summary, trades, then the orders that changed, then auctions and phases (CME's
order of messages).

One input is one transaction: its first message has StartOfTransaction, its last EndOfTransaction, and in between no
other input's messages stand. Every aggressor has a summary, and every price of an auction; a sweep that needs several
buffers of events has one a buffer. Only what is displayed is published: hidden orders never, icebergs with the part
that they show.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from appliance.publisher.market import publish_auction, publish_phase
from appliance.publisher.packet import BEFORE_BLOCK_BYTES, WORD_BYTES, begin_unwritten, head_of
from appliance.state import FREE, price_nanos
from native.jit import inner_kernel, kernel
from native.layout import (
    EVENT_AUCTION,
    EVENT_CANCELED,
    EVENT_FLAG_AUCTION,
    EVENT_FLAG_HIDDEN,
    EVENT_FLAG_MAKER_HIDDEN,
    EVENT_FLAG_PRIORITY_RETAINED,
    EVENT_FLAG_WAS_RESTING,
    EVENT_PHASE,
    EVENT_REPLACED,
    EVENT_RESTATED,
    EVENT_RESTED,
    EVENT_TRADE,
    KIND_REPLACE,
)
from native.limits import QTY_LOTS_MAX
from native.lowlevel import rarely, setter
from wire.gen import market_data as md
from wire.gen import order_entry as oe

_LOW_32 = 0xFFFFFFFF
_CHANGES = 1 << EVENT_TRADE | 1 << EVENT_RESTED | 1 << EVENT_CANCELED | 1 << EVENT_REPLACED | 1 << EVENT_RESTATED
"""Kinds of events that can change the public book."""


def _word_at(message: str, field: str, end: int) -> Any:
    """A setter of the word that starts with this u32 of a message; what follows up to `end`, where another field
    starts or the padded message ends, is 0."""
    at = getattr(md, f"{message}_{field}_OFFSET")
    assert (BEFORE_BLOCK_BYTES + at) % WORD_BYTES == 0 and getattr(md, f"{message}_{field}_SIZE") == 4
    assert BEFORE_BLOCK_BYTES + end == (BEFORE_BLOCK_BYTES + at + WORD_BYTES), f"{message}.{field} is no whole word"
    return setter("u64", at)


def _padded(message: str) -> int:
    """Where the padding of a message ends, from the start of its block."""
    block_bytes: int = getattr(md, f"{message}_BLOCK_LENGTH")
    return -(-(BEFORE_BLOCK_BYTES + block_bytes) // WORD_BYTES) * WORD_BYTES - BEFORE_BLOCK_BYTES


_PUT_HEAD = head_of("OrderPut")
_DELETE_HEAD = head_of("OrderDelete")
_TRADE_HEAD = head_of("Trade")
_SUMMARY_HEAD = head_of("TradeSummary")
assert md.OrderDelete_OrderId_OFFSET == md.OrderPut_OrderId_OFFSET
_put_order_put_quantity = _word_at("OrderPut", "Quantity", md.OrderPut_ExtPriority_OFFSET)
_put_trade_quantity = _word_at("Trade", "Quantity", _padded("Trade"))
_put_summary_quantity = _word_at("TradeSummary", "Quantity", _padded("TradeSummary"))


@kernel
def publish(tables, outbox, feed, markets, records, index, events, count, kinds):
    """Publish what `events[:count]`, caused by the input `records[index]`, changed; `markets` is BOOK_INSTRUMENT[n],
    `kinds` has the bits (1 << kind) of EVENT_TRADE, EVENT_PHASE and EVENT_AUCTION that are among them. Returns 0."""
    time_ns = np.int64(records[index]["time_ns"])
    if kinds & (1 << EVENT_TRADE):
        _publish_trades(tables, outbox, feed, records[index], events, count)
    for i in range(count):
        _publish_change(tables, outbox, feed, events[i], time_ns)
    if rarely(kinds & (1 << EVENT_PHASE | 1 << EVENT_AUCTION) != 0):
        for i in range(count):
            kind = np.int64(events[i]["kind"])
            if kind == EVENT_PHASE:
                publish_phase(tables, outbox, feed, markets, events[i], time_ns)
            elif kind == EVENT_AUCTION:
                publish_auction(tables, outbox, feed, events[i], time_ns)
    return 0


@inner_kernel
def _publish_trades(tables, outbox, feed, record, events, count):
    """Each run of trades of one aggressor, or at one price of an auction: its summary, then the trades."""
    time_ns = np.int64(record["time_ns"])
    at = np.int64(0)
    while at < count:
        event = events[np.uint64(at)]
        if np.int64(event["kind"]) != EVENT_TRADE:
            at += 1
            continue
        in_auction = np.int64(event["flags"]) & EVENT_FLAG_AUCTION
        side = np.int64(0) if in_auction else _feed_side(np.int64(event["side"]))
        tick_nanos = np.int64(tables.instruments[np.uint64(event["instrument"])]["tick_nanos"])
        stop = np.int64(_trade_summary(tables, outbox, feed, record, events, at, count, side, tick_nanos))
        for i in range(at, stop):
            if np.int64(events[np.uint64(i)]["kind"]) == EVENT_TRADE:
                _trade(tables, outbox, feed, events[np.uint64(i)], side, tick_nanos, time_ns)
        at = stop


@inner_kernel
def _is_same_run(one, two):
    in_auction = np.int64(one["flags"]) & EVENT_FLAG_AUCTION
    if in_auction != np.int64(two["flags"]) & EVENT_FLAG_AUCTION:
        return False
    if rarely(in_auction != 0):
        return np.int64(one["instrument"]) == np.int64(two["instrument"]) and np.int64(one["price_ticks"]) == np.int64(
            two["price_ticks"]
        )
    return np.int64(one["order_id"]) == np.int64(two["order_id"])


@inner_kernel
def _publish_change(tables, outbox, feed, event, time_ns):
    """What `event` changes of the public book."""
    kind = np.int64(event["kind"])
    if (1 << kind) & _CHANGES == 0:
        return
    flags = np.int64(event["flags"])
    if kind == EVENT_TRADE:
        _traded(tables, outbox, feed, event, flags, time_ns)
        return
    if flags & EVENT_FLAG_HIDDEN:
        return
    display_lots = np.int64(event["display_lots"])
    is_gone = kind == EVENT_CANCELED or (kind == EVENT_REPLACED and flags & EVENT_FLAG_PRIORITY_RETAINED == 0)
    if is_gone:
        display_lots = np.int64(0)
    if display_lots == 0 and (flags & EVENT_FLAG_WAS_RESTING == 0 or not (is_gone or kind == EVENT_RESTATED)):
        return
    block = _begin_order(tables, outbox, feed, event, _feed_side(np.int64(event["side"])), display_lots, time_ns)
    if block == FREE:
        return
    price_ticks = np.int64(event["price_ticks"])
    order_id = np.int64(event["order_id"])
    _put_order(tables, outbox, block, event, order_id, price_ticks, display_lots, np.int64(event["priority"]))


@inner_kernel
def _traded(tables, outbox, feed, event, flags, time_ns):
    """The public orders of a fill: the maker, at its own price and place, with what it displays now; in an auction the
    buy, too. An iceberg that displays nothing any more is deleted; its next part is put by an event of its own."""
    price_ticks = np.int64(event["price_ticks"])
    side = _feed_side(np.int64(event["side"]))
    if rarely(flags & EVENT_FLAG_AUCTION != 0):
        price_ticks = np.int64(event["limit_value"])  # of the one that is not filled whole
        if flags & EVENT_FLAG_HIDDEN == 0:
            display_lots = np.int64(event["display_lots"])
            block = _begin_order(tables, outbox, feed, event, side, display_lots, time_ns)
            if block != FREE:
                order_id = np.int64(event["order_id"])
                priority = np.int64(event["priority"])
                _put_order(tables, outbox, block, event, order_id, price_ticks, display_lots, priority)
    if flags & EVENT_FLAG_MAKER_HIDDEN == 0:
        display_lots = np.int64(event["maker_display_lots"])
        block = _begin_order(tables, outbox, feed, event, -side, display_lots, time_ns)
        if block != FREE:
            order_id = np.int64(event["maker_order_id"])
            priority = np.int64(event["maker_priority"])
            _put_order(tables, outbox, block, event, order_id, price_ticks, display_lots, priority)


@inner_kernel
def _begin_order(tables, outbox, feed, event, side, display_lots, time_ns):
    """A message of what an order displays now: OrderPut, or OrderDelete where that is nothing. Returns its block, or
    FREE."""
    head = np.int64(_DELETE_HEAD if display_lots == 0 else _PUT_HEAD)
    return begin_unwritten(tables, outbox, feed, np.int64(event["instrument"]), side, head, time_ns)


@inner_kernel
def _put_order(tables, outbox, block, event, order_id, price_ticks, display_lots, priority):
    """What stands in it."""
    md.put_OrderPut_OrderId(outbox.octets, block, order_id)  # stands at the same place in both
    if display_lots != 0:
        instrument = np.int64(event["instrument"])
        md.put_OrderPut_Price(outbox.octets, block, price_nanos(tables, instrument, price_ticks))
        _put_order_put_quantity(outbox.octets, block, display_lots)
        md.put_OrderPut_ExtPriority(outbox.octets, block, priority)


@kernel
def _feed_side(side):
    """1 for buy, -1 for every kind of sell."""
    return np.int64(1) if side == oe.Side_Buy else np.int64(-1)


@inner_kernel
def _trade(tables, outbox, feed, event, side, tick_nanos, time_ns):
    """One fill; `side`: InstrSide, the aggressor's, 0 in an auction."""
    instrument = np.int64(event["instrument"])
    block = begin_unwritten(tables, outbox, feed, instrument, side, np.int64(_TRADE_HEAD), time_ns)
    if block == FREE:
        return
    is_buy = np.int64(event["side"]) == oe.Side_Buy
    order_id = np.int64(event["order_id"])
    maker = np.int64(event["maker_order_id"])
    md.put_Trade_MatchId(outbox.octets, block, np.int64(event["trade_id"]))
    md.put_Trade_BuyOrderId(outbox.octets, block, order_id if is_buy else maker)
    md.put_Trade_SellOrderId(outbox.octets, block, maker if is_buy else order_id)
    md.put_Trade_Price(outbox.octets, block, np.int64(event["price_ticks"]) * tick_nanos)
    _put_trade_quantity(outbox.octets, block, np.int64(event["qty_lots"]))


@inner_kernel
def _trade_summary(tables, outbox, feed, record, events, start, count, side, tick_nanos):
    """TradeSummary of the run of trades in `events[:count]` that begins at `start`: total quantity, deepest price and
    the exact average price, rounded towards the first price's lower side to a whole 1e-9. Returns where the run ends:
    behind its last trade."""
    event = events[np.uint64(start)]
    first_ticks = np.int64(event["price_ticks"])
    deepest_ticks = first_ticks
    total_lots = np.int64(0)
    # sum of (price - first price) * quantity, in two words of 32 bits: a sweep may cross the whole price range
    high = np.int64(0)
    low = np.int64(0)
    stop = start
    for i in range(start, count):
        other = events[np.uint64(i)]
        if np.int64(other["kind"]) != EVENT_TRADE:
            continue
        if not _is_same_run(event, other):
            break
        deepest_ticks = np.int64(other["price_ticks"])
        qty_lots = np.int64(other["qty_lots"])
        distance = deepest_ticks - first_ticks if deepest_ticks > first_ticks else first_ticks - deepest_ticks
        high += (distance >> 32) * qty_lots
        low += (distance & _LOW_32) * qty_lots
        total_lots += qty_lots
        stop = i + 1
    in_auction = np.int64(event["flags"]) & EVENT_FLAG_AUCTION
    time_ns = np.int64(record["time_ns"])
    instrument = np.int64(event["instrument"])
    block = begin_unwritten(tables, outbox, feed, instrument, side, np.int64(_SUMMARY_HEAD), time_ns)
    if block == FREE:
        return stop
    away_nanos = np.int64(0)
    if high | low != 0:  # at one price all the divisions are of nothing
        whole_ticks = divide_wide(high, low, total_lots)
        rest = remainder_wide(high, low, total_lots)
        part_nanos = divide_wide(rest * (tick_nanos >> 32), rest * (tick_nanos & _LOW_32), total_lots)
        away_nanos = whole_ticks * tick_nanos + part_nanos
    order_id = np.int64(0)
    receive_ns = np.int64(md.TradeSummary_AggressorReceiveTime_NULL)
    if not in_auction:
        order_id = np.int64(event["order_id"])
        if np.int64(record["kind"]) <= KIND_REPLACE:
            receive_ns = np.int64(record["receive_time_ns"])
    md.put_TradeSummary_AggressorOrderId(outbox.octets, block, order_id)
    md.put_TradeSummary_AggressorReceiveTime(outbox.octets, block, receive_ns)
    md.put_TradeSummary_VwapPrice(outbox.octets, block, first_ticks * tick_nanos + away_nanos * side)
    md.put_TradeSummary_DeepestPrice(outbox.octets, block, deepest_ticks * tick_nanos)
    _put_summary_quantity(outbox.octets, block, min(total_lots, QTY_LOTS_MAX))  # an auction's may be more
    return stop


@kernel
def divide_wide(high, low, divisor):
    """(high * 2**32 + low) // divisor for 0 <= high, low < 2**63 and 0 < divisor < 2**31, where the result fits."""
    assert divisor > 0
    from_high = high // divisor
    from_low = low // divisor
    rest = ((high - from_high * divisor) << 32) + (low - from_low * divisor)
    return (from_high << 32) + from_low + rest // divisor


@kernel
def remainder_wide(high, low, divisor):
    """(high * 2**32 + low) % divisor under the same conditions."""
    assert divisor > 0
    rest = ((high - high // divisor * divisor) << 32) + (low - low // divisor * divisor)
    return rest - rest // divisor * divisor
