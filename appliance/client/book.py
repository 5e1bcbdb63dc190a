"""The L3 book that a subscriber builds from the feed: every resting order, in queue order. Free of numba."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from appliance.client.feed import FeedMessage

SIDE_BUY: Final = 1
SIDE_SELL: Final = 2
_SIDE_OF: Final = {1: SIDE_BUY, -1: SIDE_SELL}
_FLAG_END_OF_TRANSACTION: Final = 2


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


def queue_order(order: BookOrder) -> tuple[int, int, int]:
    """Sort key: bids from the highest price, then offers from the lowest; within a price by priority."""
    price = -order.price_nanos if order.side == SIDE_BUY else order.price_nanos
    return order.side, price, order.priority


@dataclass
class InstrumentBook:
    """One instrument: its orders by id, trading status (None: not told yet) and message numbering."""

    orders: dict[int, BookOrder] = field(default_factory=dict)
    trading_status: int | None = None
    auction: BookAuction | None = None
    """What its auction would give, as told last; None outside auctions."""
    sequence: int = 0
    """InstrSeqNum of the last message."""
    whole: bool = True
    """The last transaction that changed it has ended: the book is as the engine's was then."""
    trades: int = 0
    traded_lots: int = 0
    last_trade: BookTrade | None = None


@dataclass
class FeedBook:
    """The books of all instruments of a channel. `apply` messages in order, as a FeedHandler delivers them."""

    instruments: dict[int, InstrumentBook] = field(default_factory=dict)
    epoch: int | None = None
    faults: int = 0
    """Messages that contradict the book: InstrSeqNum out of step, an order without a side, a delete of no order."""
    last_fault: str = ""
    _touched: list[InstrumentBook] = field(default_factory=list)
    """Instruments of the transaction that has not ended yet."""

    def apply(self, message: FeedMessage) -> BookTrade | None:
        """Take one message; returns the trade where it is one. A new epoch empties every book first."""
        if message.epoch != self.epoch:
            self.instruments.clear()
            self._touched.clear()
            self.epoch = message.epoch
        values = message.values
        if values is None or getattr(values, "InstrumentId", None) is None:
            return None
        book = self.instruments.setdefault(values.InstrumentId, InstrumentBook())
        if values.InstrSeqNum != book.sequence + 1:
            self._fault(message, f"InstrSeqNum {values.InstrSeqNum} follows {book.sequence}")
        book.sequence = values.InstrSeqNum
        book.whole = False
        self._touched.append(book)
        if values.InstrFlags & _FLAG_END_OF_TRANSACTION:
            for touched in self._touched:
                touched.whole = True
            self._touched.clear()
        match message.name:
            case "OrderPut":
                self._put(book, message)
            case "OrderDelete":
                if book.orders.pop(values.OrderId, None) is None:
                    self._fault(message, f"order {values.OrderId} is deleted but not in the book")
            case "Trade":
                side = _SIDE_OF.get(values.InstrSide, 0)
                trade = BookTrade(
                    values.InstrumentId, values.MatchId, side, values.Price, values.Quantity, values.TransactTime
                )
                book.trades += 1
                book.traded_lots += values.Quantity
                book.last_trade = trade
                return trade
            case "TradingStatusUpdate":
                book.trading_status = values.TradingStatus
                book.auction = None
            case "AuctionUpdate":
                surplus_lots = values.ImbalanceQty * (-1 if values.ImbalanceSide < 0 else 1)
                book.auction = BookAuction(values.IndicativePx, values.PairedQty, surplus_lots, bool(values.BookFrozen))
            case "BookClear":
                book.orders.clear()
        return None

    def _put(self, book: InstrumentBook, message: FeedMessage) -> None:
        values = message.values
        side = _SIDE_OF.get(values.InstrSide)
        if side is None or values.Quantity <= 0:
            self._fault(message, f"order {values.OrderId} has side {values.InstrSide}, quantity {values.Quantity}")
            return
        book.orders[values.OrderId] = BookOrder(
            values.OrderId, side, values.Price, values.Quantity, values.ExtPriority or 0
        )

    def _fault(self, message: FeedMessage, sentence: str) -> None:
        self.faults += 1
        self.last_fault = f"message {message.sequence}: {sentence}."

    def orders(self, security_id: int) -> list[BookOrder]:
        """Every resting order of the instrument: bids best first, then offers best first, in queue order."""
        book = self.instruments.get(security_id)
        return sorted(book.orders.values(), key=queue_order) if book else []

    def levels(self, security_id: int, side: int, depth_max: int) -> list[tuple[int, int, int]]:
        """(price_nanos, lots, orders) of the best `depth_max` prices of a side, best first."""
        found: dict[int, tuple[int, int]] = {}
        book = self.instruments.get(security_id)
        for order in book.orders.values() if book else ():
            if order.side == side:
                lots, orders = found.get(order.price_nanos, (0, 0))
                found[order.price_nanos] = (lots + order.qty_lots, orders + 1)
        best = sorted(found, reverse=side == SIDE_BUY)[:depth_max]
        return [(price, *found[price]) for price in best]

    def open_orders(self) -> int:
        """Resting orders of all instruments."""
        return sum(len(book.orders) for book in self.instruments.values())

    def digest(self) -> str:
        """SHA-256 (hex) over every order of every instrument with orders, in order of SecurityID and queue."""
        return book_digest((security_id, self.orders(security_id)) for security_id in sorted(self.instruments))


def book_digest(books: Iterable[tuple[int, Iterable[BookOrder]]]) -> str:
    """SHA-256 (hex) of (security_id, orders in queue order) pairs; instruments without orders leave no trace."""
    digest = hashlib.sha256()
    for security_id, orders in books:
        for order in orders:
            digest.update(f"{security_id} {' '.join(map(str, order))}\n".encode())
    return digest.hexdigest()
