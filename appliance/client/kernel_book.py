"""`FeedBook` by kernels: the same methods and the same results, millions of messages a second, room fixed at the start.

Where a table is full, the message is a fault: the subscriber takes the instrument for lost, and says so. Needs numba.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from appliance.client.book import SIDE_BUY, BookAuction, BookOrder, BookTop, BookTrade, book_digest, hash_words, top_of
from appliance.client.feed import FeedMessage
from appliance.client.snapshots import InstrumentSnapshot
from appliance.feed_book.apply import apply_block, apply_packet, block_bytes_of
from appliance.feed_book.load import load_entries, load_instrument
from appliance.feed_book.orders import settle
from appliance.feed_book.read import book_hash, copy_orders, copy_side, count_orders
from appliance.feed_book.records import FEED_ROW
from appliance.feed_book.state import FeedBooks, allocate_feed_books, find_instrument, reset_feed_books
from native.codes import sentence_of_error
from wire.blocks import schema
from wire.gen import market_data_tables as md

_HEADER_BYTES = schema("market_data").header.size
_NULL_PRICE = md.TopOfBook_BidPx_NULL


class KernelBook:
    """The books of all instruments of a channel, in arrays."""

    def __init__(
        self, level: int = 3, instruments_max: int = 1024, orders_max: int = 1 << 18, levels_max: int = 1 << 15
    ) -> None:
        """Room for so many, over all. Raises ValueError where that is outside native/limits.py."""
        self.level = level
        self.epoch: int | None = None
        self.faults = 0
        self.last_fault = ""
        self.books: FeedBooks = allocate_feed_books(instruments_max, orders_max, levels_max)
        self._fault_count = self.books.state["faults"]
        self._faults_seen = 0

    def reset(self, epoch: int | None) -> None:
        """Forget everything: a publisher numbers anew."""
        reset_feed_books(self.books, -1 if epoch is None else epoch)
        self.epoch = epoch
        self._faults_seen = 0

    def follow(self, channel_id: int, next_sequence: int) -> None:
        """`apply_packet` goes on with this message of the channel."""
        self.books.state[0]["channel_id"] = channel_id
        self.books.state[0]["next_sequence"] = next_sequence
        self.books.instruments["faults"] = 0

    def apply_packet(self, packet: bytes) -> int:
        """Take the next packet of the channel, whole, or what is new of it. Returns its new messages: 0 for an old one.

        A negative code, and nothing is done: it is not the next (see `appliance.feed_book.apply.apply_packet`).
        """
        applied = int(apply_packet(self.books, np.frombuffer(packet, np.uint8), 0, len(packet)))
        faults = int(self._fault_count[0])
        if faults != self._faults_seen:
            state = self.books.state[0]
            self._fault(int(state["last_fault_sequence"]), int(state["last_fault_code"]))
            self.faults += faults - self._faults_seen - 1
            self._faults_seen = faults
        return applied

    def faulty(self) -> list[int]:
        """Instruments whose book a message contradicted since this was asked last."""
        found = self.books.instruments[: int(self.books.state[0]["instruments_used"])]
        security_ids = [int(one) for one in found["security_id"][found["faults"] != 0]]
        found["faults"] = 0
        return security_ids

    def apply(self, message: FeedMessage) -> BookTrade | None:
        """Take one message; returns the trade where it is one. A new epoch empties every book first."""
        if message.epoch != self.epoch:
            self.reset(message.epoch)
        numbers = message.instrument
        if numbers is None or block_bytes_of(message.template_id) < 0:
            return None
        if numbers.flags & md.InstrFlags_StartOfTransaction:
            settle(self.books)
        octets = np.frombuffer(message.packet, np.uint8)
        code = int(apply_block(self.books, octets, message.start + _HEADER_BYTES, message.template_id))
        if code < 0:
            self._fault(message.sequence, code)
        if numbers.flags & md.InstrFlags_EndOfTransaction:
            settle(self.books)
        return self.last_trade(numbers.security_id) if message.template_id == md.Trade_TEMPLATE_ID else None

    def _fault(self, sequence: int, code: int) -> None:
        self.faults += 1
        self.last_fault = f"message {sequence}: {sentence_of_error(code)}"

    def load(self, snapshot: InstrumentSnapshot) -> None:
        """Put what a snapshot tells in place of the instrument's book."""
        status = md.TradingStatus_NULL if snapshot.trading_status is None else snapshot.trading_status
        index = int(
            load_instrument(
                self.books, snapshot.security_id, snapshot.instrument_sequence, snapshot.transact_time_ns, status
            )
        )
        if index < 0:
            self._fault(snapshot.as_of_sequence, index)
            return
        for part in snapshot.parts:
            octets = np.frombuffer(part.packet, np.uint8)
            code = int(load_entries(self.books, octets, part.at, part.end, part.entries, index, self.level))
            if code < 0:
                self._fault(snapshot.as_of_sequence, code)
        settle(self.books)

    def _row(self, security_id: int) -> np.void | None:
        index = int(find_instrument(self.books, security_id))
        return self.books.instruments[index] if index >= 0 else None

    def instrument_sequence(self, security_id: int) -> int:
        """InstrSeqNum of the instrument's last message; 0: there was none."""
        row = self._row(security_id)
        return 0 if row is None else int(row["instr_seq"])

    def security_ids(self) -> list[int]:
        """Every instrument that was heard of, in order."""
        return sorted(map(int, self.books.instruments["security_id"][: int(self.books.state[0]["instruments_used"])]))

    def order_rows(self, security_id: int) -> npt.NDArray[np.void]:
        """Every resting order of the instrument as FEED_ROW[n]: bids best first, then offers, in queue order."""
        index = int(find_instrument(self.books, security_id))
        rows = np.zeros(int(count_orders(self.books, index)) if index >= 0 else 0, FEED_ROW)
        return rows[: int(copy_orders(self.books, index, rows, 0))] if index >= 0 else rows

    def level_rows(self, security_id: int, side: int, depth_max: int) -> npt.NDArray[np.void]:
        """The best `depth_max` levels of a side (1 buy, 2 sell) as FEED_ROW[n], best first."""
        index = int(find_instrument(self.books, security_id))
        if index < 0:
            return np.zeros(0, FEED_ROW)
        place = 2 * index + (side != SIDE_BUY)
        rows = np.zeros(min(depth_max, int(self.books.sides[place]["levels"])), FEED_ROW)
        return rows[: int(copy_side(self.books, place, depth_max, rows, 0))]

    def orders(self, security_id: int) -> list[BookOrder]:
        """Every resting order of the instrument: bids best first, then offers best first, in queue order."""
        return [
            BookOrder(order_id, SIDE_BUY if side == 1 else 2, price, lots, priority)
            for order_id, price, priority, _, lots, _, side in self.order_rows(security_id).tolist()
        ]

    def levels(self, security_id: int, side: int, depth_max: int) -> list[tuple[int, int, int]]:
        """(price_nanos, lots, orders) of the best `depth_max` prices of a side, best first."""
        rows = self.level_rows(security_id, side, depth_max).tolist()
        return [(price, lots, orders) for _, price, _, _, lots, orders, _ in rows]

    def top(self, security_id: int) -> BookTop:
        """The best of both sides."""
        if self.level != 1:
            return top_of(self.levels(security_id, 1, 1), self.levels(security_id, 2, 1))
        row = self._row(security_id)
        if row is None:
            return BookTop()
        bid, offer = int(row["bid_price_nanos"]), int(row["offer_price_nanos"])
        return BookTop(
            None if bid == _NULL_PRICE else bid,
            int(row["bid_lots"]),
            int(row["bid_orders"]),
            None if offer == _NULL_PRICE else offer,
            int(row["offer_lots"]),
            int(row["offer_orders"]),
        )

    def trading_status(self, security_id: int) -> int | None:
        """TradingStatus of the instrument; None: not told yet."""
        row = self._row(security_id)
        return None if row is None or row["trading_status"] == md.TradingStatus_NULL else int(row["trading_status"])

    def auction(self, security_id: int) -> BookAuction | None:
        """What the instrument's auction would give, as told last; None outside auctions."""
        row = self._row(security_id)
        if row is None or not row["has_auction"]:
            return None
        price = int(row["auction_price_nanos"])
        found = None if price == md.AuctionUpdate_IndicativePx_NULL else price
        return BookAuction(found, int(row["paired_lots"]), int(row["surplus_lots"]), bool(row["is_frozen"]))

    def last_trade(self, security_id: int) -> BookTrade | None:
        """The instrument's last trade that was told."""
        row = self._row(security_id)
        if row is None or not row["trades"]:
            return None
        side = {1: 1, -1: 2}.get(int(row["last_side"]), 0)
        facts = (int(row[name]) for name in ("last_price_nanos", "last_lots", "last_trade_ns"))
        return BookTrade(security_id, int(row["last_match_id"]), side, *facts)

    def open_orders(self) -> int:
        """Resting orders of all instruments."""
        return int(self.books.state[0]["open_orders"])

    def digest(self) -> str:
        """SHA-256 (hex) over every order of every instrument with orders, in order of SecurityID and queue."""
        return book_digest((security_id, self.orders(security_id)) for security_id in self.security_ids())

    def hash(self, security_id: int) -> int:
        """64 bits over the instrument's orders in queue order."""
        index = int(find_instrument(self.books, security_id))
        return int(book_hash(self.books, index)) if index >= 0 else hash_words(())
