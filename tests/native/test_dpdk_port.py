"""What is the dpdk port's own: the device is ours whole, so it sorts frames, answers ARP, and has several queues."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from native import layout, limits
from native.ports import Port, PortConfig, open_port
from tests import netns
from tests.dpdk_far import EAL_ARGS
from tests.dpdk_rigs import MemifServerRig, RingRig, why_no_dpdk
from tests.port_rigs import UDP_PORT, Hand, bytes_of, frame_of, mac_bytes

pytestmark = pytest.mark.skipif(why_no_dpdk() is not None, reason=str(why_no_dpdk()))


@pytest.fixture
def ring() -> Iterator[RingRig]:
    rig = RingRig()
    yield rig
    rig.close()


def arp(operation: int, sender: str, sender_mac: str, target: str, target_mac: str, to: str) -> bytes:
    """RFC 826, Ethernet and IPv4."""
    addresses = mac_bytes(sender_mac) + socket.inet_aton(sender) + mac_bytes(target_mac) + socket.inet_aton(target)
    return (
        mac_bytes(to) + mac_bytes(sender_mac) + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, operation) + addresses
    )


def test_only_datagrams_to_its_udp_ports_come_up(ring: RingRig) -> None:
    ours = [
        frame_of(b"one"),
        frame_of(b"tagged", vlan_tci=5),
        frame_of(b"two", destination=(netns.NEAR_IP, 5001)),
    ]
    others = [
        frame_of(b"another port", destination=(netns.NEAR_IP, 5000)),
        frame_of(b"options", options=b"\x01\x01\x01\x00"),
        frame_of(b"fragment", fragment=0x2000),
        frame_of(b"short")[:40],
        frame_of(b"ipv6")[:12] + b"\x86\xdd" + bytes(60),
        frame_of(b"tcp")[:23] + b"\x06" + frame_of(b"tcp")[24:],
        bytes(14),
    ]
    with ring.open(udp_ports=(UDP_PORT, 5001)) as port:
        ring.arrive(port, [others[0], ours[0], *others[1:4], ours[1], *others[4:], ours[2]])
        hand = Hand(port)
        assert hand.receive_frames(3) == ours
        assert hand.receive_frames(1, seconds=0.05) == []
        stats = port.stats()
        assert (stats["rx_frames"], stats["rx_skipped"], stats["rx_held"]) == (3, len(others), 0)
        assert port.udp_port == UDP_PORT


def test_without_udp_ports_everything_comes_up(ring: RingRig) -> None:
    frames = [bytes(14), frame_of(b"x"), arp(1, "10.0.0.1", netns.FAR_MAC, "10.0.0.2", netns.FAR_MAC, netns.FAR_MAC)]
    with ring.open(frames) as port:
        assert Hand(port).receive_frames(3) == frames


def test_arp_requests_for_its_address_are_answered(ring: RingRig) -> None:
    everybody, nobody = "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"
    asks = arp(1, netns.FAR_IP, netns.FAR_MAC, netns.NEAR_IP, nobody, everybody)
    for_another = arp(1, netns.FAR_IP, netns.FAR_MAC, "10.26.0.9", nobody, everybody)
    answer = arp(2, netns.FAR_IP, netns.FAR_MAC, netns.NEAR_IP, nobody, everybody)
    with ring.open(udp_ports=(UDP_PORT,), local_ip=netns.NEAR_IP) as port:
        hand = Hand(port)
        ring.arrive(port, [for_another, asks[:41], answer, asks + bytes(18), frame_of(b"order")])
        assert hand.receive_frames(1) == [frame_of(b"order")]
        mac = ":".join(f"{port.mac >> shift & 255:02x}" for shift in range(40, -1, -8))
        told = arp(2, netns.NEAR_IP, mac, netns.FAR_IP, netns.FAR_MAC, netns.FAR_MAC) + bytes(18)
        assert ring.departed(port, 1) == [told]
        assert port.stats()["rx_skipped"] == 4
        assert port.stats()["tx_frames"] == 0, "what the loop sent"


def test_without_an_address_arp_is_not_answered(ring: RingRig) -> None:
    asks = arp(1, netns.FAR_IP, netns.FAR_MAC, "0.0.0.0", netns.FAR_MAC, netns.FAR_MAC)
    with ring.open([asks, frame_of(b"order")], udp_ports=(UDP_PORT,)) as port:
        assert len(Hand(port).receive_frames(1)) == 1
        assert ring.far is not None
        assert Hand(ring.far).receive_frames(1, seconds=0.05) == []


def test_queues_of_a_device_are_ports_of_their_own() -> None:
    """net_ring brings back on queue n what is sent on queue n."""
    ports: list[Port] = []
    try:
        for queue in range(4):
            config = PortConfig(
                "dpdk", device="net_ring800", eal_args=EAL_ARGS, queue_count=4, queue=queue, port_id=queue
            )
            ports.append(open_port(config))
        for port in ports:
            Hand(port).send([frame_of(bytes([port.config.queue]) * 20)] * 3)
        ports[2].close()
        for port in (ports[0], ports[1], ports[3]):
            assert Hand(port).receive_frames(3) == [frame_of(bytes([port.config.queue]) * 20)] * 3
        with open_port(ports[2].config) as again:
            assert Hand(again).receive_frames(3) == [frame_of(bytes([2]) * 20)] * 3, "a queue outlives its port"
    finally:
        for port in ports:
            port.close()


def test_a_hash_table_is_pointed_at_the_queues_that_are_open() -> None:
    fields = {"device": "net_null801", "eal_args": EAL_ARGS, "queue_count": 4, "rx_frames": 64, "tx_frames": 64}
    with open_port(PortConfig("dpdk", queue=2, steering="rss", **fields)) as port:  # type: ignore[arg-type]
        assert "queue 2 of 4, " in port.describe()
        assert "rss to the open queues" in port.describe()
        with open_port(PortConfig("dpdk", queue=1, udp_ports=(5,), **fields)) as second:  # type: ignore[arg-type]
            assert "rss to the open queues" in second.describe(), "this driver has no flow rules"


def test_two_threads_use_the_two_ends(ring: RingRig) -> None:
    """Buffers change hands between threads, and between the pools of two ports."""
    count = 20_000
    frame = frame_of(b"to and fro" * 5)
    with ring.open(rx_frames=128, tx_frames=64) as port:
        assert ring.far is not None
        far = Hand(ring.far)
        echoed = [0]

        def echo() -> None:
            deadline = time.monotonic() + 60
            while echoed[0] < count and time.monotonic() < deadline:
                frames = far.receive_frames(1, seconds=1)
                far.send(frames)
                echoed[0] += len(frames)

        thread = threading.Thread(target=echo)
        thread.start()
        hand, back, waiting = Hand(port), 0, 0
        deadline = time.monotonic() + 60
        while back < count and time.monotonic() < deadline:
            room = min(32 - waiting, count - back - waiting)
            hand.send([frame] * room)
            waiting += room
            descs = hand.receive()
            assert all(bytes_of(desc) == frame for desc in descs[:1])
            hand.release(descs)
            back += len(descs)
            waiting -= len(descs)
        thread.join()
        assert back == echoed[0] == count
        assert (port.stats()["bad_descriptors"], port.stats()["tx_free"]) == (0, 64)


def test_frames_that_are_too_long_are_dropped_and_counted(tmp_path: Path) -> None:
    frames = [bytes(60), bytes(limits.FRAME_BYTES_MAX), bytes(limits.FRAME_BYTES_MAX + 1), bytes(9000), bytes(61)]
    records = b"".join(struct.pack("<IIII", 7, 9, len(frame), len(frame)) + frame for frame in frames)
    path = tmp_path / "long.pcap"
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + records)
    with open_port(PortConfig("dpdk", device=f"net_pcap802,rx_pcap={path}", eal_args=EAL_ARGS)) as port:
        hand = Hand(port)
        descs = hand.receive()
        assert [int(desc["len"]) for desc in descs] == [60, limits.FRAME_BYTES_MAX, 61]
        assert all(int(desc["ts_ns"]) == 7_000_009_000 for desc in descs)
        assert all(int(desc["flags"]) == layout.PKT_CLOCK_FILE for desc in descs)
        assert port.stats()["rx_too_long"] == 2


def test_with_nobody_at_the_other_end_frames_are_let_go_and_counted(tmp_path: Path) -> None:
    device = MemifServerRig.near_device.format(number=803, path=tmp_path / "m")
    with open_port(PortConfig("dpdk", device=device, eal_args=EAL_ARGS, tx_frames=64)) as port:
        Hand(port).send([frame_of(b"lost")] * 1000)
        stats = port.stats()
        assert (stats["link_up"], stats["tx_failed"], stats["tx_frames"], stats["tx_free"]) == (0, 1000, 0, 64)


def test_offloads_can_be_left_alone() -> None:
    with open_port(PortConfig("dpdk", device="net_null804", eal_args=EAL_ARGS, offloads="off")) as port:
        assert "no checksums, no timestamps" in port.describe()
