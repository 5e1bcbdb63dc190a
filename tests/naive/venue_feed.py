"""What the naive venue publishes."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import Any

from tests.naive.exchange import Event
from tests.naive.exchange import numbers as n
from tests.naive.venue_reports import Instrument, Message, completed, price_nanos
from wire.blocks import schema

MARKET_DATA = schema("market_data")
START, END = 1, 2
STATUS = {n.CONTINUOUS: 1, n.HALT: 2, n.VOLATILITY_AUCTION: 3, n.CLOSED: 4, n.FREEZE: 5}
"""TradingStatus of a phase; of the others pre-open."""
AUCTIONS = {n.OPENING_AUCTION: 1, n.CLOSING_AUCTION: 2, n.VOLATILITY_AUCTION: 3}
WHY = {n.PHASE: 0, n.TIMER: 1}
BY_TRADING = 2


class Feed:
    """One rule a function; `Venue` has the state."""

    instruments: list[Instrument]
    count: Counter[str]
    time_ns: int
    date: int
    feed: list[Message]
    transaction: list[tuple[str, dict[str, Any]]]

    def publish(self, name: str, instrument: Instrument, side: int, **fields: Any) -> None:
        instrument.messages += 1
        fields |= {"InstrSide": side, "InstrumentId": instrument.security_id, "InstrSeqNum": instrument.messages}
        fields |= {"TradingSessionDate": self.date, "TransactTime": self.time_ns}
        self.transaction.append((name, fields))

    def end_transaction(self) -> None:
        """One input is one transaction: its first and its last message say so."""
        for place, (name, fields) in enumerate(self.transaction, 1):
            flags = (START if place == 1 else 0) | (END if place == len(self.transaction) else 0)
            whole = completed(MARKET_DATA[name], fields | {"InstrFlags": flags})
            self.feed.append((len(self.feed) + 1, name, whole))
            self.count["feed_messages_out"] += 1
        self.transaction.clear()

    def publish_events(self, command: dict[str, int], events: list[Event]) -> None:
        """Summaries and trades, then every order that changed, then auctions and phases."""
        trades = [event for event in events if event["kind"] == n.TRADE]
        for _, run in groupby(trades, key=run_of):
            self.publish_run(command, list(run))
        for event in events:
            self.publish_change(event)
        for event in events:
            if event["kind"] == n.PHASE_CHANGED:
                self.publish_phase(event)
            elif event["kind"] == n.AUCTION:
                self.publish_auction(event)

    def place(self, event: Event) -> tuple[Instrument, int]:
        return self.instruments[event["instrument"]], 1 if event["side"] == n.BUY else -1

    def publish_run(self, command: dict[str, int], trades: list[Event]) -> None:
        """The trades of one aggressor, or at one price of an auction."""
        instrument, side = self.place(trades[0])
        in_auction = trades[0]["flags"] & n.IN_AUCTION
        lots = sum(trade["qty_lots"] for trade in trades)
        first = trades[0]["price_ticks"]
        away = sum(abs(trade["price_ticks"] - first) * trade["qty_lots"] for trade in trades)
        by_order = command["kind"] in (n.NEW, n.REPLACE) and not in_auction
        self.publish(
            "TradeSummary", instrument, 0 if in_auction else side,
            AggressorOrderId=0 if in_auction else trades[0]["order_id"],
            AggressorReceiveTime=command["receive_time_ns"] if by_order else None,
            DeepestPrice=trades[-1]["price_ticks"] * instrument.tick_nanos, Quantity=min(lots, n.QTY_MAX),
            VwapPrice=first * instrument.tick_nanos + side * (away * instrument.tick_nanos // lots),
        )  # fmt: skip
        for event in trades:
            buyer, seller = event["order_id"], event["maker_order_id"]
            if side < 0:
                buyer, seller = seller, buyer
            self.publish(
                "Trade", instrument, 0 if in_auction else side, MatchId=event["trade_id"], BuyOrderId=buyer,
                SellOrderId=seller, Price=event["price_ticks"] * instrument.tick_nanos, Quantity=event["qty_lots"],
            )  # fmt: skip

    def publish_change(self, event: Event) -> None:
        """What of the public book changed; of a hidden order nothing."""
        if event["kind"] not in (n.TRADE, n.RESTED, n.RESTATED, n.REPLACED, n.CANCELED):
            return
        instrument, side = self.place(event)
        kind, flags = event["kind"], event["flags"]
        hidden, was_public = flags & n.HIDDEN_ORDER, flags & n.WAS_RESTING
        if kind == n.TRADE:
            ticks = event["limit_value"] if flags & n.IN_AUCTION else event["price_ticks"]
            if flags & n.IN_AUCTION and not hidden:
                self.publish_order(instrument, side, event["order_id"], ticks, event["display_lots"], event["priority"])
            if not flags & n.MAKER_HIDDEN:
                self.publish_order(
                    instrument, -side, event["maker_order_id"], ticks, event["maker_display_lots"],
                    event["maker_priority"],
                )  # fmt: skip
            return
        leaves_place = kind == n.CANCELED or (kind == n.REPLACED and not flags & n.PRIORITY_RETAINED)
        if hidden:
            return
        lots = 0 if leaves_place else event["display_lots"]
        if lots or (was_public and (leaves_place or kind == n.RESTATED)):
            self.publish_order(instrument, side, event["order_id"], event["price_ticks"], lots, event["priority"])

    def publish_order(
        self, instrument: Instrument, side: int, order_id: int, ticks: int, lots: int, priority: int
    ) -> None:
        if lots:
            price = price_nanos(instrument, ticks)
            self.publish(
                "OrderPut", instrument, side, OrderId=order_id, Price=price, Quantity=lots, ExtPriority=priority
            )
        else:
            self.publish("OrderDelete", instrument, side, OrderId=order_id)

    def publish_phase(self, event: Event) -> None:
        instrument, phase = self.instruments[event["instrument"]], event["qty_lots"]
        auction = event["reason"] if phase == n.FREEZE else phase
        reference = price_nanos(instrument, event["price_ticks"]) if event["flags"] & n.HAS_PRICE else None
        self.publish(
            "TradingStatusUpdate", instrument, 0, TradingStatus=STATUS.get(phase, 0),
            ExtReason=WHY.get(event["request_kind"], BY_TRADING), ExtTradingEvent=AUCTIONS.get(auction),
            LimitDownPrice=price_nanos(instrument, instrument.ticks_min), ExtRefPx=reference,
            LimitUpPrice=price_nanos(instrument, instrument.ticks_max),
        )  # fmt: skip

    def publish_auction(self, event: Event) -> None:
        """Not told: that nothing traded when continuous trading began without an auction."""
        instrument, surplus = self.instruments[event["instrument"]], event["limit_value"]
        auction, has_price = AUCTIONS.get(event["reason"], 0), event["flags"] & n.HAS_PRICE
        if auction or has_price:
            self.publish(
                "AuctionUpdate", instrument, 0, PairedQty=event["trade_id"], ImbalanceQty=abs(surplus),
                IndicativePx=price_nanos(instrument, event["price_ticks"]) if has_price else None,
                AuctionType=auction, ImbalanceSide=(surplus > 0) - (surplus < 0),
                ExtensionNumber=min(event["qty_lots"], 255), BookFrozen=int(event["flags"] & n.IS_FROZEN != 0),
            )  # fmt: skip


def run_of(trade: Event) -> tuple[int, ...]:
    """Trades with the same one share a summary."""
    if trade["flags"] & n.IN_AUCTION:
        return trade["instrument"], trade["price_ticks"], 1
    return trade["order_id"], 0, 0
