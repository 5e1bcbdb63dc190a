"""The dpdk port against a real kernel: a tap interface, whose other end is the kernel's own stack, and a veth pair."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from native.ports import Port, PortConfig, open_port
from tests import netns
from tests.dpdk_far import EAL_ARGS
from tests.dpdk_rigs import why_no_dpdk
from tests.port_rigs import UDP_PORT, Hand, frame_of, payload_of

VENUE_IP, KERNEL_IP = "10.26.7.1", "10.26.7.2"


@pytest.fixture
def tap() -> Iterator[tuple[Port, int]]:
    """A dpdk port and the namespace of the kernel at its other end."""
    reason = why_no_dpdk() or netns.why_not()
    if reason:
        pytest.skip(reason)
    if not os.path.exists("/dev/net/tun"):
        pytest.skip("needs /dev/net/tun")
    veth = netns.Veth()
    with netns.inside(veth.near):
        port = open_port(
            PortConfig(
                "dpdk",
                device="net_tap850,iface=pwtap",
                eal_args=EAL_ARGS,
                udp_ports=(UDP_PORT,),
                local_ip=VENUE_IP,
                rx_frames=512,
                tx_frames=256,
            )
        )
        for words in (("addr", "add", f"{KERNEL_IP}/24", "dev", "pwtap"), ("link", "set", "pwtap", "up")):
            subprocess.run(["ip", *words], check=True)
    yield port, veth.near
    port.close()
    veth.close()


def test_a_kernel_client_finds_it_by_arp_and_accepts_its_answers(tap: tuple[Port, int]) -> None:
    """The venue's frames carry no UDP checksum: the device puts one in, or the kernel would see none."""
    port, namespace = tap
    assert port.describe().startswith("dpdk net_tap on net_tap850 queue 0 of 1")
    assert "checksums in and out" in port.describe()
    hand = Hand(port)
    with netns.inside(namespace):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        raw.bind(("pwtap", 0x0800))
    client.settimeout(5)
    raw.settimeout(5)
    client.bind((KERNEL_IP, 0))
    for number in range(20):
        question = f"question {number}".encode()
        client.sendto(question, (VENUE_IP, UDP_PORT))  # the first one waits for ARP
        (frame,) = hand.receive_frames(1)
        source_ip, source_port, destination_ip, destination_port, payload = payload_of(frame)
        assert (destination_ip, destination_port, payload) == (VENUE_IP, UDP_PORT, question)
        answer = frame_of(
            b"answer" * number,
            source=(VENUE_IP, UDP_PORT),
            destination=(source_ip, source_port),
            source_mac=frame[0:6].hex(":"),
            destination_mac=frame[6:12].hex(":"),
        )
        with_checksum, without = answer, answer[:40] + b"\0\0" + answer[42:]
        hand.send([without])
        assert client.recv(2000) == b"answer" * number
        seen = raw.recv(2000)
        while seen[26:30] != socket.inet_aton(VENUE_IP):
            seen = raw.recv(2000)
        assert seen == with_checksum, "the sum is the device's, and right"
    client.close()
    raw.close()


def test_a_wrong_checksum_ends_at_the_port(tap: tuple[Port, int]) -> None:
    port, namespace = tap
    with netns.inside(namespace):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        raw.bind(("pwtap", 0))
    good = frame_of(b"good" * 10, source=(KERNEL_IP, 5), destination=(VENUE_IP, UDP_PORT))
    raw.send(good[:60] + b"\xff" + good[61:])
    raw.send(good)
    assert Hand(port).receive_frames(1) == [good]
    assert port.stats()["rx_invalid"] == 1
    raw.close()


def test_on_a_packet_socket_of_a_veth_pair(tmp_path: Path) -> None:
    reason = why_no_dpdk() or netns.why_not()
    if reason:
        pytest.skip(reason)
    veth = netns.Veth()
    with netns.inside(veth.near):
        port = open_port(
            PortConfig("dpdk", device=f"net_af_packet851,iface={netns.NEAR}", eal_args=EAL_ARGS, udp_ports=(UDP_PORT,))
        )
    with netns.inside(veth.far):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(5)
    client.bind((netns.FAR_IP, 0))
    hand = Hand(port)
    assert port.mac == int(netns.NEAR_MAC.replace(":", ""), 16)
    for number in range(20):
        client.sendto(f"question {number}".encode(), (netns.NEAR_IP, UDP_PORT))
        (frame,) = hand.receive_frames(1)
        source_ip, source_port, *_, payload = payload_of(frame)
        assert payload == f"question {number}".encode()
        hand.send(
            [
                frame_of(
                    payload[::-1],
                    source=(netns.NEAR_IP, UDP_PORT),
                    destination=(source_ip, source_port),
                    source_mac=netns.NEAR_MAC,
                    destination_mac=netns.FAR_MAC,
                )
            ]
        )
        assert client.recv(100) == payload[::-1]
    port.close()
    client.close()
    veth.close()
