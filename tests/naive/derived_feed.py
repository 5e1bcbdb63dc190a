"""L2, L1 and depth tiers made from L3 in plain Python: the slow twin of appliance/distributor/derive.py.

All books are recomputed from their orders at the end of each transaction; what differs from what was told is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from wire.blocks import schema
from wire.framing import packets

MARKET_DATA = schema("market_data")
START, END = 1, 2
PACKET_BYTES_MAX = 1400
FORWARDED = ("TradeSummary", "Trade", "TradeAmend", "TradeBust", "MarketStat")
LATER = ("TradingStatusUpdate", "AuctionUpdate")
Key = tuple[int, int, int]
"""(instrument, side, price)."""


@dataclass
class Channel:
    """Messages into packets, numbered."""

    channel_id: int
    epoch: int
    packets: list[bytes] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)
    next_number: int = 1
    frames: list[bytes] = field(default_factory=list)
    """Of the packet that is open."""
    transaction: int = 0
    """Messages of the transaction that is open."""
    time_ns: int = 0
    """SendingTime of the L3 packet in hand."""

    def say(self, name: str, **values: Any) -> None:
        instrument = values["InstrumentId"]
        self.numbers[instrument] = self.numbers.get(instrument, 0) + 1
        values |= {"InstrSeqNum": self.numbers[instrument], "InstrFlags": 0 if self.transaction else START}
        frame = packets.frame(MARKET_DATA.encode(name, **values))
        if packets.HEADER_BYTES + sum(map(len, self.frames)) + len(frame) > PACKET_BYTES_MAX:
            self.close()
        self.frames.append(frame)
        self.transaction += 1

    def end_transaction(self) -> None:
        if self.transaction:
            last = bytearray(self.frames[-1])
            last[packets.FRAME_BYTES_MIN] |= END  # InstrFlags is the first byte of the block
            self.frames[-1] = bytes(last)
            self.transaction = 0

    def close(self) -> None:
        if self.frames:
            header = packets.PacketHeader(
                self.time_ns, self.next_number, self.channel_id, packets.FLAG_INCREMENTAL, len(self.frames), self.epoch
            )
            self.packets.append(packets.pack_header(header) + b"".join(self.frames))
            self.next_number += len(self.frames)
            self.frames = []


class DerivedFeed:
    """`take` L3 packets in order; `l2`, `l1` and `tiers` have what comes of them."""

    def __init__(self, l3_channel_id: int = 1, epoch: int = 0, depths: tuple[int, ...] = ()) -> None:
        self.l2 = Channel(l3_channel_id + 1, epoch)
        self.l1 = Channel(l3_channel_id + 2, epoch)
        self.tiers = [(depth, Channel(l3_channel_id + 4 + i, epoch)) for i, depth in enumerate(depths)]
        self.orders: dict[tuple[int, int], tuple[int, int, int]] = {}
        """(instrument, order id): side, price, lots"""
        self.touched: list[Key] = []
        self.later: list[tuple[str, dict[str, Any]]] = []
        self.told_levels: dict[Key, tuple[int, int]] = {}
        self.told_tops: dict[int, dict[str, Any]] = {}
        self.told_best: dict[tuple[int, int, int], list[tuple[int, int, int]]] = {}

    @property
    def channels(self) -> list[Channel]:
        return [self.l2, self.l1, *(channel for _, channel in self.tiers)]

    def take(self, packet: bytes) -> None:
        header = packets.parse_header(packet)
        for channel in self.channels:
            channel.time_ns = header.sending_time_ns
        for start, end in packets.frames(packet, header.message_count):
            message = MARKET_DATA.decode(packet, start, end)
            self.message(message.block.name, message.values._asdict())
        for channel in self.channels:
            if not channel.transaction:
                channel.close()

    def message(self, name: str, values: dict[str, Any]) -> None:
        instrument = values["InstrumentId"]
        if name in ("OrderPut", "OrderDelete"):
            self.leave(instrument, values["OrderId"])
        if name == "OrderPut":
            side, price = values["InstrSide"], values["Price"]
            self.orders[instrument, values["OrderId"]] = (side, price, values["Quantity"])
            self.touch((instrument, side, price))
        elif name == "BookClear":
            rows = [
                (-side, -side * price, order) for (i, order), (side, price, _) in self.orders.items() if i == instrument
            ]
            for _, _, order_id in sorted(rows):  # bids best first, then offers best first
                self.leave(instrument, order_id)
        elif name in FORWARDED:
            self.l1.say(name, **values)
        elif name in LATER:
            self.later.append((name, values))
        if values["InstrFlags"] & END:
            self.end_transaction(values["TransactTime"], values["TradingSessionDate"])

    def leave(self, instrument: int, order_id: int) -> None:
        if (instrument, order_id) in self.orders:
            side, price, _ = self.orders.pop((instrument, order_id))
            self.touch((instrument, side, price))

    def touch(self, key: Key) -> None:
        if key not in self.touched:
            self.touched.append(key)

    def levels(self) -> dict[Key, tuple[int, int]]:
        found: dict[Key, tuple[int, int]] = {}
        for (instrument, _), (side, price, lots) in self.orders.items():
            total, count = found.get((instrument, side, price), (0, 0))
            found[instrument, side, price] = (total + lots, count + 1)
        return found

    def end_transaction(self, time_ns: int, date: int) -> None:
        levels = self.levels()
        facts = {"TransactTime": time_ns, "TradingSessionDate": date}
        for key in self.touched:
            now = levels.get(key, (0, 0))
            if now != self.told_levels.get(key, (0, 0)):
                self.told_levels[key] = now
                say_level(self.l2, key, now, facts)
        instruments = list(dict.fromkeys(instrument for instrument, _, _ in self.touched))
        for index, (depth, channel) in enumerate(self.tiers):
            for instrument in instruments:
                for side in (1, -1):
                    self.tier(index, depth, channel, levels, instrument, side, facts)
        for instrument in instruments:
            self.top(levels, instrument, facts)
        for name, values in self.later:
            for channel in self.channels:
                channel.say(name, **values)
        for channel in self.channels:
            channel.end_transaction()
        self.touched, self.later = [], []

    def best(self, levels: dict[Key, tuple[int, int]], instrument: int, side: int) -> list[tuple[int, int, int]]:
        rows = [(price, *facts) for (i, s, price), facts in levels.items() if (i, s) == (instrument, side)]
        return sorted(rows, key=lambda row: -side * row[0])

    def tier(
        self,
        index: int,
        depth: int,
        channel: Channel,
        levels: dict[Key, tuple[int, int]],
        instrument: int,
        side: int,
        facts: dict[str, int],
    ) -> None:
        before = {price: (lots, count) for price, lots, count in self.told_best.get((index, instrument, side), [])}
        rows = self.best(levels, instrument, side)[:depth]
        now = {price: (lots, count) for price, lots, count in rows}
        for price in sorted({*before, *now}, key=lambda price: -side * price):
            if before.get(price) != now.get(price):
                say_level(channel, (instrument, side, price), now.get(price, (0, 0)), facts)
        self.told_best[index, instrument, side] = rows

    def top(self, levels: dict[Key, tuple[int, int]], instrument: int, facts: dict[str, int]) -> None:
        bid = (self.best(levels, instrument, 1) or [(None, 0, 0)])[0]
        offer = (self.best(levels, instrument, -1) or [(None, 0, 0)])[0]
        top = {
            "BidPx": bid[0], "BidQty": bid[1], "BidOrders": bid[2],
            "OfferPx": offer[0], "OfferQty": offer[1], "OfferOrders": offer[2],
        }  # fmt: skip
        nothing = dict.fromkeys(("BidPx", "OfferPx")) | dict.fromkeys(
            ("BidQty", "BidOrders", "OfferQty", "OfferOrders"), 0
        )
        if top != self.told_tops.get(instrument, nothing):
            self.told_tops[instrument] = top
            self.l1.say("TopOfBook", InstrumentId=instrument, InstrSide=0, **facts, **top)


def say_level(channel: Channel, key: Key, now: tuple[int, int], facts: dict[str, int]) -> None:
    instrument, side, price = key
    channel.say(
        "PriceLevelUpdate", InstrumentId=instrument, InstrSide=side, Price=price, AggregateQty=now[0],
        NumberOfOrders=now[1], **facts,
    )  # fmt: skip
