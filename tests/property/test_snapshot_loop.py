"""The snapshot loop against the plain twins: every instrument's definition, orders, levels, top and tier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.distributor_counters import SNAPSHOT_CYCLE_US_MAX, SNAPSHOT_CYCLES
from tests.distributor_rig import DistributorRig, venue
from tests.naive.derived_feed import DerivedFeed
from tests.naive.l3_flow import L3Flow
from tests.naive.snapshots import end_of_cycle, snapshot_packets
from wire.blocks import schema
from wire.framing import packets

GROUP, PORT, PORT_B = "239.192.26.1", 26405, 26415
MARKET_DATA = schema("market_data")
MS = 1_000_000
L3_ID, L2_ID, L1_ID, SNAPSHOT_ID, TIER_ID = 1, 2, 3, 4, 5


class Twin(DerivedFeed):
    """The derived channels, and what a snapshot has to say besides: queue order, status, numbers."""

    def __init__(self, epoch: int) -> None:
        super().__init__(epoch=epoch, depths=(2,))
        self.queue: dict[tuple[int, int], tuple[int, int]] = {}
        """(instrument, order id): priority, TransactTime"""
        self.last: dict[int, dict[str, Any]] = {}
        self.status: dict[int, dict[str, Any]] = {}
        self.auction: dict[int, dict[str, Any]] = {}
        self.number = 0

    def message(self, name: str, values: dict[str, Any]) -> None:
        self.number += 1
        instrument = values["InstrumentId"]
        self.last[instrument] = values
        if name == "OrderPut":
            self.queue[instrument, values["OrderId"]] = (values["ExtPriority"], values["TransactTime"])
        elif name == "TradingStatusUpdate":
            self.status[instrument] = values
            self.auction.pop(instrument, None)
        elif name == "AuctionUpdate":
            self.auction[instrument] = values
        super().message(name, values)

    def head(self, instrument: int, as_of: int, instr_sequence: int, channel_id: int, time_ns: int) -> dict[str, int]:
        last = self.last.get(instrument)
        status = self.status.get(instrument)
        return {
            "as_of_sequence": as_of, "sending_time_ns": time_ns, "epoch": self.l2.epoch, "instrument_id": instrument,
            "transact_time_ns": last["TransactTime"] if last else 0, "instr_sequence": instr_sequence,
            "channel_id": channel_id, "trading_session_date": last["TradingSessionDate"] if last else 0,
            "trading_status": status["TradingStatus"] if status else 255, "is_levels": int(channel_id != SNAPSHOT_ID),
        }  # fmt: skip

    def orders_of(self, instrument: int) -> list[dict[str, int]]:
        rows = []
        for (i, order_id), (side, price, lots) in self.orders.items():
            if i == instrument:
                priority, time_ns = self.queue[i, order_id]
                rows.append((-side, -side * price, priority, order_id, price, lots, side, time_ns))
        return [
            {"order_id": order_id, "price_nanos": price, "priority": priority, "transact_time_ns": time_ns,
             "qty_lots": lots, "orders": 1, "side": side}
            for _, _, priority, order_id, price, lots, side, time_ns in sorted(rows)
        ]  # fmt: skip

    def levels_of(self, instrument: int, depth: int) -> list[dict[str, int]]:
        return [
            {"order_id": 0, "price_nanos": price, "priority": 0, "transact_time_ns": 0, "qty_lots": lots,
             "orders": count, "side": side}
            for side in (1, -1)
            for price, lots, count in self.best(self.levels(), instrument, side)[:depth]
        ]  # fmt: skip

    def cycle(self, instruments: list[int], time_of: dict[int, int]) -> list[bytes]:
        """The packets of a cycle, without definitions, of books that do not change meanwhile."""
        found = []
        for instrument in instruments:
            time_ns = time_of[instrument]
            last = self.last.get(instrument)
            own = (
                (self.number, last["InstrSeqNum"] if last else 0, SNAPSHOT_ID, self.orders_of(instrument)),
                *(
                    (channel.next_number - 1, channel.numbers.get(instrument, 0), channel.channel_id, rows)
                    for channel, rows in (
                        (self.l2, self.levels_of(instrument, 1 << 20)),
                        (self.l1, self.levels_of(instrument, 1)),
                    )
                ),
            )
            for as_of, instr_sequence, channel_id, rows in own:
                found += snapshot_packets(self.head(instrument, as_of, instr_sequence, channel_id, time_ns), rows)
        head = self.head(instruments[-1], self.number, 0, SNAPSHOT_ID, time_of[0])
        return [*found, end_of_cycle(head, len(instruments))]


def without_time(packet: bytes) -> bytes:
    return packet[8:]


def is_definition(packet: bytes) -> bool:
    header = packets.parse_header(packet)
    start, end = next(packets.frames(packet, header.message_count))
    return MARKET_DATA.decode(packet, start, end).block.name == "InstrumentDefinition"


@pytest.mark.parametrize("seed", range(4))
def test_a_cycle_says_what_the_books_are(tmp_path: Path, seed: int) -> None:
    basic = {"name": "basic", "ip": "10.0.0.1", "udp_port": 9, "channels": ["basic"]}
    rig = DistributorRig(tmp_path, venue(tiers=[{"name": "basic", "depth": 2}], subscribers=[basic]))
    twin = Twin(rig.config.epoch)
    l3 = L3Flow(seed, prices=40).packets(0 if seed == 0 else 40 << seed, epoch=rig.config.epoch)
    for packet in l3:
        twin.take(packet)
    rig.publish(l3)
    rig.settle()
    rig.sent.clear()
    rig.turn(500, step_ns=10 * MS)  # 5 s: at least one whole cycle
    sent = rig.numbered(GROUP, PORT, snapshots=True)
    assert sent == rig.numbered("239.192.26.2", PORT_B, snapshots=True)
    ends = [i for i, packet in enumerate(sent) if packets.parse_header(packet).epoch == 0]
    assert len(ends) >= 2
    cycle = sent[ends[0] + 1 : ends[1] + 1]
    instruments = [item.security_id for item in rig.config.instruments]
    wanted = [without_time(p) for p in twin.cycle(instruments, dict.fromkeys([*instruments, 0], 0))]
    assert [without_time(p) for p in cycle if not is_definition(p)] == wanted
    definitions = [p for p in cycle if is_definition(p)]
    assert [packets.parse_header(p).epoch for p in definitions] == instruments
    for packet, item in zip(definitions, rig.config.instruments, strict=True):
        check_definition(packet, item, twin)
    tier = list(rig.numbered("10.0.0.1", 9, snapshots=True))
    head = twin.head(1, twin.tiers[0][1].next_number - 1, twin.tiers[0][1].numbers.get(1, 0), TIER_ID, 0)
    assert without_time(snapshot_packets(head, twin.levels_of(1, 2))[0]) in [without_time(p) for p in tier]


def check_definition(packet: bytes, item: Any, twin: Twin) -> None:
    header = packets.parse_header(packet)
    assert (header.channel_id, header.flags, header.sequence) == (SNAPSHOT_ID, packets.FLAG_SNAPSHOT, twin.number)
    first, *others = [MARKET_DATA.decode(packet, *bounds) for bounds in packets.frames(packet, header.message_count)]
    values = first.values
    assert values.Symbol.rstrip(b"\0").decode() == item.symbol
    assert (values.InstrumentId, values.MinPriceIncrement) == (item.security_id, item.tick_nanos)
    assert (values.LowLimitPrice, values.HighLimitPrice) == (
        item.price_ticks_min * item.tick_nanos, item.price_ticks_max * item.tick_nanos,
    )  # fmt: skip
    assert (values.MinTradeVol, values.MaxTradeVol, values.RoundLot) == (
        item.qty_lots_min, item.qty_lots_max, item.qty_step_lots,
    )  # fmt: skip
    told = [twin.status.get(item.security_id), twin.auction.get(item.security_id)]
    wanted = [values | {"InstrFlags": 0, "InstrSeqNum": 0} for values in told if values is not None]
    assert [one.values._asdict() for one in others] == wanted
    status = twin.status.get(item.security_id)
    assert values.TradingStatus == (None if status is None else status["TradingStatus"])


def test_the_pace_is_bounded_and_every_instrument_comes_in_time(tmp_path: Path) -> None:
    rig = DistributorRig(tmp_path, venue(snapshot_cycle_ms=1000, snapshot_packets_a_second_max=100))
    rig.publish(L3Flow(1).packets(50, epoch=rig.config.epoch))
    rig.settle()
    seen: dict[int, list[int]] = {}
    times: list[int] = []
    for _ in range(400):
        rig.sent.clear()
        rig.turn(1, step_ns=10 * MS)
        for packet in rig.numbered(GROUP, PORT, snapshots=True):
            times.append(rig.now_ns)
            seen.setdefault(packets.parse_header(packet).epoch, []).append(rig.now_ns)
    for instrument in (1, 2, 3):
        gaps = np.diff([0, *sorted(set(seen[instrument]))])[1:]
        assert gaps.max() <= 1_100 * MS
    steady = [time for time in times if time > times[0] + 1000 * MS]
    assert len(steady) <= 100 * 4 and int(rig.told[SNAPSHOT_CYCLES]) >= 3
    assert int(rig.told[SNAPSHOT_CYCLE_US_MAX]) <= 1_100_000


def test_no_snapshot_stands_inside_a_transaction(tmp_path: Path) -> None:
    rig = DistributorRig(tmp_path, venue())
    l3 = L3Flow(5, burst=40).packets(30, epoch=rig.config.epoch, sizes=5)
    ends, number = {0}, 0
    for packet in l3:
        for bounds in packets.frames(packet, packets.parse_header(packet).message_count):
            number += 1
            if MARKET_DATA.decode(packet, *bounds).values.InstrFlags & 2:
                ends.add(number)
    for packet in l3:
        rig.publish([packet])
        rig.turn(2, step_ns=100 * MS)
    sent = rig.numbered(GROUP, PORT, snapshots=True)
    assert (
        sent
        and {packets.parse_header(p).sequence for p in sent if packets.parse_header(p).channel_id == SNAPSHOT_ID}
        <= ends
    )
