"""L2 and L1 of a replay: the same bytes in every run, and what the twin makes of its L3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli import main
from appliance.config import Config
from appliance.distributor.offline import OfflineError, write_channels
from appliance.exchange import Exchange
from appliance.replay import replay_capture
from native import counters
from tests.naive.derived_feed import DerivedFeed
from wire.capture import open_capture
from wire.net.frames import parse_udp_frame

SMOKE = Path(__file__).parents[2] / "pcap" / "captures" / "smoke.pcap"


def payloads(capture: Path, udp_port: int) -> Iterator[tuple[int, bytes]]:
    """(time in ns, UDP payload) of each packet to `udp_port`."""
    for packet in open_capture(capture):
        frame = parse_udp_frame(packet.data)
        if frame.destination.udp_port == udp_port:
            yield packet.time_ns, bytes(frame.payload)


def test_the_channels_of_a_capture(tmp_path: Path) -> None:
    config = Config()
    for run in ("one", "two"):
        done = CliRunner().invoke(
            main,
            ["replay", str(SMOKE), "--out", str(tmp_path / f"{run}.pcap"), "--channels", str(tmp_path / f"{run}.l2l1")],
        )
        assert done.exit_code == 0, done.output
    assert (tmp_path / "one.l2l1").read_bytes() == (tmp_path / "two.l2l1").read_bytes()
    twin = DerivedFeed(config.feed.channel_id, config.epoch)
    for _, packet in payloads(tmp_path / "one.pcap", config.feed.udp_port):
        twin.take(packet)
    for udp_port, channel in ((config.distributor.l2_port, twin.l2), (config.distributor.l1_port, twin.l1)):
        found = list(payloads(tmp_path / "one.l2l1", udp_port))
        assert [packet for _, packet in found] == channel.packets and len(found) > 50
        assert all(int.from_bytes(packet[:8], "little") == time_ns for time_ns, packet in found)


def test_what_was_not_stored_cannot_be_derived(tmp_path: Path) -> None:
    kept: list[Exchange] = []
    replay_capture(SMOKE, Config(), keep=kept, limit_packets=3)
    kept[0].tables.counters[counters.FEED_PACKETS_UNSTORED] = 1
    with pytest.raises(OfflineError, match="had no room"):
        write_channels(kept[0], Config(), tmp_path / "out")
