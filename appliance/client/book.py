"""The books that a subscriber builds from the feed, the readable way: dicts and sorting. Free of numba.

`FeedBook` follows an L3 channel (every resting order, in queue order), an L2 channel (price levels) or an L1 channel
(the best of both sides). `appliance.client.kernel_book.KernelBook` does the same by kernels, with the same results.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from appliance.client.feed import FeedMessage
from appliance.client.snapshots import InstrumentSnapshot

SIDE_BUY: Final = 1
SIDE_SELL: Final = 2
_SIDE_OF: Final = {1: SIDE_BUY, -1: SIDE_SELL}
_FLAG_END_OF_TRANSACTION: Final = 2
_MASK_64: Final = (1 << 64) - 1
_HASH_FACTOR: Final = 1099511628211
_HASH_START: Final = 0x5851F42D4C957F2D


class BookOrder(NamedTuple):
    """A resting order; `side` as in order entry (1 buy, 2 sell), price in 1e-9, `priority`: lower is first."""

    order_id: int
    side: int
    price_nanos: int
    qty_lots: int
    priority: int


class BookTrade(NamedTuple):
    """One fill of an instrument; `side` is the aggressor's, 0 in an auction, which has none."""

    security_id: int
    match_id: int
    side: int
    price_nanos: int
    qty_lots: int
    transact_time_ns: int


class BookAuction(NamedTuple):
    """An AuctionUpdate: price in 1e-9 (None: none), lots that would trade, surplus (above 0: on the buy side)."""

    price_nanos: int | None
    paired_lots: int
    surplus_lots: int
    frozen: bool


class BookTop(NamedTuple):
    """The best of both sides: price in 1e-9 (None: the side is empty), lots and orders there."""

    bid_price_nanos: int | None = None
    bid_lots: int = 0
    bid_orders: int = 0
    offer_price_nanos: int | None = None
    offer_lots: int = 0
    offer_orders: int = 0


EMPTY_TOP: Final = BookTop()


def queue_order(order: BookOrder) -> tuple[int, int, int, int]:
    """Sort key: bids from the highest price, then offers from the lowest; within a price by priority (then OrderId)."""
    price = -order.price_nanos if order.side == SIDE_BUY else order.price_nanos
    return order.side, price, order.priority, order.order_id


def top_of(bids: list[tuple[int, int, int]], offers: list[tuple[int, int, int]]) -> BookTop:
    """The top of levels (price_nanos, lots, orders), each side best first."""
    bid = bids[0] if bids else (None, 0, 0)
    offer = offers[0] if offers else (None, 0, 0)
    return BookTop(*bid, *offer)


@dataclass
class InstrumentBook:
    """One instrument: its orders by id, trading status (None: not told yet) and message numbering."""

    orders: dict[int, BookOrder] = field(default_factory=dict)
    told_levels: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    """(side, price_nanos): (lots, orders), of an L2 channel."""
    told_top: BookTop = EMPTY_TOP
    """Of an L1 channel."""
    trading_status: int | None = None
    auction: BookAuction | None = None
    """What its auction would give, as told last; None outside auctions, and after a snapshot until it is told again."""
    sequence: int = 0
    """InstrSeqNum of the last message."""
    whole: bool = True
    """The last transaction that changed it has ended: the book is as the engine's was then."""
    trades: int = 0
    """Trades that were told; what happened before a snapshot is not among them."""
    traded_lots: int = 0
    last_trade: BookTrade | None = None
    faults: int = 0
    """Messages that contradicted it."""


@dataclass
class FeedBook:
    """The books of all instruments of a channel. `apply` messages in order, as a FeedHandler delivers them."""

    level: int = 3
    """3: orders make the book; 2: price levels are told; 1: the top is told."""
    instruments: dict[int, InstrumentBook] = field(default_factory=dict)
    epoch: int | None = None
    faults: int = 0
    """Messages that contradict the book: InstrSeqNum out of step, an order without a side, a delete of no order."""
    last_fault: str = ""
    _faulty_sequence: int = 0
    _touched: list[InstrumentBook] = field(default_factory=list)
    """Instruments of the transaction that has not ended yet."""

    def reset(self, epoch: int | None) -> None:
        """Forget everything: a publisher numbers anew."""
        self.instruments.clear()
        self._touched.clear()
        self._faulty_sequence = 0
        self.epoch = epoch

    def instrument_sequence(self, security_id: int) -> int:
        """InstrSeqNum of the instrument's last message; 0: there was none."""
        book = self.instruments.get(security_id)
        return book.sequence if book else 0

    def security_ids(self) -> list[int]:
        """Every instrument that was heard of, in order."""
        return sorted(self.instruments)

    def apply(self, message: FeedMessage) -> BookTrade | None:
        """Take one message; returns the trade where it is one. A new epoch empties every book first."""
        if message.epoch != self.epoch:
            self.reset(message.epoch)
        numbers = message.instrument
        if numbers is None:
            return None
        values = message.values
        book = self.instruments.setdefault(numbers.security_id, InstrumentBook())
        if numbers.sequence != book.sequence + 1 & 0xFFFFFFFF:
            self._fault(book, message, f"InstrSeqNum {numbers.sequence} follows {book.sequence}")
        book.sequence = numbers.sequence
        book.whole = False
        self._touched.append(book)
        if numbers.flags & _FLAG_END_OF_TRANSACTION:
            for touched in self._touched:
                touched.whole = True
            self._touched.clear()
        match message.name:
            case "OrderPut":
                self._put(book, message)
            case "OrderDelete":
                if book.orders.pop(values.OrderId, None) is None:
                    self._fault(book, message, f"order {values.OrderId} is deleted but not in the book")
            case "Trade":
                side = _SIDE_OF.get(values.InstrSide, 0)
                trade = BookTrade(
                    values.InstrumentId, values.MatchId, side, values.Price, values.Quantity, values.TransactTime
                )
                book.trades += 1
                book.traded_lots += values.Quantity
                book.last_trade = trade
                return trade
            case "PriceLevelUpdate":
                self._put_level(book, message)
            case "TopOfBook":
                book.told_top = BookTop(
                    values.BidPx,
                    values.BidQty,
                    values.BidOrders,
                    values.OfferPx,
                    values.OfferQty,
                    values.OfferOrders,
                )
            case "TradingStatusUpdate":
                book.trading_status = values.TradingStatus
                book.auction = None
            case "AuctionUpdate":
                surplus_lots = values.ImbalanceQty * (-1 if values.ImbalanceSide < 0 else 1)
                book.auction = BookAuction(values.IndicativePx, values.PairedQty, surplus_lots, bool(values.BookFrozen))
            case "BookClear":
                book.orders.clear()
                book.told_levels.clear()
        return None

    def _put(self, book: InstrumentBook, message: FeedMessage) -> None:
        values = message.values
        side = _SIDE_OF.get(values.InstrSide)
        if side is None or values.Quantity <= 0:
            sentence = f"order {values.OrderId} has side {values.InstrSide}, quantity {values.Quantity}"
            self._fault(book, message, sentence)
            return
        book.orders[values.OrderId] = BookOrder(
            values.OrderId, side, values.Price, values.Quantity, values.ExtPriority or 0
        )

    def _put_level(self, book: InstrumentBook, message: FeedMessage) -> None:
        values = message.values
        side = _SIDE_OF.get(values.InstrSide)
        if side is None or values.AggregateQty < 0:
            self._fault(book, message, f"a level has side {values.InstrSide}, quantity {values.AggregateQty}")
        elif values.AggregateQty == 0:
            book.told_levels.pop((side, values.Price), None)
        else:
            book.told_levels[side, values.Price] = values.AggregateQty, values.NumberOfOrders

    def _fault(self, book: InstrumentBook, message: FeedMessage, sentence: str) -> None:
        if message.sequence != self._faulty_sequence:  # one a message
            self.faults += 1
            book.faults += 1
        self._faulty_sequence = message.sequence
        self.last_fault = f"message {message.sequence}: {sentence}."

    def load(self, snapshot: InstrumentSnapshot) -> None:
        """Put what a snapshot tells in place of the instrument's book."""
        before = self.instruments.get(snapshot.security_id, InstrumentBook())
        book = InstrumentBook(
            trading_status=snapshot.trading_status,
            sequence=snapshot.instrument_sequence,
            trades=before.trades,
            traded_lots=before.traded_lots,
            last_trade=before.last_trade,
        )
        for entry in snapshot.entries():
            side = _SIDE_OF.get(entry.side)
            if side is None or entry.qty_lots <= 0 or (self.level == 3 and not entry.is_order):
                self.faults += 1
                self.last_fault = f"message {snapshot.as_of_sequence}: its snapshot has an entry that none can have."
            elif self.level == 3:
                book.orders[entry.order_id] = BookOrder(
                    entry.order_id, side, entry.price_nanos, entry.qty_lots, entry.priority
                )
            else:
                lots, orders = book.told_levels.get((side, entry.price_nanos), (0, 0))
                book.told_levels[side, entry.price_nanos] = lots + entry.qty_lots, orders + entry.orders
        if self.level == 1:
            book.told_top = top_of(_best(book.told_levels, SIDE_BUY, 1), _best(book.told_levels, SIDE_SELL, 1))
            book.told_levels.clear()
        self._touched = [touched for touched in self._touched if touched is not before]
        self.instruments[snapshot.security_id] = book

    def orders(self, security_id: int) -> list[BookOrder]:
        """Every resting order of the instrument: bids best first, then offers best first, in queue order."""
        book = self.instruments.get(security_id)
        return sorted(book.orders.values(), key=queue_order) if book else []

    def levels(self, security_id: int, side: int, depth_max: int) -> list[tuple[int, int, int]]:
        """(price_nanos, lots, orders) of the best `depth_max` prices of a side, best first."""
        book = self.instruments.get(security_id)
        if book is None:
            return []
        found = dict(book.told_levels)
        for order in book.orders.values():
            lots, orders = found.get((order.side, order.price_nanos), (0, 0))
            found[order.side, order.price_nanos] = lots + order.qty_lots, orders + 1
        return _best(found, side, depth_max)

    def top(self, security_id: int) -> BookTop:
        """The best of both sides."""
        book = self.instruments.get(security_id, InstrumentBook())
        if self.level == 1:
            return book.told_top
        return top_of(self.levels(security_id, SIDE_BUY, 1), self.levels(security_id, SIDE_SELL, 1))

    def trading_status(self, security_id: int) -> int | None:
        """TradingStatus of the instrument; None: not told yet."""
        book = self.instruments.get(security_id)
        return book.trading_status if book else None

    def open_orders(self) -> int:
        """Resting orders of all instruments."""
        return sum(len(book.orders) for book in self.instruments.values())

    def digest(self) -> str:
        """SHA-256 (hex) over every order of every instrument with orders, in order of SecurityID and queue."""
        return book_digest((security_id, self.orders(security_id)) for security_id in sorted(self.instruments))

    def hash(self, security_id: int) -> int:
        """64 bits over the instrument's orders in queue order: what the kernels' `book_hash` gives."""
        words: list[int] = []
        for order in self.orders(security_id):
            sign = 1 if order.side == SIDE_BUY else -1
            words += sign, order.price_nanos, order.qty_lots, order.priority, order.order_id
        return hash_words(words)


def _best(levels: dict[tuple[int, int], tuple[int, int]], side: int, depth_max: int) -> list[tuple[int, int, int]]:
    prices = sorted((price for one, price in levels if one == side), reverse=side == SIDE_BUY)
    return [(price, *levels[side, price]) for price in prices[:depth_max]]


def hash_words(words: Iterable[int]) -> int:
    """64 bits, signed, over numbers of 64 bits."""
    hashed = _HASH_START
    for word in words:
        hashed = (hashed ^ word & _MASK_64) * _HASH_FACTOR & _MASK_64
        hashed ^= hashed >> 29
    return hashed - (1 << 64) if hashed >> 63 else hashed


def book_digest(books: Iterable[tuple[int, Iterable[BookOrder]]]) -> str:
    """SHA-256 (hex) of (security_id, orders in queue order) pairs; instruments without orders leave no trace."""
    digest = hashlib.sha256()
    for security_id, orders in books:
        for order in orders:
            digest.update(f"{security_id} {' '.join(map(str, order))}\n".encode())
    return digest.hexdigest()
