"""From events to the L3 feed: trade summary, trades, then the orders that changed (CME's order of messages).

One input is one transaction: its first message has StartOfTransaction, its last EndOfTransaction, and in between no
other input's messages stand. A sweep that needs several buffers of events has one trade summary a buffer.
"""

from __future__ import annotations

import numpy as np

from appliance.publisher.packet import begin_message
from appliance.state import FREE
from native.jit import kernel
from native.layout import (
    EVENT_CANCELED,
    EVENT_FLAG_PRIORITY_RETAINED,
    EVENT_FLAG_WAS_RESTING,
    EVENT_REPLACED,
    EVENT_RESTED,
    EVENT_TRADE,
    TRADING_STATUS_OPEN,
)
from wire.gen import market_data as md
from wire.gen import order_entry as oe

_LOW_32 = 0xFFFFFFFF


@kernel
def publish(tables, outbox, feed, records, index, events, count):
    """Publish what `events[:count]`, caused by the input `records[index]`, changed. Returns messages written."""
    time_ns = np.int64(records[index]["time_ns"])
    written = np.int64(0)
    trades = np.int64(0)
    for i in range(count):
        if np.int64(events[i]["kind"]) == EVENT_TRADE:
            trades += 1
    if trades > 0:
        written += _trade_summary(tables, outbox, feed, records[index], events, count)
        for i in range(count):
            if np.int64(events[i]["kind"]) == EVENT_TRADE:
                written += _trade(tables, outbox, feed, events[i], time_ns)
    for i in range(count):
        event = events[i]
        kind = np.int64(event["kind"])
        flags = np.int64(event["flags"])
        if kind == EVENT_TRADE:
            written += _maker_changed(tables, outbox, feed, event, time_ns)
        elif kind == EVENT_RESTED:
            written += _order_put(tables, outbox, feed, event, time_ns)
        elif kind == EVENT_CANCELED and flags & EVENT_FLAG_WAS_RESTING:
            written += _order_delete(tables, outbox, feed, event, np.int64(event["order_id"]), time_ns)
        elif kind == EVENT_REPLACED and flags & EVENT_FLAG_PRIORITY_RETAINED:
            written += _order_put(tables, outbox, feed, event, time_ns)
        elif kind == EVENT_REPLACED and flags & EVENT_FLAG_WAS_RESTING:
            written += _order_delete(tables, outbox, feed, event, np.int64(event["order_id"]), time_ns)
    return written


@kernel
def _feed_side(side):
    """1 for buy, -1 for every kind of sell."""
    return np.int64(1) if side == oe.Side_Buy else np.int64(-1)


@kernel
def _order_put(tables, outbox, feed, event, time_ns):
    instrument = np.int64(event["instrument"])
    block = begin_message(
        tables,
        outbox,
        feed,
        instrument,
        _feed_side(np.int64(event["side"])),
        md.OrderPut_TEMPLATE_ID,
        md.OrderPut_BLOCK_LENGTH,
        time_ns,
    )
    if block == FREE:
        return 0
    price_nanos = event["price_ticks"] * tables.instruments[instrument]["tick_nanos"]
    md.put_OrderPut_OrderId(outbox.octets, block, np.int64(event["order_id"]))
    md.put_OrderPut_Price(outbox.octets, block, price_nanos)
    md.put_OrderPut_Quantity(outbox.octets, block, event["leaves_lots"])
    md.put_OrderPut_ExtPriority(outbox.octets, block, np.int64(event["priority"]))
    return 1


@kernel
def _order_delete(tables, outbox, feed, event, order_id, time_ns):
    block = begin_message(
        tables,
        outbox,
        feed,
        np.int64(event["instrument"]),
        _feed_side(np.int64(event["side"])),
        md.OrderDelete_TEMPLATE_ID,
        md.OrderDelete_BLOCK_LENGTH,
        time_ns,
    )
    if block == FREE:
        return 0
    md.put_OrderDelete_OrderId(outbox.octets, block, order_id)
    return 1


@kernel
def _maker_changed(tables, outbox, feed, event, time_ns):
    """The resting order of a fill: deleted when filled, else put again with what is left, at its old priority."""
    instrument = np.int64(event["instrument"])
    side = -_feed_side(np.int64(event["side"]))
    gone = event["maker_leaves_lots"] == 0
    block = begin_message(
        tables,
        outbox,
        feed,
        instrument,
        side,
        md.OrderDelete_TEMPLATE_ID if gone else md.OrderPut_TEMPLATE_ID,
        md.OrderDelete_BLOCK_LENGTH if gone else md.OrderPut_BLOCK_LENGTH,
        time_ns,
    )
    if block == FREE:
        return 0
    if gone:
        md.put_OrderDelete_OrderId(outbox.octets, block, np.int64(event["maker_order_id"]))
        return 1
    price_nanos = event["price_ticks"] * tables.instruments[instrument]["tick_nanos"]
    md.put_OrderPut_OrderId(outbox.octets, block, np.int64(event["maker_order_id"]))
    md.put_OrderPut_Price(outbox.octets, block, price_nanos)
    md.put_OrderPut_Quantity(outbox.octets, block, event["maker_leaves_lots"])
    md.put_OrderPut_ExtPriority(outbox.octets, block, np.int64(event["maker_priority"]))
    return 1


@kernel
def _trade(tables, outbox, feed, event, time_ns):
    instrument = np.int64(event["instrument"])
    side = _feed_side(np.int64(event["side"]))
    block = begin_message(tables, outbox, feed, instrument, side, md.Trade_TEMPLATE_ID, md.Trade_BLOCK_LENGTH, time_ns)
    if block == FREE:
        return 0
    aggressor = np.int64(event["order_id"])
    maker = np.int64(event["maker_order_id"])
    price_nanos = event["price_ticks"] * tables.instruments[instrument]["tick_nanos"]
    md.put_Trade_MatchId(outbox.octets, block, np.int64(event["trade_id"]))
    md.put_Trade_BuyOrderId(outbox.octets, block, aggressor if side == 1 else maker)
    md.put_Trade_SellOrderId(outbox.octets, block, maker if side == 1 else aggressor)
    md.put_Trade_Price(outbox.octets, block, price_nanos)
    md.put_Trade_Quantity(outbox.octets, block, event["qty_lots"])
    return 1


@kernel
def _trade_summary(tables, outbox, feed, record, events, count):
    """TradeSummary of the trades among `events[:count]`: total quantity, deepest price and the exact average price,
    rounded towards the first price's lower side to a whole 1e-9."""
    first_ticks = np.int64(0)
    deepest_ticks = np.int64(0)
    total_lots = np.int64(0)
    # sum of (price - first price) * quantity, in two words of 32 bits: a sweep may cross the whole price range
    high = np.int64(0)
    low = np.int64(0)
    at = np.int64(FREE)
    for i in range(count):
        event = events[i]
        if np.int64(event["kind"]) != EVENT_TRADE:
            continue
        price_ticks = event["price_ticks"]
        qty_lots = event["qty_lots"]
        if at == FREE:
            at = np.int64(i)
            first_ticks = price_ticks
        distance = price_ticks - first_ticks if price_ticks > first_ticks else first_ticks - price_ticks
        high += (distance >> 32) * qty_lots
        low += (distance & _LOW_32) * qty_lots
        total_lots += qty_lots
        deepest_ticks = price_ticks
    event = events[at]
    instrument = np.int64(event["instrument"])
    tick_nanos = tables.instruments[instrument]["tick_nanos"]
    side = _feed_side(np.int64(event["side"]))
    block = begin_message(
        tables,
        outbox,
        feed,
        instrument,
        side,
        md.TradeSummary_TEMPLATE_ID,
        md.TradeSummary_BLOCK_LENGTH,
        np.int64(record["time_ns"]),
    )
    if block == FREE:
        return 0
    whole_ticks = divide_wide(high, low, total_lots)
    rest = remainder_wide(high, low, total_lots)
    part_nanos = divide_wide(rest * (tick_nanos >> 32), rest * (tick_nanos & _LOW_32), total_lots)
    away_nanos = whole_ticks * tick_nanos + part_nanos
    first_nanos = first_ticks * tick_nanos
    md.put_TradeSummary_AggressorOrderId(outbox.octets, block, np.int64(event["order_id"]))
    md.put_TradeSummary_AggressorReceiveTime(outbox.octets, block, np.int64(record["receive_time_ns"]))
    md.put_TradeSummary_VwapPrice(outbox.octets, block, first_nanos + away_nanos * side)
    md.put_TradeSummary_DeepestPrice(outbox.octets, block, deepest_ticks * tick_nanos)
    md.put_TradeSummary_Quantity(outbox.octets, block, total_lots)
    return 1


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


@kernel
def publish_status(tables, outbox, feed, record):
    """TradingStatusUpdate of the instrument that the input `record` opened or closed. Returns 1."""
    instrument = np.int64(record["instrument"])
    row = tables.instruments[instrument]
    block = begin_message(
        tables,
        outbox,
        feed,
        instrument,
        np.int64(0),
        md.TradingStatusUpdate_TEMPLATE_ID,
        md.TradingStatusUpdate_BLOCK_LENGTH,
        np.int64(record["time_ns"]),
    )
    if block == FREE:
        return 0
    tick_nanos = row["tick_nanos"]
    status = np.int64(row["status"])
    md.put_TradingStatusUpdate_LimitDownPrice(outbox.octets, block, row["price_ticks_min"] * tick_nanos)
    md.put_TradingStatusUpdate_LimitUpPrice(outbox.octets, block, row["price_ticks_max"] * tick_nanos)
    md.put_TradingStatusUpdate_TradingStatus(
        outbox.octets, block, md.TradingStatus_Open if status == TRADING_STATUS_OPEN else md.TradingStatus_Close
    )
    md.put_TradingStatusUpdate_ExtReason(outbox.octets, block, md.TradingStatusUpdate_ExtReason_NULL)
    md.put_TradingStatusUpdate_ExtSessionSubId(outbox.octets, block, md.TradingStatusUpdate_ExtSessionSubId_NULL)
    md.put_TradingStatusUpdate_ExtTradingEvent(outbox.octets, block, md.TradingStatusUpdate_ExtTradingEvent_NULL)
    md.put_TradingStatusUpdate_ExtNextTransition(outbox.octets, block, md.TradingStatusUpdate_ExtNextTransition_NULL)
    md.put_TradingStatusUpdate_ExtRefPx(outbox.octets, block, md.TradingStatusUpdate_ExtRefPx_NULL)
    return 1
