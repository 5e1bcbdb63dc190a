"""The distributor as `pitwire run` starts it, over loopback multicast: all lines, a kill in the middle, the end."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from appliance.client.replayer import Endpoint, Pace, Replayer
from appliance.client.workload import load_workload
from appliance.config import Config, parse
from appliance.control import Appliance
from appliance.distributor.offline import derived_packets
from appliance.exchange import Exchange, channel_topic_id
from appliance.observe import Observer
from appliance.publisher.packet import EPOCH, STORE_WHOLE_BYTES
from appliance.replay import replay_journal
from native.ports import PortConfig, open_port
from tests.distributor_rig import packets_of
from tests.naive.derived_feed import DerivedFeed
from wire.blocks import schema
from wire.capture import open_capture
from wire.framing import packets

SMOKE = Path(__file__).parents[2] / "pcap" / "captures" / "smoke.pcap"
A, B = "239.192.26.61", "239.192.26.62"
BASE_PORT = 27310
FIXP = schema("fixp")
WAIT_SECONDS_MAX = 120.0
"""The distributor may have to compile its kernels first."""


def venue_config() -> Config:
    return parse(
        {
            "name": f"distributor-{os.getpid()}",
            "port": {"kind": "udp"},
            "order_entry": {"udp_port": BASE_PORT},
            "feed": {"group": A, "udp_port": BASE_PORT + 1, "store_mib": 64, "heartbeat_ms": 200, "ttl": 0},
            "recovery": {"enabled": False},
            "journal": {"records": 1 << 15},
            "limits": {"orders": 1 << 14, "levels": 1 << 12},
            "loop": {"idle": "sleep"},
            "distributor": {
                "group_b": B,
                "l3_port_b": BASE_PORT + 2,
                "l2_port": BASE_PORT + 3,
                "l2_port_b": BASE_PORT + 4,
                "l1_port": BASE_PORT + 5,
                "l1_port_b": BASE_PORT + 6,
                "snapshot_port": BASE_PORT + 7,
                "snapshot_port_b": BASE_PORT + 8,
                "snapshot_cycle_ms": 500,
                "tiers": [{"name": "basic", "depth": 5}],
                "subscribers": [
                    {"name": "one", "ip": "127.0.0.1", "udp_port": BASE_PORT + 9, "channels": ["l3", "basic"]}
                ],
            },
        }
    )


class Listener:
    """A socket that keeps everything that comes to one address."""

    def __init__(self, group: str, udp_port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((group, udp_port))
        if group != "127.0.0.1":
            membership = struct.pack("4s4s", socket.inet_aton(group), socket.inet_aton("127.0.0.1"))
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        self.socket.setblocking(False)
        self.received: list[bytes] = []

    def read(self) -> None:
        while True:
            try:
                self.received.append(self.socket.recv(2048))
            except BlockingIOError:
                return

    def stream(self, channel_id: int) -> list[bytes]:
        """The numbered packets, each once: one that was sent again by the next distributor is a duplicate."""
        found: dict[int, bytes] = {}
        for packet in self.received:
            header = packets.parse_header(packet)
            if header.flags == packets.FLAG_INCREMENTAL and header.message_count and header.channel_id == channel_id:
                assert found.setdefault(header.sequence, packet) == packet
        return [found[number] for number in sorted(found)]


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture
def listeners() -> Iterator[dict[str, Listener]]:
    places = {
        "l3": (A, 1), "l3b": (B, 2), "l2": (A, 3), "l2b": (B, 4), "l1": (A, 5), "l1b": (B, 6), "snapshot": (A, 7),
        "one": ("127.0.0.1", 9),
    }  # fmt: skip
    with ExitStack() as stack:
        try:
            made = {name: Listener(group, BASE_PORT + offset) for name, (group, offset) in places.items()}
        except OSError as error:
            pytest.skip(f"loopback multicast cannot be listened to: {error}")
        for one in made.values():
            stack.enter_context(one.socket)
        ended = threading.Event()

        def read_all() -> None:
            while not ended.wait(0.001):
                for one in made.values():
                    one.read()

        reader = threading.Thread(target=read_all)
        reader.start()
        yield made
        ended.set()
        reader.join()


def test_all_channels_live_with_a_kill_in_the_middle(listeners: dict[str, Listener]) -> None:
    appliance = Appliance(venue_config())
    config = appliance.config
    workload = load_workload(open_capture(SMOKE), 26400)
    try:
        with appliance:
            keeper = appliance.distributor
            assert keeper is not None and appliance.config.distributor.shuffle_seed
            told = Observer(config.name)
            until(lambda: told.distributor().get("turns", 0) > 1, "the distributor runs")
            with open_port(PortConfig(kind="udp", local_ip="127.0.0.1")) as port:
                source = Endpoint("127.0.0.1", port.udp_port)
                target = Endpoint("127.0.0.1", config.order_entry.udp_port)
                os.kill(keeper.pid, signal.SIGKILL)
                client = Replayer(workload, port, source, target, Pace(window=16)).run()
            assert client.fills > 100
            until(lambda: keeper.check() == "" and told.distributor()["starts"] == 2, "it is started again")
            folder = appliance.shared.path

            def is_all_here() -> bool:
                stored = [len(packets_of(folder / name)) for name in ("feed", "feed.l2", "feed.l1", "feed.basic")]
                places = (("l3b", 0), ("l2", 1), ("l1b", 2), ("one", 4))
                here = [len(listeners[name].stream(config.feed.channel_id + place)) for name, place in places]
                return told.distributor()["l3_behind_bytes"] == 0 and here == stored

            until(is_all_here, "everything is sent")
            until(lambda: told.distributor()["snapshot_cycles"] >= 2, "two cycles of snapshots")
            until(lambda: told.distributor()["heartbeats_out"] >= 10, "heartbeats")
            l3 = packets_of(folder / "feed")
            appliance.stop()
            time.sleep(0.1)
            check(listeners, appliance.config, l3)
            twin = DerivedFeed(appliance.config.feed.channel_id, appliance.config.epoch, depths=(5,))
            for packet in l3:
                twin.take(packet)
            assert packets_of(folder / "feed.l2") == twin.l2.packets
            assert packets_of(folder / "feed.l1") == twin.l1.packets
            assert packets_of(folder / "feed.basic") == twin.tiers[0][1].packets
            check_replay(folder, config)
    finally:
        appliance.shared.remove()


def check_replay(folder: Path, config: Config) -> None:
    """The journal, replayed, gives the same L2, L1 and tiers; SendingTime is the clock's of each run."""
    assert config.epoch == 0  # the log's is taken
    kept: list[Exchange] = []
    replay_journal(folder, config, keep=kept)
    exchange = kept[0]
    whole = exchange.feed.store[: exchange.feed.scalars[STORE_WHOLE_BYTES]]
    again: dict[int, list[bytes]] = {}
    log_config = config.model_copy(update={"epoch": int(exchange.feed.scalars[EPOCH])})
    for place, packet in derived_packets(log_config, whole):
        again.setdefault(place, []).append(packet[8:])
    for place, name in ((1, "l2"), (2, "l1"), (4, "basic")):
        assert again[place] == [packet[8:] for packet in packets_of(folder / f"feed.{name}")]


def check(listeners: dict[str, Listener], config: Config, l3: list[bytes]) -> None:
    """Every line has every packet of its channel, and names the channel's Topic."""
    twin = DerivedFeed(config.feed.channel_id, config.epoch, depths=(5,))
    for packet in l3:
        twin.take(packet)
    channel = config.feed.channel_id
    assert listeners["l3"].stream(channel) == listeners["l3b"].stream(channel) == listeners["one"].stream(channel) == l3
    assert listeners["l2"].stream(channel + 1) == listeners["l2b"].stream(channel + 1) == twin.l2.packets
    assert listeners["l1"].stream(channel + 2) == listeners["l1b"].stream(channel + 2) == twin.l1.packets
    assert listeners["one"].stream(channel + 4) == twin.tiers[0][1].packets
    for name, place in (("l3b", 0), ("l2", 1), ("l1b", 2), ("snapshot", 3)):
        topics = {
            FIXP.decode(packet, *next(packets.frames(packet, 1))).values.SessionId
            for packet in listeners[name].received
            if packets.parse_header(packet).flags == 0
        }
        assert topics == {channel_topic_id(config, channel + place).bytes}
