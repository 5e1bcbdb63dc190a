"""A seeded venue that publishes L3, L2 and L1, answers for ranges and snapshots, and remembers every book it ever had.

Plain and slow: what the publisher, the distributor and the recovery server do together, for the drills of subscribers.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tests.naive.feed_writer import message
from tests.naive.snapshots import end_of_cycle, snapshot_packets
from wire.framing import packets

START, END = 1, 2
SIGN = {1: 1, 2: -1}
SNAPSHOT_CHANNEL = 4
EMPTY_TOP = (None, 0, 0, None, 0, 0)


@dataclass
class Channel:
    """One level's stream: frames by number, the books at each transaction's end."""

    level: int
    frames: list[bytes] = field(default_factory=list)
    instrument_sequences: dict[int, int] = field(default_factory=dict)
    truth: dict[int, dict[int, Any]] = field(default_factory=dict)
    """Number of a transaction's last message: what every instrument's book was then."""
    ends: list[int] = field(default_factory=list)
    packets: list[tuple[int, bytes]] = field(default_factory=list)
    """(number of the first message, packet) of everything that was sent."""

    @property
    def channel_id(self) -> int:
        """L3 is channel 1, L2 channel 2, L1 channel 3."""
        return 4 - self.level


class FeedVenue:
    """One epoch of a venue. `transaction` gives new packets for each channel; the rest looks back."""

    def __init__(self, seed: int, instruments: int = 4, epoch: int = 1) -> None:
        self.draw = random.Random(seed)
        self.epoch = epoch
        self.books: dict[int, dict[int, list[int]]] = {10 * n: {} for n in range(1, instruments + 1)}
        self.statuses: dict[int, int | None] = dict.fromkeys(self.books)
        self.channels = {level: Channel(level) for level in (3, 2, 1)}
        self.now_ns = 0
        self._next_id = 1
        self._said: list[tuple[str, int, int, dict[str, int]]] = []

    # --- what happens -------------------------------------------------------------------------------------------

    def transaction(self, now_ns: int) -> dict[int, list[bytes]]:
        """One random transaction. Returns the new packets of each level."""
        self.now_ns = now_ns
        before = {instrument: self.levels(instrument) for instrument in self.books}
        self._said = []
        kind = self.draw.random()
        if kind < 0.03:
            for instrument in self.draw.sample(list(self.books), 2):  # a mass cancel over two instruments
                for order_id in list(self.books[instrument])[:5]:
                    self._delete(instrument, order_id)
        elif kind < 0.06:
            instrument = self.draw.choice(list(self.books))
            self.statuses[instrument] = self.draw.choice([1, 2, 3])
            self._said.append(("TradingStatusUpdate", instrument, 0, {"TradingStatus": self.statuses[instrument] or 0}))
        elif kind < 0.065:
            instrument = self.draw.choice(list(self.books))
            self.books[instrument].clear()
            self._said.append(("BookClear", instrument, 0, {}))
        else:
            for _ in range(self.draw.choice([1, 1, 1, 2, 3])):
                self._order_event(self.draw.choice(list(self.books)))
        sent: dict[int, list[bytes]] = {3: self._publish(self.channels[3], self._said)}
        sent[2] = self._publish(self.channels[2], self._level_messages(before))
        sent[1] = self._publish(self.channels[1], self._top_messages(before))
        return sent

    def _order_event(self, instrument: int) -> None:
        book = self.books[instrument]
        kind = self.draw.random()
        if not book or kind < 0.5:
            self._next_id += 1
            side = self.draw.choice((1, 2))
            price = 100_000_000 - SIGN[side] * self.draw.randrange(1, 9) * 1_000_000
            self._put(instrument, self._next_id, side, price, self.draw.randrange(1, 50), self._next_id)
            return
        order_id = self.draw.choice(list(book))
        side, price, lots, priority = book[order_id]
        if kind < 0.65:
            self._delete(instrument, order_id)
        elif kind < 0.75 and lots > 1:
            self._put(instrument, order_id, side, price, lots - 1, priority)
        elif kind < 0.85:  # to the end of the queue of the same price, or of another
            self._next_id += 1
            self._delete(instrument, order_id)
            price += self.draw.choice((0, 0, 1_000_000)) * -SIGN[side]
            self._put(instrument, order_id, side, price, lots, self._next_id)
        else:
            taken = self.draw.randrange(1, lots + 1)
            self._next_id += 1
            self._said.append(("TradeSummary", instrument, 3 - side, {"Quantity": taken, "VwapPrice": price}))
            facts = {"MatchId": self._next_id, "Price": price, "Quantity": taken}
            self._said.append(("Trade", instrument, 3 - side, facts))
            if taken == lots:
                self._delete(instrument, order_id)
            else:
                self._put(instrument, order_id, side, price, lots - taken, priority)

    def _put(self, instrument: int, order_id: int, side: int, price: int, lots: int, priority: int) -> None:
        self.books[instrument][order_id] = [side, price, lots, priority]
        facts = {"OrderId": order_id, "Price": price, "Quantity": lots, "ExtPriority": priority}
        self._said.append(("OrderPut", instrument, side, facts))

    def _delete(self, instrument: int, order_id: int) -> None:
        side = self.books[instrument].pop(order_id)[0]
        self._said.append(("OrderDelete", instrument, side, {"OrderId": order_id}))

    # --- what is told -------------------------------------------------------------------------------------------

    def _level_messages(self, before: dict[int, Any]) -> list[tuple[str, int, int, dict[str, int]]]:
        said = [one for one in self._said if one[0] == "TradingStatusUpdate"]
        for instrument in self.books:
            old, new = before[instrument], self.levels(instrument)
            for side, price in sorted(set(old) | set(new)):
                if old.get((side, price)) != new.get((side, price)):
                    lots, orders = new.get((side, price), (0, 0))
                    facts = {"Price": price, "AggregateQty": lots, "NumberOfOrders": orders}
                    said.append(("PriceLevelUpdate", instrument, side, facts))
        return said

    def _top_messages(self, before: dict[int, Any]) -> list[tuple[str, int, int, dict[str, int]]]:
        told = ("TradingStatusUpdate", "TradeSummary", "Trade")
        said = [one for one in self._said if one[0] in told]
        names = ("BidPx", "BidQty", "BidOrders", "OfferPx", "OfferQty", "OfferOrders")
        for instrument in self.books:
            top = top_of(self.levels(instrument))
            if top != top_of(before[instrument]):
                said.append(("TopOfBook", instrument, 0, dict(zip(names, top, strict=True))))
        return said

    def _publish(self, channel: Channel, said: list[tuple[str, int, int, dict[str, int]]]) -> list[bytes]:
        frames = []
        for place, (name, instrument, side, facts) in enumerate(said):
            sequence = channel.instrument_sequences.get(instrument, 0) + 1
            channel.instrument_sequences[instrument] = sequence
            flags = (START if place == 0 else 0) | (END if place == len(said) - 1 else 0)
            frames.append(
                message(
                    name,
                    InstrFlags=flags,
                    InstrSide=SIGN.get(side, 0),
                    InstrumentId=instrument,
                    InstrSeqNum=sequence,
                    TransactTime=self.now_ns,
                    **facts,
                )
            )
        sent = []
        while frames:  # packets are cut anywhere, transactions reach over them
            size = self.draw.randrange(1, 6)
            first = len(channel.frames) + 1
            some, frames = frames[:size], frames[size:]
            channel.frames += some
            sent.append(self._packet(channel, first, some))
            channel.packets.append((first, sent[-1]))
        if sent:
            channel.ends.append(len(channel.frames))
            channel.truth[len(channel.frames)] = {
                instrument: self.book_at(channel.level, instrument) for instrument in self.books
            }
        return sent

    def _packet(self, channel: Channel, first: int, frames: list[bytes]) -> bytes:
        header = packets.PacketHeader(
            self.now_ns, first, channel.channel_id, packets.FLAG_INCREMENTAL, len(frames), self.epoch
        )
        return packets.pack_header(header) + b"".join(frames)

    def heartbeat(self, level: int) -> bytes:
        """A packet that names the next number."""
        channel = self.channels[level]
        return self._packet(channel, len(channel.frames) + 1, [])

    # --- what it was --------------------------------------------------------------------------------------------

    def levels(self, instrument: int) -> dict[tuple[int, int], tuple[int, int]]:
        """(side, price): (lots, orders)."""
        found: dict[tuple[int, int], tuple[int, int]] = {}
        for side, price, lots, _ in self.books[instrument].values():
            before = found.get((side, price), (0, 0))
            found[side, price] = before[0] + lots, before[1] + 1
        return found

    def orders(self, instrument: int) -> list[tuple[int, int, int, int, int]]:
        """(order id, side, price, lots, priority) in queue order."""
        rows = [(order_id, *facts) for order_id, facts in self.books[instrument].items()]
        return sorted(rows, key=lambda row: (row[1], row[2] * (-1 if row[1] == 1 else 1), row[4]))

    def book_at(self, level: int, instrument: int) -> Any:
        """What a follower of that level must hold now, status included."""
        status = self.statuses[instrument]
        if level == 3:
            return status, self.orders(instrument)
        if level == 2:
            return status, sorted(self.levels(instrument).items())
        return status, top_of(self.levels(instrument))

    def range(self, level: int, first: int, count: int) -> list[bytes]:
        """The packets of messages [first, first + count), as a recovery server sends them."""
        channel = self.channels[level]
        if first + count - 1 > len(channel.frames):
            return []
        found = []
        for at, packet in channel.packets:
            messages = packets.parse_header(packet).message_count
            skip, keep = max(first - at, 0), min(first + count - at, messages)
            if skip < keep:
                found.append(packets.retransmitted(packet, skip, keep - skip))
        return found

    def snapshot(self, level: int, channel_id: int, only: int = 0) -> list[bytes]:
        """The packets of a snapshot of now: of one instrument, or of all and the end of the cycle."""
        channel = self.channels[level]
        found: list[bytes] = []
        head: dict[str, int] = {}
        for instrument in [only] if only else list(self.books):
            status = self.statuses[instrument]
            head = {
                "as_of_sequence": len(channel.frames),
                "sending_time_ns": self.now_ns,
                "transact_time_ns": self.now_ns,
                "epoch": self.epoch,
                "instrument_id": instrument,
                "instr_sequence": channel.instrument_sequences.get(instrument, 0),
                "channel_id": channel_id,
                "trading_session_date": 0,
                "trading_status": 255 if status is None else status,
                "is_levels": int(level != 3),
            }
            found += snapshot_packets(head, self._entries(level, instrument))
        if not only:
            found.append(end_of_cycle(head, len(self.books)))
        return found

    def _entries(self, level: int, instrument: int) -> list[dict[str, int]]:
        names = ("order_id", "side", "price_nanos", "qty_lots", "priority")
        common = {"transact_time_ns": self.now_ns, "orders": 1}
        if level == 3:
            rows = [dict(zip(names, row, strict=True)) | common for row in self.orders(instrument)]
            return [row | {"side": SIGN[row["side"]]} for row in rows]
        levels = self.levels(instrument)
        best_first = sorted(levels, key=lambda key: (key[0], key[1] * -SIGN[key[0]]))
        if level == 1:
            best_first = [
                key for place, key in enumerate(best_first) if place == 0 or best_first[place - 1][0] != key[0]
            ]
        return [
            {
                "side": SIGN[side],
                "price_nanos": price,
                "qty_lots": levels[side, price][0],
                "orders": levels[side, price][1],
            }
            for side, price in best_first
        ]


def top_of(levels: dict[tuple[int, int], tuple[int, int]]) -> tuple[Any, ...]:
    """(bid price, lots, orders, offer price, lots, orders); an empty side is None, 0, 0."""
    bids = [price for side, price in levels if side == 1]
    offers = [price for side, price in levels if side == 2]
    bid = (max(bids), *levels[1, max(bids)]) if bids else EMPTY_TOP[:3]
    offer = (min(offers), *levels[2, min(offers)]) if offers else EMPTY_TOP[3:]
    return (*bid, *offer)
