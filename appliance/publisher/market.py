"""The state of a market on the feed: its phase, and what its auction would give or has given."""

from __future__ import annotations

import numpy as np

from appliance.publisher.packet import begin_message, head_of
from appliance.state import FREE, price_nanos
from native.jit import kernel
from native.layout import (
    EVENT_FLAG_FROZEN,
    EVENT_FLAG_PRICE,
    KIND_PHASE,
    KIND_TIMER,
    PHASE_CLOSED,
    PHASE_CLOSING_AUCTION,
    PHASE_CONTINUOUS,
    PHASE_FREEZE,
    PHASE_HALT,
    PHASE_OPENING_AUCTION,
    PHASE_VOLATILITY_AUCTION,
)
from wire.gen import market_data as md

# ExtReason of TradingStatusUpdate
REASON_ASKED = 0
REASON_CLOCK = 1
REASON_TRADING = 2
# ExtTradingEvent of TradingStatusUpdate, AuctionType of AuctionUpdate
AUCTION_NONE = 0
AUCTION_OPENING = 1
AUCTION_CLOSING = 2
AUCTION_VOLATILITY = 3

_STATUS_HEAD = head_of("TradingStatusUpdate")
_AUCTION_HEAD = head_of("AuctionUpdate")


@kernel
def auction_of(phase):
    """AUCTION_* of a PHASE_*."""
    if phase == PHASE_OPENING_AUCTION:
        return np.int64(AUCTION_OPENING)
    if phase == PHASE_CLOSING_AUCTION:
        return np.int64(AUCTION_CLOSING)
    if phase == PHASE_VOLATILITY_AUCTION:
        return np.int64(AUCTION_VOLATILITY)
    return np.int64(AUCTION_NONE)


@kernel
def trading_status_of(phase):
    """TradingStatus of a PHASE_*: an opening or closing auction takes orders and does not match, as pre-open does."""
    if phase == PHASE_CONTINUOUS:
        return np.int64(md.TradingStatus_Open)
    if phase == PHASE_HALT:
        return np.int64(md.TradingStatus_Halt)
    if phase == PHASE_VOLATILITY_AUCTION:
        return np.int64(md.TradingStatus_Pause)
    if phase == PHASE_CLOSED:
        return np.int64(md.TradingStatus_Close)
    if phase == PHASE_FREEZE:
        return np.int64(md.TradingStatus_PreOpenNoCancel)
    return np.int64(md.TradingStatus_PreOpen)


@kernel
def publish_phase(tables, outbox, feed, markets, event, time_ns):
    """TradingStatusUpdate of an EVENT_PHASE. Returns 1."""
    instrument = np.int64(event["instrument"])
    block = begin_message(tables, outbox, feed, instrument, np.int64(0), _STATUS_HEAD, time_ns)
    if block == FREE:
        return np.int64(0)
    octets = outbox.octets
    market = markets[instrument]
    phase = np.int64(event["qty_lots"])
    auction = auction_of(np.int64(event["reason"]) if phase == PHASE_FREEZE else phase)
    kind = np.int64(event["request_kind"])
    reason = np.int64(REASON_TRADING)
    if kind == KIND_PHASE:
        reason = np.int64(REASON_ASKED)
    elif kind == KIND_TIMER:
        reason = np.int64(REASON_CLOCK)
    reference = np.int64(md.TradingStatusUpdate_ExtRefPx_NULL)
    if np.int64(event["flags"]) & EVENT_FLAG_PRICE:
        reference = price_nanos(tables, instrument, np.int64(event["price_ticks"]))
    md.put_TradingStatusUpdate_LimitDownPrice(
        octets, block, price_nanos(tables, instrument, np.int64(market["price_ticks_min"]))
    )
    md.put_TradingStatusUpdate_LimitUpPrice(
        octets, block, price_nanos(tables, instrument, np.int64(market["price_ticks_max"]))
    )
    md.put_TradingStatusUpdate_TradingStatus(octets, block, trading_status_of(phase))
    md.put_TradingStatusUpdate_ExtReason(octets, block, reason)
    md.put_TradingStatusUpdate_ExtSessionSubId(octets, block, md.TradingStatusUpdate_ExtSessionSubId_NULL)
    md.put_TradingStatusUpdate_ExtTradingEvent(
        octets, block, auction if auction != AUCTION_NONE else np.int64(md.TradingStatusUpdate_ExtTradingEvent_NULL)
    )
    md.put_TradingStatusUpdate_ExtNextTransition(octets, block, md.TradingStatusUpdate_ExtNextTransition_NULL)
    md.put_TradingStatusUpdate_ExtRefPx(octets, block, reference)
    return np.int64(1)


@kernel
def publish_auction(tables, outbox, feed, event, time_ns):
    """AuctionUpdate of an EVENT_AUCTION. The book that comes from pre-open, halt or closed into continuous trading
    without a trade had no auction to tell of. Returns messages written."""
    instrument = np.int64(event["instrument"])
    auction = auction_of(np.int64(event["reason"]))
    flags = np.int64(event["flags"])
    if auction == AUCTION_NONE and flags & EVENT_FLAG_PRICE == 0:
        return np.int64(0)
    block = begin_message(tables, outbox, feed, instrument, np.int64(0), _AUCTION_HEAD, time_ns)
    if block == FREE:
        return np.int64(0)
    octets = outbox.octets
    price = np.int64(md.AuctionUpdate_IndicativePx_NULL)
    if flags & EVENT_FLAG_PRICE:
        price = price_nanos(tables, instrument, np.int64(event["price_ticks"]))
    surplus_lots = np.int64(event["limit_value"])
    imbalance_side = np.int64(0)
    if surplus_lots > 0:
        imbalance_side = np.int64(1)
    elif surplus_lots < 0:
        imbalance_side = np.int64(-1)
        surplus_lots = -surplus_lots
    extension = np.int64(event["qty_lots"])
    md.put_AuctionUpdate_IndicativePx(octets, block, price)
    md.put_AuctionUpdate_PairedQty(octets, block, np.int64(event["trade_id"]))
    md.put_AuctionUpdate_ImbalanceQty(octets, block, surplus_lots)
    md.put_AuctionUpdate_ReferencePx(octets, block, md.AuctionUpdate_ReferencePx_NULL)
    md.put_AuctionUpdate_LowerCollar(octets, block, md.AuctionUpdate_LowerCollar_NULL)
    md.put_AuctionUpdate_UpperCollar(octets, block, md.AuctionUpdate_UpperCollar_NULL)
    md.put_AuctionUpdate_UncrossTime(octets, block, md.AuctionUpdate_UncrossTime_NULL)
    md.put_AuctionUpdate_AuctionType(octets, block, auction)
    md.put_AuctionUpdate_ImbalanceSide(octets, block, imbalance_side)
    md.put_AuctionUpdate_ExtensionNumber(octets, block, min(extension, 255))
    md.put_AuctionUpdate_BookFrozen(octets, block, md.Boolean_True if flags & EVENT_FLAG_FROZEN else md.Boolean_False)
    md.put_AuctionUpdate_FarPx(octets, block, md.AuctionUpdate_FarPx_NULL)
    return np.int64(1)
