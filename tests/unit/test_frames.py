"""Frames in plain Python against scapy as the independent builder and reader, and each reason to refuse one."""

from __future__ import annotations

import random

import pytest

from native import counters
from pcap.noise import noise_frames
from wire.net.frames import Endpoint, FrameError, UdpFrame, build_udp_frame, checksum, parse_udp_frame

CLIENT = Endpoint.of("02:00:00:00:00:01", "192.0.2.1", 40001)
VENUE = Endpoint.of("02:00:00:00:00:02", "192.0.2.2", 26400)


@pytest.mark.parametrize("vlan_tci", [None, 0, 100, 0xE064])
@pytest.mark.parametrize("size", [0, 1, 2, 79, 80, 1400])
def test_round_trip(size: int, vlan_tci: int | None) -> None:
    payload = random.Random(size).randbytes(size)
    frame = build_udp_frame(payload, CLIENT, VENUE, vlan_tci=vlan_tci)
    assert len(frame) == 42 + size + (0 if vlan_tci is None else 4)
    expected = UdpFrame(CLIENT, VENUE, vlan_tci, payload)
    assert parse_udp_frame(frame) == expected
    assert parse_udp_frame(frame + bytes(18)) == expected, "Ethernet padding belongs to nobody"


@pytest.mark.parametrize("vlan_tci", [None, 100])
def test_scapy_builds_the_same_bytes(vlan_tci: int | None) -> None:
    layers = pytest.importorskip("scapy.layers.l2")
    inet = pytest.importorskip("scapy.layers.inet")
    packet = pytest.importorskip("scapy.packet")
    tag = layers.Dot1Q(vlan=vlan_tci) if vlan_tci else packet.NoPayload()
    for size in (0, 1, 33, 80):
        payload = random.Random(size).randbytes(size)
        theirs = layers.Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        theirs = theirs / tag if vlan_tci else theirs
        theirs = theirs / inet.IP(src="192.0.2.1", dst="192.0.2.2", flags="DF", id=7, ttl=3)
        theirs = theirs / inet.UDP(sport=40001, dport=26400) / packet.Raw(payload)
        assert bytes(theirs) == build_udp_frame(payload, CLIENT, VENUE, vlan_tci=vlan_tci, ttl=3, identification=7)


def test_checksum_of_the_standards_example() -> None:
    """RFC 1071, section 3: the words 0001 f203 f4f5 f6f7 add up to ddf2."""
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == ~0xDDF2 & 0xFFFF
    assert checksum(bytes(2)) == 0xFFFF
    assert checksum(b"\xff\xff") == 0
    assert checksum(b"\x12") == checksum(b"\x12\x00")


def test_a_sum_of_zero_is_sent_as_ffff() -> None:
    for trial in range(1 << 16):
        payload = trial.to_bytes(2, "big")
        if build_udp_frame(payload, CLIENT, VENUE)[40:42] == b"\xff\xff":
            assert parse_udp_frame(build_udp_frame(payload, CLIENT, VENUE)).payload == payload
            return
    pytest.fail("no payload of two bytes has that sum")


def test_no_udp_checksum_is_taken() -> None:
    frame = build_udp_frame(b"x", CLIENT, VENUE, with_udp_checksum=False)
    assert frame[40:42] == b"\0\0"
    assert parse_udp_frame(frame).payload == b"x"


def test_a_wrong_udp_checksum_counts_only_where_it_is_verified() -> None:
    frame = build_udp_frame(b"x", CLIENT, VENUE)
    frame = frame[:-1] + b"y"
    with pytest.raises(FrameError, match="UDP checksum"):
        parse_udp_frame(frame)
    assert parse_udp_frame(frame, verify_udp_checksum=False).payload == b"y"


BELOW_UDP = range(counters.DROP_FRAME_TRUNCATED, counters.DROP_UDP_CHECKSUM + 1)


@pytest.mark.parametrize("drop", BELOW_UDP, ids=[counters.COUNTERS[drop].name for drop in BELOW_UDP])
def test_each_reason_to_refuse(drop: int) -> None:
    frames = [frame for reason, frame in noise_frames() if reason == drop]
    assert frames
    for frame in frames:
        with pytest.raises(FrameError) as caught:
            parse_udp_frame(frame)
        assert caught.value.drop == drop
        assert str(caught.value) == counters.COUNTERS[drop].sentence


def test_noise_above_udp_is_whole_below_it() -> None:
    above = [frame for reason, frame in noise_frames() if reason not in BELOW_UDP]
    assert above
    for frame in above:
        parse_udp_frame(frame)


def test_truncation_and_mutation_give_a_reason_or_a_frame() -> None:
    draw = random.Random(3)
    good = [build_udp_frame(bytes(40), CLIENT, VENUE, vlan_tci=tci) for tci in (None, 5)]
    for frame in good:
        for size in range(len(frame)):
            with pytest.raises(FrameError):
                parse_udp_frame(frame[:size])
    for _ in range(2000):
        data = bytearray(draw.choice(good))
        data[draw.randrange(len(data))] = draw.randrange(256)
        drop = None
        try:
            assert len(parse_udp_frame(bytes(data)).payload) <= 40
        except FrameError as error:
            drop = error.drop
        assert drop is None or drop in BELOW_UDP


def test_bad_addresses_and_sizes() -> None:
    with pytest.raises(ValueError, match="MAC"):
        Endpoint.of("02:00", "192.0.2.1", 1)
    with pytest.raises(ValueError, match="256"):
        Endpoint.of("02:00:00:00:00:01", "256.0.2.1", 1)
    with pytest.raises(ValueError, match="does not fit"):
        build_udp_frame(bytes(1500), CLIENT, VENUE)
