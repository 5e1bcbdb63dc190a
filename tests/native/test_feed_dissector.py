"""An independent reader of the feed: Wireshark, with the generated dissector, decodes every channel's packets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.distributor_rig import DistributorRig, venue
from tests.naive.l3_flow import L3Flow
from tests.native.test_sbe_dissector import FEED_PORT, dissected, message_shown, pytestmark, same, write_capture
from wire.framing import packets
from wire.sbe import generate, load_schema

__all__ = ["pytestmark"]
SCHEMA = generate.SCHEMAS / "market_data.xml"
MS = 1_000_000


def test_every_packet_of_every_channel(tmp_path: Path) -> None:
    everything = ["l3", "l2", "l1", "snapshot", "basic"]
    subscriber = {"name": "all", "ip": "10.0.0.1", "udp_port": 9, "channels": everything}
    rig = DistributorRig(tmp_path, venue(tiers=[{"name": "basic", "depth": 2}], subscribers=[subscriber]))
    rig.publish(L3Flow(3).packets(80, epoch=rig.config.epoch))
    rig.settle()
    rig.turn(60, step_ns=50 * MS)
    sent = [p for p in rig.sent["10.0.0.1", 9] if packets.parse_header(p).flags]  # Topics are of another schema
    capture = tmp_path / "feed.pcap"
    write_capture(capture, sent, FEED_PORT)
    found = dissected(SCHEMA, capture, tmp_path, udp_port=FEED_PORT, skip_bytes=packets.HEADER_BYTES, frame_bytes=2)
    codec = load_schema(SCHEMA)
    names: Counter[str] = Counter()
    for shown, packet in zip(found, sent, strict=True):
        wanted = []
        for start, _ in packets.frames(packet, packets.parse_header(packet).message_count):
            message = codec.decode(packet, start)
            names[message.name] += 1
            wanted += message_shown(message)
        same(shown, wanted)
    assert {packets.parse_header(packet).channel_id for packet in sent} == {1, 2, 3, 4, 5}
    assert set(names) == {
        "OrderPut", "OrderDelete", "TradeSummary", "Trade", "TradingStatusUpdate", "AuctionUpdate", "BookClear",
        "PriceLevelUpdate", "TopOfBook", "InstrumentDefinition", "SnapshotStart", "OrderSnapshot", "SnapshotEnd",
        "PriceLevelSnapshot", "EndOfCycle",
    }  # fmt: skip
