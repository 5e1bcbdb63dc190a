"""A seeded market that writes feed messages and keeps the book that they describe, in plain dicts, for tests."""

from __future__ import annotations

import random

from tests.naive.feed_writer import message, packet

SIDES = {1: 1, 2: -1}


class NaiveMarket:
    """Random orders of a few instruments: `frames` is what a publisher sends, `books` what must come out of it."""

    def __init__(self, seed: int, instruments: int = 3) -> None:
        self.draw = random.Random(seed)
        self.books: dict[int, dict[int, list[int]]] = {n: {} for n in range(1, instruments + 1)}
        self.instrument_sequences = dict.fromkeys(self.books, 0)
        self.frames: list[bytes] = []
        self.trades: list[tuple[int, int, int]] = []
        self._next_id = 1

    def _say(self, name: str, instrument: int, side: int = 0, **values: int) -> None:
        self.instrument_sequences[instrument] += 1
        self.frames.append(
            message(
                name,
                InstrFlags=3,
                InstrSide=SIDES.get(side, 0),
                InstrumentId=instrument,
                InstrSeqNum=self.instrument_sequences[instrument],
                **values,
            )
        )

    def _put(self, instrument: int, order_id: int) -> None:
        side, price, qty, priority = self.books[instrument][order_id]
        self._say("OrderPut", instrument, side, OrderId=order_id, Price=price, Quantity=qty, ExtPriority=priority)

    def step(self) -> None:
        """One random event of one instrument."""
        instrument = self.draw.choice(list(self.books))
        book = self.books[instrument]
        kind = self.draw.randrange(10)
        if not book or kind < 5:
            self._next_id += 1
            side = self.draw.choice((1, 2))
            price = (100 + self.draw.randrange(8) * (-1 if side == 1 else 1)) * 1_000_000
            book[self._next_id] = [side, price, self.draw.randrange(1, 50), self._next_id]
            self._put(instrument, self._next_id)
            return
        order_id = self.draw.choice(list(book))
        order = book[order_id]
        if kind < 7:
            del book[order_id]
            self._say("OrderDelete", instrument, order[0], OrderId=order_id)
        elif kind == 7:
            self._next_id += 1
            order[2], order[3] = self.draw.randrange(1, 50), self._next_id
            self._put(instrument, order_id)
        elif kind == 8:
            lots = self.draw.randrange(1, order[2] + 1)
            self.trades.append((instrument, order[1], lots))
            self._say("TradeSummary", instrument, 3 - order[0], Quantity=lots, VwapPrice=order[1])
            self._say("Trade", instrument, 3 - order[0], MatchId=len(self.trades), Price=order[1], Quantity=lots)
            order[2] -= lots
            if order[2]:
                self._put(instrument, order_id)
            else:
                del book[order_id]
                self._say("OrderDelete", instrument, order[0], OrderId=order_id)
        else:
            self._say("TradingStatusUpdate", instrument, TradingStatus=1)

    def run(self, steps: int) -> NaiveMarket:
        """So many events; returns itself."""
        for _ in range(steps):
            self.step()
        return self

    def packets(self, epoch: int = 1) -> list[bytes]:
        """All frames in packets of 1 to 15 messages, with heartbeats between some of them."""
        found, at = [], 0
        while at < len(self.frames):
            size = self.draw.randrange(1, 16)
            some = self.frames[at : at + size]
            found.append(packet(at + 1, some, epoch=epoch))
            at += len(some)
            if self.draw.random() < 0.1:
                found.append(packet(at + 1, [], epoch=epoch))
        found.append(packet(at + 1, [], epoch=epoch))
        return found

    def orders(self, instrument: int) -> list[tuple[int, int, int, int, int]]:
        """(order id, side, price, quantity, priority) in queue order, by the plainest sort there is."""
        rows = [(order_id, *facts) for order_id, facts in self.books[instrument].items()]
        bids = [row for row in rows if row[1] == 1]
        offers = [row for row in rows if row[1] == 2]
        bids.sort(key=lambda row: row[4])
        bids.sort(key=lambda row: row[2], reverse=True)
        offers.sort(key=lambda row: row[4])
        offers.sort(key=lambda row: row[2])
        return bids + offers
