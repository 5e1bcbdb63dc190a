"""Seeded L3 packets with transactions of many messages and instruments, also over several packets. For tests."""

from __future__ import annotations

import random
from typing import Any

from tests.naive.feed_writer import message, packet

START, END = 1, 2
DATE = 20_000
TIME_NS = 1_700_000_000_000_000_000


class L3Flow:
    """A market that makes no sense but follows the rules of the feed."""

    def __init__(self, seed: int, *, instruments: int = 3, prices: int = 6, burst: int = 5) -> None:
        self.draw = random.Random(seed)
        self.instruments = list(range(1, instruments + 1))
        self.prices = prices
        self.burst = burst
        self.orders: dict[int, dict[int, tuple[int, int, int]]] = {n: {} for n in self.instruments}
        self.numbers = dict.fromkeys(self.instruments, 0)
        self.next_id = 1
        self.frames: list[bytes] = []
        self.transaction: list[tuple[str, dict[str, Any]]] = []
        self.time_ns = TIME_NS

    def say(self, name: str, instrument: int, side: int, **values: Any) -> None:
        self.transaction.append((name, {"InstrumentId": instrument, "InstrSide": side} | values))

    def end(self) -> None:
        """Number and flag the transaction, and append its frames."""
        self.time_ns += self.draw.randrange(1, 1000)
        for place, (name, values) in enumerate(self.transaction, 1):
            flags = (START if place == 1 else 0) | (END if place == len(self.transaction) else 0)
            self.numbers[values["InstrumentId"]] += 1
            facts = {"InstrFlags": flags, "InstrSeqNum": self.numbers[values["InstrumentId"]]}
            facts |= {"TradingSessionDate": DATE, "TransactTime": self.time_ns}
            self.frames.append(message(name, **values, **facts))
        self.transaction.clear()

    def step(self) -> None:
        """One message, or a few that go together."""
        instrument = self.draw.choice(self.instruments)
        orders = self.orders[instrument]
        kind = self.draw.randrange(24)
        if kind < 12 or not orders:
            self.put(instrument, self.next_id, self.draw.choice((1, -1)))
            self.next_id += 1
        elif kind < 15:  # in place of itself: elsewhere, or another quantity
            order_id = self.draw.choice(list(orders))
            self.put(instrument, order_id, orders[order_id][0])
        elif kind < 19:
            self.delete(instrument, self.draw.choice(list(orders)))
        elif kind < 21:
            self.trade(instrument, self.draw.choice(list(orders)))
        elif kind == 21:
            self.say("TradingStatusUpdate", instrument, 0, TradingStatus=self.draw.randrange(6))
        elif kind == 22:
            price = self.draw.choice((None, self.price()))
            self.say("AuctionUpdate", instrument, 0, IndicativePx=price, PairedQty=3, ImbalanceQty=1, AuctionType=1)
        else:
            orders.clear()
            self.say("BookClear", instrument, 0, Reason=1)

    def price(self) -> int:
        return (100 + self.draw.randrange(self.prices)) * 1_000_000

    def put(self, instrument: int, order_id: int, side: int) -> None:
        lots = self.draw.randrange(1, 4)
        self.orders[instrument][order_id] = (side, self.price(), lots)
        self.say_put(instrument, order_id)

    def say_put(self, instrument: int, order_id: int) -> None:
        side, price, lots = self.orders[instrument][order_id]
        priority = len(self.frames) + len(self.transaction) + 1
        self.say("OrderPut", instrument, side, OrderId=order_id, Price=price, Quantity=lots, ExtPriority=priority)

    def delete(self, instrument: int, order_id: int) -> None:
        side, _, _ = self.orders[instrument].pop(order_id)
        self.say("OrderDelete", instrument, side, OrderId=order_id)

    def trade(self, instrument: int, order_id: int) -> None:
        side, price, lots = self.orders[instrument][order_id]
        traded = self.draw.randrange(1, lots + 1)
        self.say("TradeSummary", instrument, -side, AggressorOrderId=9, Quantity=traded, VwapPrice=price)
        self.say("Trade", instrument, -side, MatchId=self.next_id, Price=price, Quantity=traded)
        if traded == lots:
            self.delete(instrument, order_id)
        else:
            self.orders[instrument][order_id] = (side, price, lots - traded)
            self.say_put(instrument, order_id)

    def packets(self, transactions: int, *, epoch: int = 0, channel_id: int = 1, sizes: int = 20) -> list[bytes]:
        """So many transactions, in packets of 1 to `sizes` messages, transactions across packets among them."""
        for _ in range(transactions):
            for _ in range(self.draw.randrange(1, self.burst + 1)):
                self.step()
            self.end()
        found, at = [], 0
        while at < len(self.frames):
            some = self.frames[at : at + self.draw.randrange(1, sizes + 1)]
            self.time_ns += 1
            found.append(packet(at + 1, some, epoch=epoch, channel_id=channel_id, time_ns=self.time_ns))
            at += len(some)
        return found
