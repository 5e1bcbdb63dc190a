"""What each kind of port does beyond the common suite, where no namespace is needed."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

import numpy as np
import pytest

from native import codes, layout
from native.ports import PortConfig, open_port
from tests.port_rigs import Hand, UdpRig, bytes_of, frame_of, payload_of, put

GROUP = "239.192.26.1"


def test_memory_keeps_time_and_flags_both_ways() -> None:
    with open_port(PortConfig("memory")) as port:
        hand = Hand(port)
        flags = layout.PKT_CLOCK_MONOTONIC | layout.PKT_UDP_CHECKSUM_COMPLETE
        assert port.inject(b"i" * 60, ts_ns=77, flags=flags)
        desc = hand.receive()[0]
        assert (int(desc["ts_ns"]), int(desc["flags"])) == (77, flags)
        hand.send([b"o" * 60], ts_ns=88)
        collected = port.collect()
        assert collected is not None
        assert (collected.frame, collected.ts_ns) == (b"o" * 60, 88)
        assert port.collect() is None


def test_memory_full_on_receive_refuses_and_counts() -> None:
    with open_port(PortConfig("memory", rx_frames=3)) as port:
        assert [port.inject(b"x" * 60) for _ in range(5)] == [True, True, True, False, False]
        assert port.stats()["rx_dropped"] == 2
        hand = Hand(port)
        hand.release(hand.receive())
        assert port.inject(b"x" * 60)


def test_memory_full_on_transmit_takes_the_first_and_leaves_the_rest() -> None:
    with open_port(PortConfig("memory", tx_frames=8, tx_pending_max=2)) as port:
        hand = Hand(port)
        descs = hand.alloc(5)
        for number, desc in enumerate(descs):
            put(desc, bytes([number]) * 60)
        assert hand.burst(descs) == 2
        assert hand.burst(descs[2:].copy()) == 0
        for number in range(5):
            collected = port.collect()
            assert collected is not None
            assert collected.frame == bytes([number]) * 60
            if number + 2 < 5:
                assert hand.burst(descs[number + 2 : number + 3].copy()) == 1
        assert port.stats()["bad_descriptors"] == 0


@pytest.mark.parametrize("size", [-1, 1537])
def test_memory_refuses_frames_larger_than_a_buffer(size: int) -> None:
    with open_port(PortConfig("memory")) as port:
        from native._native import lib

        assert lib.port_memory_inject(port.handle, b"", size, 0, 0) == codes.ERROR_INVALID_ARGUMENT


def test_memory_between_two_threads() -> None:
    """The loop's thread echoes while another injects and collects: every frame once, in order."""
    count = 3000
    with open_port(PortConfig("memory", rx_frames=32, tx_frames=32)) as port:

        def echo() -> None:
            hand = Hand(port)
            echoed = 0
            while echoed < count:
                descs = hand.receive()
                hand.send([bytes_of(desc) for desc in descs])
                echoed += hand.release(descs)

        thread = threading.Thread(target=echo)
        thread.start()
        sent, received = 0, []
        while len(received) < count:
            if sent < count and port.inject(sent.to_bytes(4, "big") * 15):
                sent += 1
            collected = port.collect()
            if collected is not None:
                received.append(int.from_bytes(collected.frame[:4], "big"))
        thread.join()
        assert received == list(range(count))


def test_inject_and_collect_are_for_memory_ports_only() -> None:
    from native._native import ffi, lib

    with open_port(PortConfig("pcap")) as port:
        assert lib.port_memory_inject(port.handle, b"x" * 60, 60, 0, 0) == codes.ERROR_NOT_SUPPORTED
        room = ffi.new("uint8_t[]", 2048)
        assert lib.port_memory_collect(port.handle, room, 2048, ffi.new("pkt_t *")) == codes.ERROR_NOT_SUPPORTED


def test_udp_headers_are_right_and_name_both_ends() -> None:
    rig = UdpRig()
    with rig.open([rig.frame(b"payload")]) as port:
        frame = Hand(port).receive_frames(1)[0]
        assert payload_of(frame) == ("127.0.0.1", rig.far_port, "127.0.0.1", rig.near_port, b"payload")
        assert frame[40:42] == b"\0\0", "no UDP checksum: the kernel has verified the real one"
        assert frame[:12] == bytes.fromhex("0200 7f000001 0200 7f000001")
    rig.close()


def test_udp_takes_any_free_port_when_none_is_asked() -> None:
    with open_port(PortConfig("udp", local_ip="127.0.0.1")) as first, open_port(PortConfig("udp")) as second:
        assert first.udp_port != second.udp_port
        assert str(first.ip) == "127.0.0.1"
        assert str(second.ip) == "0.0.0.0"
        hand = Hand(first)
        hand.send([frame_of(b"to the other", source=("127.0.0.1", 1), destination=("127.0.0.1", second.udp_port))])
        frame = Hand(second).receive_frames(1)[0]
        assert payload_of(frame) == ("127.0.0.1", first.udp_port, "127.0.0.1", second.udp_port, b"to the other")


def test_udp_bound_to_every_address_answers_from_the_one_that_was_asked() -> None:
    with (
        open_port(PortConfig("udp")) as port,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(5)
        client.bind(("127.0.0.1", 0))
        client.connect(("127.0.0.77", port.udp_port))  # only 127.0.0.77 may answer
        client.send(b"question")
        hand = Hand(port)
        _, client_port, asked, _, payload = payload_of(hand.receive_frames(1)[0])
        assert (asked, payload) == ("127.0.0.77", b"question")
        hand.send([frame_of(b"answer", source=(asked, port.udp_port), destination=("127.0.0.1", client_port))])
        assert client.recv(100) == b"answer"


def test_udp_multicast_leaves_by_the_interface_that_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.settimeout(5)
        listener.bind((GROUP, 0))
        member = struct.pack("4s4si", socket.inet_aton(GROUP), socket.inet_aton("127.0.0.1"), 0)
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        with open_port(PortConfig("udp", interface="lo", multicast_ttl=0)) as port:
            destination = (GROUP, listener.getsockname()[1])
            Hand(port).send([frame_of(b"feed", source=("10.0.0.9", 1), destination=destination)])
            assert listener.recv(100) == b"feed"


def test_udp_datagrams_longer_than_a_buffer_are_dropped_and_counted() -> None:
    rig = UdpRig()
    with rig.open([rig.frame(b"a" * 1494), rig.frame(b"b" * 1495), rig.frame(b"c" * 20)]) as port:
        frames = Hand(port).receive_frames(2)
        assert [len(frame) for frame in frames] == [1536, 62]
        assert port.stats()["rx_too_long"] == 1
        assert port.stats()["rx_held"] == 0
    rig.close()


NOT_UDP = {
    "arp": bytes(12) + b"\x08\x06" + bytes(46),
    "ipv6": bytes(12) + b"\x86\xdd\x60" + bytes(60),
    "two_vlan_tags": bytes(12) + b"\x81\x00\x00\x01\x81\x00\x00\x01" + frame_of(b"x")[12:],
    "tcp": frame_of(b"x" * 20)[:23] + b"\x06" + frame_of(b"x" * 20)[24:],
    "fragment": frame_of(b"x" * 20, fragment=0x2000),
    "last_fragment": frame_of(b"x" * 20, fragment=1),
    "header_length_4": frame_of(b"x")[:14] + b"\x44" + frame_of(b"x")[15:],
    "total_length_beyond_frame": frame_of(b"x" * 20)[:-1],
    "udp_length_beyond_packet": frame_of(b"x")[:38] + b"\x00\xff" + frame_of(b"x")[40:],
    "udp_length_7": frame_of(b"x")[:38] + b"\x00\x07" + frame_of(b"x")[40:],
    "cut_in_the_ip_header": frame_of(b"x")[:30],
}


@pytest.mark.parametrize("name", NOT_UDP)
def test_udp_cannot_send_what_is_no_udp_datagram(name: str) -> None:
    rig = UdpRig()
    with rig.open() as port:
        hand = Hand(port)
        good = rig.answer(b"good")
        hand.send([good, NOT_UDP[name], good])
        stats = port.stats()
        assert (stats["tx_invalid"], stats["tx_frames"]) == (1, 2)
        assert stats["tx_free"] == 1024
        assert len(rig.departed(port, 2)) == 2
    rig.close()


def test_udp_looks_through_a_vlan_tag_ip_options_and_padding() -> None:
    rig = UdpRig()
    ends = {"source": ("127.0.0.1", 1), "destination": ("127.0.0.1", rig.far_port)}
    with rig.open() as port:
        Hand(port).send(
            [
                frame_of(b"tagged", vlan_tci=5, **ends),
                frame_of(b"options", options=b"\x01" * 8, **ends),
                frame_of(b"padded", **ends) + bytes(20),
            ]
        )
        assert [frame[42:] for frame in rig.departed(port, 3)] == [b"tagged", b"options", b"padded"]
    rig.close()


def test_udp_a_datagram_that_the_kernel_refuses_does_not_stop_the_others() -> None:
    rig = UdpRig()
    refused = frame_of(b"nowhere", source=("127.0.0.1", 1), destination=("127.0.0.1", 0))
    with rig.open() as port:
        hand = Hand(port)
        hand.send([rig.answer(b"1"), refused, rig.answer(b"2")])
        stats = port.stats()
        assert (stats["tx_failed"], stats["tx_frames"], stats["tx_free"]) == (1, 2, 1024)
        assert [frame[42:] for frame in rig.departed(port, 2)] == [b"1", b"2"]
    rig.close()


def test_pcap_disk_full_is_said_at_the_close() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    from native.ports import PortError

    port = open_port(PortConfig("pcap", out_path="/dev/full"))
    Hand(port).send([b"f" * 60])
    with pytest.raises(PortError, match="is the disk full"):
        port.close()


def test_many_ports_are_told_apart() -> None:
    ports = [open_port(PortConfig("memory", rx_frames=2, tx_frames=2, port_id=i)) for i in range(20)]
    for number, port in enumerate(ports):
        port.inject(bytes([number]) * 60)
    for number, port in enumerate(ports):
        desc = Hand(port).receive()[0]
        assert (bytes_of(desc), int(desc["port"])) == (bytes([number]) * 60, number)
    for port in ports:
        port.close()
    assert len({port.handle for port in ports}) == 1


def test_stats_names_are_the_record() -> None:
    with open_port(PortConfig("memory")) as port:
        assert tuple(port.stats()) == layout.PORT_STATS.names
        assert np.dtype(layout.PORT_STATS).itemsize == 192
