"""Captures that lie: each ends in a clean code and a sentence, never in a crash or a read outside the file."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from native import codes
from native.ports import PortConfig, PortError, open_port
from tests.port_rigs import Hand

FRAME = b"f" * 60


def classic(*records: bytes, magic: int = 0xA1B23C4D, major: int = 2, linktype: int = 1) -> bytes:
    return struct.pack("<IHHiIII", magic, major, 4, 0, 0, 65535, linktype) + b"".join(records)


def record(length: int = len(FRAME), body: bytes = FRAME) -> bytes:
    return struct.pack("<IIII", 1, 0, length, length) + body


def block(kind: int, body: bytes, length: int | None = None, trailer: int | None = None) -> bytes:
    total = len(body) + 12 if length is None else length
    return struct.pack("<II", kind, total) + body + struct.pack("<I", total if trailer is None else trailer)


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
INTERFACE = block(1, struct.pack("<HHI", 1, 0, 0))


def packet(interface: int = 0, captured: int = len(FRAME), body: bytes = FRAME, ticks: int = 1) -> bytes:
    return block(6, struct.pack("<IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, captured, captured) + body)


def interface_with(code: int, value: bytes, length: int | None = None) -> bytes:
    option = struct.pack("<HH", code, len(value) if length is None else length) + value + bytes(-len(value) % 4)
    return block(1, struct.pack("<HHI", 1, 0, 0) + option)


AT_OPEN = {
    "empty": (b"", "the file is empty"),
    "three_bytes": (b"\xd4\xc3\xb2", "the file header is cut off"),
    "text": (b"time,price\n1,2\n", "it is neither pcap nor pcapng"),
    "gzip": (b"\x1f\x8b\x08\x00" * 10, "it is neither pcap nor pcapng"),
    "header_cut": (classic()[:23], "the file header is cut off"),
    "version_9": (classic(major=9), "the format version is not 2"),
    "not_ethernet": (classic(linktype=101), "the link type is not Ethernet"),
    "first_packet_header_cut": (classic(record())[:30], "a packet header is cut off"),
    "first_packet_cut": (classic(record())[:50], "a packet is cut off"),
    "length_4_gib": (classic(record(0xFFFFFFFF)), "a packet is longer than captures allow"),
    "section_cut": (SECTION[:20], "a section header is cut off"),
    "section_without_mark": (SECTION[:8] + bytes(4) + SECTION[12:], "a section has no byte order mark"),
    "section_version_7": (SECTION[:12] + b"\x07\x00" + SECTION[14:], "the format version is not 1"),
    "section_of_12_bytes": (
        struct.pack("<III", 0x0A0D0D0A, 12, 0x1A2B3C4D) + bytes(16),
        "a block's two lengths differ",
    ),
    "block_length_0": (SECTION + struct.pack("<III", 6, 0, 0), "a block has an impossible length"),
    "block_length_odd": (SECTION + struct.pack("<III", 6, 13, 13) + b"x", "a block has an impossible length"),
    "block_length_4_gib": (SECTION + struct.pack("<III", 6, 0xFFFFFFFC, 0), "a block is cut off"),
    "block_cut": (SECTION + INTERFACE[:10], "a block is cut off"),
    "block_lengths_differ": (SECTION + block(5, bytes(8), trailer=24), "a block's two lengths differ"),
    "interface_too_short": (SECTION + block(1, bytes(4)), "an interface description is too short"),
    "interface_not_ethernet": (SECTION + block(1, struct.pack("<HHI", 113, 0, 0)), "the link type is not Ethernet"),
    "interfaces_257": (SECTION + INTERFACE * 257, "there are more than 256 interfaces"),
    "option_outside_block": (SECTION + interface_with(9, b"\x09", 400), "an option ends outside its block"),
    "resolution_10_to_the_20": (SECTION + interface_with(9, b"\x14"), "the resolution of time stamps is finer"),
    "resolution_2_to_the_64": (SECTION + interface_with(9, b"\xc0"), "the resolution of time stamps is finer"),
    "packet_before_interface": (SECTION + packet(), "a packet names an interface that is not described"),
    "packet_of_interface_1": (SECTION + INTERFACE + packet(1), "a packet names an interface that is not described"),
    "packet_too_short": (SECTION + INTERFACE + block(6, bytes(16)), "a packet block is too short"),
    "packet_longer_than_block": (SECTION + INTERFACE + packet(captured=61), "a packet ends outside its block"),
    "packet_length_4_gib": (SECTION + INTERFACE + packet(captured=0xFFFFFFFF), "a packet ends outside its block"),
    "simple_before_interface": (SECTION + block(3, bytes(8)), "a packet names an interface that is not described"),
    "simple_too_short": (SECTION + INTERFACE + block(3, b""), "a packet block is too short"),
    "simple_longer_than_block": (
        SECTION + INTERFACE + block(3, struct.pack("<I", 9) + bytes(8)),
        "a packet ends outside its block",
    ),
    "time_after_2262": (SECTION + INTERFACE + packet(ticks=(1 << 64) - 1), "a packet's time is before 1970"),
    "time_before_1970": (
        SECTION + interface_with(14, struct.pack("<q", -(1 << 63))) + packet(),
        "a packet's time is before 1970",
    ),
}


@pytest.mark.parametrize("name", AT_OPEN)
def test_a_file_that_is_bad_from_the_start_is_refused_at_the_open(name: str, tmp_path: Path) -> None:
    data, problem = AT_OPEN[name]
    path = tmp_path / "bad.pcap"
    path.write_bytes(data)
    with pytest.raises(PortError) as refused:
        open_port(PortConfig("pcap", in_path=str(path)))
    assert refused.value.code == codes.ERROR_FORMAT
    assert problem in refused.value.sentence
    assert str(path) in refused.value.sentence
    assert "(byte " in refused.value.sentence


LATER = {
    "second_header_cut": (classic(record(), record()[:9]), "a packet header is cut off"),
    "second_packet_cut": (classic(record(), record()[:-1]), "a packet is cut off"),
    "second_length_huge": (classic(record(), record(262145)), "a packet is longer than captures allow"),
    "second_block_cut": (SECTION + INTERFACE + packet() + packet()[:-3], "a block is cut off"),
    "tail_of_11_bytes": (SECTION + INTERFACE + packet() + bytes(11), "a block is cut off"),
    "second_section_without_mark": (SECTION + INTERFACE + packet() + SECTION[:8] + bytes(20), "no byte order mark"),
    "new_section_forgets_interfaces": (SECTION + INTERFACE + packet() + SECTION + packet(), "is not described"),
    "later_interface_not_ethernet": (
        SECTION + INTERFACE + packet() + block(1, struct.pack("<HHI", 0, 0, 0)),
        "the link type is not Ethernet",
    ),
}


@pytest.mark.parametrize("name", LATER)
def test_what_comes_before_the_damage_is_read_and_then_it_ends(name: str, tmp_path: Path) -> None:
    data, problem = LATER[name]
    path = tmp_path / "bad.pcap"
    path.write_bytes(data)
    with open_port(PortConfig("pcap", in_path=str(path))) as port:
        hand = Hand(port)
        assert len(hand.receive()) == 1
        for _ in range(3):
            assert len(hand.receive()) == 0
        stats = port.stats()
        assert stats["rx_format_errors"] == 1
        assert stats["end_of_input"] == 1
        assert problem in port.describe()


def read_whole(path: Path) -> tuple[int, int]:
    """Frames that come, and the code that ends them."""
    try:
        port = open_port(PortConfig("pcap", in_path=str(path), tx_frames=1))
    except PortError as refused:
        return 0, refused.code
    with port:
        frames = len(Hand(port, 8).receive(8))
        stats = port.stats()
        assert stats["end_of_input"] == 1
        return frames, codes.ERROR_FORMAT if stats["rx_format_errors"] else codes.ERROR_END_OF_INPUT


def test_every_cut_of_a_good_file_ends_cleanly(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    for last, whole in (
        (record(), classic(record(), record())),
        (packet(), SECTION + INTERFACE + packet() + packet()),
    ):
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            frames, code = read_whole(path)
            assert code in (codes.ERROR_FORMAT, codes.ERROR_END_OF_INPUT)
            assert frames == (length == len(whole)) + (length >= len(whole) - len(last))
