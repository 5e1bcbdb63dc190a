"""packet and xdp against a real kernel at the other end of a veth pair: steering, VLAN, multicast, ICMP, clean-up."""

from __future__ import annotations

import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from native import codes, layout
from native.ports import PortConfig, PortError, open_port
from tests import netns
from tests.port_rigs import RIGS, UDP_PORT, Hand, VethRig, frame_of, payload_of, why_no_rig

VETH_RIGS = ["packet", "xdp-native", "xdp-generic"]
XDP_RIGS = VETH_RIGS[1:]
GROUP, GROUP_PORT, GROUP_MAC = "239.192.26.1", 26401, "01:00:5e:40:1a:01"


def rig_or_skip(name: str, folder: Path) -> VethRig:
    reason = why_no_rig(name)
    if reason:
        pytest.skip(reason)
    rig = RIGS[name](folder)
    assert isinstance(rig, VethRig)
    return rig


@pytest.fixture(params=VETH_RIGS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VethRig]:
    rig = rig_or_skip(request.param, tmp_path)
    yield rig
    rig.close()


@pytest.fixture(params=XDP_RIGS)
def xdp(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VethRig]:
    rig = rig_or_skip(request.param, tmp_path)
    yield rig
    rig.close()


@pytest.fixture
def packet(tmp_path: Path) -> Iterator[VethRig]:
    rig = rig_or_skip("packet", tmp_path)
    yield rig
    rig.close()


@pytest.fixture
def jumbo() -> Iterator[netns.Veth]:
    reason = why_no_rig("packet") or why_no_rig("xdp-generic")
    if reason:
        pytest.skip(reason)
    veth = netns.Veth(mtu=9000)
    yield veth
    veth.close()


def udp_socket(namespace: int, address: str, number: int = 0) -> socket.socket:
    with netns.inside(namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(5)
    made.bind((address, number))
    return made


def answer_to(frame: bytes, payload: bytes) -> bytes:
    source_ip, source_port, destination_ip, destination_port, _ = payload_of(frame)
    return frame_of(
        payload,
        source=(destination_ip, destination_port),
        destination=(source_ip, source_port),
        source_mac=netns.NEAR_MAC,
        destination_mac=netns.FAR_MAC,
    )


def test_a_kernel_client_is_heard_and_hears_the_answer(rig: VethRig) -> None:
    with rig.open() as port, udp_socket(rig.veth.far, netns.FAR_IP) as client:
        hand = Hand(port)
        for number in range(20):
            client.sendto(f"question {number}".encode(), (netns.NEAR_IP, UDP_PORT))
            frames = hand.receive_frames(1)
            assert payload_of(frames[0])[4] == f"question {number}".encode()
            hand.send([answer_to(frames[0], b"answer")])
            assert client.recv(100) == b"answer"


def test_multicast_reaches_a_kernel_listener(rig: VethRig) -> None:
    with rig.open() as port, udp_socket(rig.veth.far, GROUP, GROUP_PORT) as listener:
        member = struct.pack("4s4si", socket.inet_aton(GROUP), socket.inet_aton(netns.FAR_IP), 0)
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        frame = frame_of(
            b"feed",
            source=(netns.NEAR_IP, UDP_PORT),
            destination=(GROUP, GROUP_PORT),
            source_mac=netns.NEAR_MAC,
            destination_mac=GROUP_MAC,
        )
        Hand(port).send([frame])
        assert listener.recv(100) == b"feed"


def test_other_udp_ports_go_to_the_kernel_and_not_to_us(rig: VethRig) -> None:
    with (
        rig.open() as port,
        udp_socket(rig.veth.near, netns.NEAR_IP, 5000) as other,
        udp_socket(rig.veth.far, netns.FAR_IP) as client,
    ):
        client.sendto(b"not for us", (netns.NEAR_IP, 5000))
        assert other.recv(100) == b"not for us"
        client.sendto(b"for us", (netns.NEAR_IP, UDP_PORT))
        frames = Hand(port).receive_frames(2, seconds=0.3)
        assert [payload_of(frame)[4] for frame in frames] == [b"for us"]


def test_several_udp_ports_are_handed_up(rig: VethRig) -> None:
    ports = tuple(range(26400, 26408))
    frames = [frame_of(b"port", destination=(netns.NEAR_IP, number)) for number in range(26399, 26409)]
    with rig.open(frames, udp_ports=ports) as port:
        assert Hand(port).receive_frames(9, seconds=0.5) == frames[1:9]


def test_a_vlan_tag_is_handed_up_and_sent_as_it_is(rig: VethRig) -> None:
    frames = [frame_of(b"tagged " * 8, vlan_tci=tci) for tci in (0x0005, 0xE064, 0x0000)]
    with rig.open(frames) as port:
        hand = Hand(port)
        assert hand.receive_frames(3) == frames
        hand.send([frame_of(b"tagged out" * 5, vlan_tci=7, source_mac=netns.NEAR_MAC, destination_mac=netns.FAR_MAC)])
        rig.socket.settimeout(5)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if b"tagged out" in rig.socket.recv(2048):
                return
        pytest.fail("the tagged frame did not leave")


def test_our_own_frames_do_not_come_back(rig: VethRig) -> None:
    with rig.open() as port:
        hand = Hand(port)
        hand.send([rig.frame(b"ours" * 10)] * 5)
        assert hand.receive_frames(1, seconds=0.2) == []


def test_no_icmp_port_unreachable_is_sent(rig: VethRig) -> None:
    with rig.open() as port, udp_socket(rig.veth.far, netns.FAR_IP) as client:
        client.connect((netns.NEAR_IP, 5001))
        client.send(b"nobody there")
        with pytest.raises(ConnectionRefusedError):  # so that we know an ICMP would be seen
            client.recv(100)
        client.settimeout(0.3)
        client.connect((netns.NEAR_IP, UDP_PORT))
        client.send(b"we are here")
        with pytest.raises(TimeoutError):
            client.recv(100)
        assert len(Hand(port).receive_frames(1)) == 1


def test_fragments_and_options_xdp_leaves_them_to_the_kernel(xdp: VethRig) -> None:
    odd = [
        frame_of(b"o" * 40, options=b"\x01" * 4),
        frame_of(b"f" * 40, fragment=0x2000),
        frame_of(b"l" * 40, fragment=0x0004),
    ]
    with xdp.open([*odd, frame_of(b"plain" * 9)]) as port:
        assert Hand(port).receive_frames(4, seconds=0.3) == [frame_of(b"plain" * 9)]


def test_fragments_and_options_packet_hands_up_what_has_the_port(packet: VethRig) -> None:
    frames = [frame_of(b"o" * 40, options=b"\x01" * 4), frame_of(b"f" * 40, fragment=0x2000)]
    with packet.open([*frames, frame_of(b"l" * 40, fragment=0x0004)]) as port:
        assert Hand(port).receive_frames(3, seconds=0.3) == frames


def test_packet_checksums_left_to_a_nic_are_told_apart(packet: VethRig) -> None:
    with packet.open([packet.frame(b"whole" * 8)]) as port, udp_socket(packet.veth.far, netns.FAR_IP) as client:
        hand = Hand(port)
        deadline = time.monotonic() + 5
        flags: list[int] = []
        while len(flags) < 2 and time.monotonic() < deadline:
            descs = hand.receive()
            if len(descs) and not flags:
                client.sendto(b"left to the NIC", (netns.NEAR_IP, UDP_PORT))
            flags += [int(value) & layout.PKT_UDP_CHECKSUM_COMPLETE for value in descs["flags"]]
            hand.release(descs)
        assert flags == [layout.PKT_UDP_CHECKSUM_COMPLETE, 0]


def test_packet_frames_longer_than_a_buffer_are_dropped_and_counted(jumbo: netns.Veth) -> None:
    with netns.inside(jumbo.near):
        port = open_port(PortConfig("packet", interface=netns.NEAR, udp_ports=(UDP_PORT,)))
    with port, udp_socket(jumbo.far, netns.FAR_IP) as client:
        for size in (1494, 1495, 3000, 100):
            client.sendto(b"j" * size, (netns.NEAR_IP, UDP_PORT))
        assert [len(frame) for frame in Hand(port).receive_frames(2)] == [1536, 142]
        assert port.stats()["rx_too_long"] == 2


def refusal(veth: netns.Veth, **fields: Any) -> PortError:
    with netns.inside(veth.near), pytest.raises(PortError) as refused:
        open_port(PortConfig(**{"interface": netns.NEAR, "udp_ports": (UDP_PORT,), **fields}))
    return refused.value


def test_xdp_an_mtu_larger_than_a_buffer_is_refused_before_anything_is_attached(jumbo: netns.Veth) -> None:
    error = refusal(jumbo, kind="xdp")
    assert error.code == codes.ERROR_INVALID_ARGUMENT
    assert (
        error.sentence
        == "The MTU of pwnear is 9000 and a frame buffer takes at most 1518: `ip link set pwnear mtu 1500`."
    )
    assert not attached(jumbo)


def test_a_second_opener_is_told_that_it_is_in_use(rig: VethRig) -> None:
    with rig.open():
        error = refusal(rig.veth, kind=rig.kind, **rig.overrides)
        assert error.code == codes.ERROR_BUSY
        assert "pwnear" in error.sentence
        assert "in use" in error.sentence
    rig.open().close()


def test_xdp_a_foreign_program_is_named_with_its_remedy(xdp: VethRig) -> None:
    """Two ports on different queues of one interface want one program each: the second is refused."""
    with xdp.open():
        error = refusal(xdp.veth, kind="xdp", queue=63, **xdp.overrides)
        assert error.code in (codes.ERROR_BUSY, codes.ERROR_INVALID_ARGUMENT)


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"interface": "nope0"}, codes.ERROR_NOT_FOUND, "There is no interface nope0"),
        ({"interface": ""}, codes.ERROR_INVALID_ARGUMENT, "Name the interface"),
        ({"interface": "a-name-far-too-long-for-linux"}, codes.ERROR_NOT_FOUND, "There is no interface a-name-far"),
        ({"udp_ports": ()}, codes.ERROR_INVALID_ARGUMENT, "at least one UDP port"),
    ],
)
def test_wrong_interfaces_and_ports(rig: VethRig, fields: dict[str, Any], code: int, words: str) -> None:
    error = refusal(rig.veth, **{"kind": rig.kind, **rig.overrides, **fields})
    assert error.code == code
    assert words in error.sentence


def test_an_interface_that_is_down(rig: VethRig) -> None:
    with netns.inside(rig.veth.near):
        netns.ip("link", "set", netns.NEAR, "down")
    error = refusal(rig.veth, kind=rig.kind, **rig.overrides)
    assert error.sentence == "The interface pwnear is down: `ip link set pwnear up`."


def test_the_link_gauge_follows_the_interface_and_a_lost_link_stops_nothing(rig: VethRig) -> None:
    with rig.open() as port:
        with netns.inside(rig.veth.near):
            assert port.stats()["link_up"] == 1
            netns.ip("link", "set", netns.NEAR, "down")
            assert port.stats()["link_up"] == 0
        hand = Hand(port)
        descs = hand.alloc(4)
        descs["len"] = 60
        hand.burst(descs)
        hand.flush()
        hand.service()
        assert len(hand.receive()) == 0


def test_xdp_zero_copy_that_the_driver_lacks(xdp: VethRig) -> None:
    error = refusal(xdp.veth, kind="xdp", zero_copy="required", **xdp.overrides)
    assert error.code == codes.ERROR_NOT_SUPPORTED
    assert "no zero-copy" in error.sentence
    with xdp.open(zero_copy="off") as port:
        assert " copy " in port.describe()


def test_xdp_a_queue_that_is_not_there(xdp: VethRig) -> None:
    for queue in (9, 64, 1000):
        error = refusal(xdp.veth, kind="xdp", queue=queue, **xdp.overrides)
        assert error.code == codes.ERROR_INVALID_ARGUMENT
        assert "queue" in error.sentence


def test_xdp_auto_takes_native_where_the_driver_has_it(xdp: VethRig) -> None:
    with xdp.open(xdp_mode="auto") as port:
        assert port.describe() == "xdp native copy on pwnear queue 0"


def test_xdp_auto_falls_back_to_generic(xdp: VethRig) -> None:
    """The loopback driver has no native XDP."""
    with netns.inside(xdp.veth.near):
        netns.ip("link", "set", "lo", "mtu", "1500")
        with open_port(PortConfig("xdp", interface="lo", udp_ports=(UDP_PORT,))) as port:
            assert port.describe() == "xdp generic copy on lo queue 0"
    error = refusal(xdp.veth, kind="xdp", interface="lo", xdp_mode="native")
    assert error.code == codes.ERROR_NOT_SUPPORTED
    assert "no native XDP" in error.sentence


def test_xdp_overload_is_counted_and_passes(xdp: VethRig) -> None:
    with xdp.open(rx_frames=64) as port:
        xdp.arrive(port, [xdp.frame(b"flood" * 10)] * 300)
        time.sleep(0.1)
        stats = port.stats()
        assert stats["rx_dropped"] + stats["rx_ring_full"] + stats["rx_fill_empty"] > 0
        hand = Hand(port)
        assert 0 < len(hand.receive_frames(300, seconds=0.2)) <= 128
        xdp.arrive(port, [xdp.frame(b"after" * 10)])
        assert len(hand.receive_frames(1)) == 1


def attached(veth: netns.Veth) -> bool:
    with netns.inside(veth.near):
        return "prog/xdp" in netns.ip("link", "show", "dev", netns.NEAR)


def test_xdp_the_program_goes_with_the_port(xdp: VethRig) -> None:
    with xdp.open():
        assert attached(xdp.veth)
    assert not attached(xdp.veth)


def test_xdp_a_killed_process_leaves_no_program(xdp: VethRig) -> None:
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            xdp.open()
            os.write(write_end, b"open")
            time.sleep(60)
        finally:
            os._exit(1)
    try:
        os.close(write_end)
        assert os.read(read_end, 4) == b"open"
        assert attached(xdp.veth)
    finally:
        os.close(read_end)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    deadline = time.monotonic() + 5
    while attached(xdp.veth):
        assert time.monotonic() < deadline, "the program outlived its process"
        time.sleep(0.01)
    with xdp.open([xdp.frame(b"next life" * 5)]) as port:
        assert len(Hand(port).receive_frames(1)) == 1
