"""Damaged and hostile captures: always a CaptureError with a place and a sentence, never anything else."""

from __future__ import annotations

import io
import random
import struct

import pytest

from wire.capture import CaptureError, PcapngWriter, PcapWriter, open_capture, parse_capture

CLASSIC_HEADER = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)


def capture_bytes(kind: type[PcapWriter] | type[PcapngWriter]) -> bytes:
    stream = io.BytesIO()
    writer = kind(stream)
    for n in range(4):
        writer.write(1_000_000_000 * n + n, bytes((n,)) * (20 + n), comment="c" if kind is PcapngWriter else "")
    return stream.getvalue()


def block(kind: int, body: bytes) -> bytes:
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
INTERFACE = block(1, struct.pack("<HHI", 1, 0, 0))

BAD = {
    "empty": (b"", 0, "neither"),
    "text": (b"hello, world", 0, "neither"),
    "classic_header_cut": (CLASSIC_HEADER[:20], 20, "file header"),
    "classic_version": (struct.pack("<IHHiIII", 0xA1B2C3D4, 3, 0, 0, 0, 0, 1), 4, "version 3.0"),
    "classic_packet_header_cut": (CLASSIC_HEADER + bytes(15), 24, "inside a packet header"),
    "classic_packet_cut": (CLASSIC_HEADER + struct.pack("<IIII", 0, 0, 5, 5) + b"abcd", 24, "5 bytes are announced"),
    "classic_length_huge": (CLASSIC_HEADER + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 1) + bytes(99), 24, "damage"),
    "classic_fraction": (CLASSIC_HEADER + struct.pack("<IIII", 0, 10**9, 0, 0), 24, "fraction of a second"),
    "ng_byte_order": (SECTION[:8] + b"\1\2\3\4" + SECTION[12:], 8, "neither order"),
    "ng_version": (block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 2, 0, -1)), 12, "version 2.0"),
    "ng_block_cut": (SECTION + INTERFACE[:-4], 28, "inside a block"),
    "ng_block_stub": (SECTION + b"\1\0\0\0", 28, "inside a block"),
    "ng_length_odd": (SECTION + struct.pack("<II", 5, 13) + bytes(13), 28, "multiple of 4"),
    "ng_length_zero": (SECTION + struct.pack("<II", 5, 0) + bytes(12), 28, "multiple of 4"),
    "ng_lengths_differ": (SECTION + INTERFACE[:-4] + b"\x24\0\0\0", 28, "two lengths differ"),
    "ng_section_short": (block(0x0A0D0D0A, struct.pack("<I", 0x1A2B3C4D)), 8, "shorter than its fields"),
    "ng_interface_short": (SECTION + block(1, b"\1\0\0\0"), 36, "shorter than its fields"),
    "ng_interface_unknown": (SECTION + block(6, bytes(20)), 36, "has not described"),
    "ng_packet_short": (SECTION + INTERFACE + block(6, bytes(16)), 56, "shorter than its fields"),
    "ng_packet_too_long": (
        SECTION + INTERFACE + block(6, struct.pack("<IIIII", 0, 0, 0, 8, 8) + bytes(4)),
        68,
        "claims",
    ),
    "ng_time": (SECTION + INTERFACE + block(6, struct.pack("<IIIII", 0, 1 << 31, 0, 0, 0)), 60, "outside the years"),
    "ng_simple_first": (SECTION + block(3, bytes(4)), 36, "before the first interface"),
    "ng_simple_short": (SECTION + INTERFACE + block(3, b""), 56, "shorter than its fields"),
    "ng_simple_too_long": (SECTION + INTERFACE + block(3, b"\x09\0\0\0abcd"), 56, "claims 9"),
    "ng_option_cut": (SECTION + block(1, bytes(8) + b"\2\0\x09\0abcd"), 44, "option of 9 bytes"),
    "ng_option_stub": (SECTION + INTERFACE + block(6, bytes(20) + b"\1\0\4\0"), 76, "option of 4 bytes"),
    "ng_tsresol_size": (SECTION + block(1, bytes(8) + b"\x09\0\2\0\6\6\0\0"), 48, "if_tsresol"),
    "ng_tsoffset_size": (SECTION + block(1, bytes(8) + b"\x0e\0\4\0\6\6\0\0"), 48, "if_tsoffset"),
}


@pytest.mark.parametrize("name", BAD)
def test_damage_is_named_with_its_place(name: str) -> None:
    data, offset, words = BAD[name]
    with pytest.raises(CaptureError, match=words) as caught:
        parse_capture(data, file="bad.pcap")
    assert caught.value.offset == offset
    assert str(caught.value).startswith(f"bad.pcap: byte {offset}: ")
    assert caught.value.sentence.endswith(".")


@pytest.mark.parametrize("kind", [PcapWriter, PcapngWriter])
def test_every_truncation_keeps_the_packets_before_it(kind: type[PcapWriter] | type[PcapngWriter]) -> None:
    data = capture_bytes(kind)
    whole = list(parse_capture(data))
    fewest = 0
    for size in range(4, len(data)):
        try:
            kept = parse_capture(data[:size], keep_whole=True)
        except CaptureError:
            assert fewest == 0
            continue
        assert list(kept) == whole[: len(kept)]
        assert len(kept) >= fewest
        fewest = len(kept)
        if kept.error is not None:
            with pytest.raises(CaptureError):
                parse_capture(data[:size])
    assert fewest == len(whole) - 1


@pytest.mark.parametrize("kind", [PcapWriter, PcapngWriter])
def test_random_damage_never_does_anything_else(kind: type[PcapWriter] | type[PcapngWriter]) -> None:
    good, draw = capture_bytes(kind), random.Random(1)
    outcomes = {True: 0, False: 0}
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        try:
            capture = parse_capture(bytes(data))
        except CaptureError:
            outcomes[False] += 1
            continue
        outcomes[True] += 1
        for packet in capture:
            assert 0 <= packet.time_ns < 1 << 63
            assert len(packet.data) <= len(data)
    assert min(outcomes.values()) > 0


def test_files_that_cannot_be_opened(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(FileNotFoundError):
        open_capture(tmp_path / "absent.pcap")
    (tmp_path / "empty.pcap").touch()
    with pytest.raises(CaptureError, match="starts with nothing"):
        open_capture(tmp_path / "empty.pcap")
    with pytest.raises(IsADirectoryError):
        open_capture(tmp_path)
