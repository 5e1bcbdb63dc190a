"""Captures of every dialect, made here byte by byte and by scapy's writers, read by the pcap port."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from native import codes, layout
from native.ports import Port, PortConfig, open_port
from tests.port_rigs import Hand, bytes_of

FRAMES = [bytes([i]) * (60 + i) for i in range(1, 6)]
TIMES_NS = [1_558_591_200_000_001_000 + i * 1_000_000_007 for i in range(5)]


def read_all(port: Port) -> tuple[list[bytes], list[int], int]:
    """Frames, times and the code that ended the reading."""
    hand = Hand(port)
    frames: list[bytes] = []
    times: list[int] = []
    while True:
        descs = hand.receive(2)
        if not len(descs):
            break
        assert all(descs["flags"] & layout.PKT_CLOCK_MASK == layout.PKT_CLOCK_FILE)
        frames += [bytes_of(desc) for desc in descs]
        times += [int(desc["ts_ns"]) for desc in descs]
        hand.release(descs)
    stats = port.stats()
    assert stats["end_of_input"] == 1
    assert stats["rx_frames"] == len(frames)
    return frames, times, codes.ERROR_FORMAT if stats["rx_format_errors"] else codes.ERROR_END_OF_INPUT


def read_file(path: Path, data: bytes) -> tuple[list[bytes], list[int], int]:
    path.write_bytes(data)
    with open_port(PortConfig("pcap", in_path=str(path))) as port:
        return read_all(port)


def classic(order: str, nanoseconds: bool, frames: list[bytes] = FRAMES, linktype: int = 1) -> bytes:
    unit = 1 if nanoseconds else 1000
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    data = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, linktype)
    for frame, time_ns in zip(frames, TIMES_NS, strict=False):
        seconds, rest_ns = divmod(time_ns, 1_000_000_000)
        data += struct.pack(order + "IIII", seconds, rest_ns // unit, len(frame), len(frame) + 3) + frame
    return data


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_classic_captures_in_both_orders_and_units(order: str, nanoseconds: bool, tmp_path: Path) -> None:
    frames, times, end = read_file(tmp_path / "a.pcap", classic(order, nanoseconds))
    assert frames == FRAMES
    assert times == [time_ns if nanoseconds else time_ns // 1000 * 1000 for time_ns in TIMES_NS]
    assert end == codes.ERROR_END_OF_INPUT


def test_the_upper_half_of_the_link_type_tells_of_the_fcs(tmp_path: Path) -> None:
    for order in "<>":
        frames, _, _ = read_file(tmp_path / "a.pcap", classic(order, True, linktype=0x24000001))
        assert frames == FRAMES


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def section(order: str) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(order: str, *options: bytes, linktype: int = 1, snap: int = 0) -> bytes:
    return block(order, 1, struct.pack(order + "HHI", linktype, 0, snap) + b"".join(options))


def enhanced(order: str, number: int, ticks: int, frame: bytes) -> bytes:
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(order, 6, head + frame + bytes(-len(frame) % 4) + option(order, 1, b"a comment") + bytes(4))


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_interfaces_have_their_own_clocks(order: str, tmp_path: Path) -> None:
    data = section(order)
    data += interface(order)  # microseconds
    data += interface(order, option(order, 2, b"eth0"), option(order, 9, b"\x09"), bytes(4))
    data += block(order, 0x0BAD, b"unknown")
    data += interface(order, option(order, 9, b"\xa0"))  # units of 2^-32 s
    data += interface(order, option(order, 14, struct.pack(order + "q", 1000)), option(order, 9, b"\x00"))
    data += enhanced(order, 0, 1_500_000, FRAMES[0])
    data += enhanced(order, 1, TIMES_NS[1], FRAMES[1])
    data += block(order, 5, bytes(12))  # interface statistics
    data += enhanced(order, 2, 5 << 31, FRAMES[2])
    data += enhanced(order, 3, 7, FRAMES[3])
    data += block(order, 3, struct.pack(order + "I", len(FRAMES[4])) + FRAMES[4])  # simple: no time of its own
    path = tmp_path / "a.pcapng"
    path.write_bytes(data)
    with open_port(PortConfig("pcap", in_path=str(path))) as port:
        frames, times, end = read_all(port)
        assert port.stats()["rx_skipped"] == 2
        assert "pcapng" in port.describe()
    assert frames == FRAMES
    assert times == [1_500_000_000, TIMES_NS[1], 2_500_000_000, 1007_000_000_000, 1007_000_000_000]
    assert end == codes.ERROR_END_OF_INPUT


def test_pcapng_sections_may_change_the_byte_order(tmp_path: Path) -> None:
    data = b""
    for order, frame in zip("<><", FRAMES, strict=False):
        data += section(order) + interface(order, option(order, 9, b"\x09")) + enhanced(order, 0, 5, frame)
    frames, times, end = read_file(tmp_path / "a.pcapng", data)
    assert frames == FRAMES[:3]
    assert times == [5, 5, 5]
    assert end == codes.ERROR_END_OF_INPUT


def test_pcapng_negative_offset_and_snap_length_of_simple_packets(tmp_path: Path) -> None:
    data = section("<") + interface("<", option("<", 14, struct.pack("<q", -2)), snap=40)
    data += enhanced("<", 0, 3_000_000, FRAMES[0])
    data += block("<", 3, struct.pack("<I", 1000) + b"s" * 40)  # 1000 on the wire, 40 kept
    frames, times, _ = read_file(tmp_path / "a.pcapng", data)
    assert frames == [FRAMES[0], b"s" * 40]
    assert times == [1_000_000_000] * 2


def test_pcapng_obsolete_packet_block(tmp_path: Path) -> None:
    head = struct.pack("<HHIIII", 0, 0, 0, 9, len(FRAMES[0]), len(FRAMES[0]))
    data = section("<") + interface("<") + block("<", 2, head + FRAMES[0])
    assert read_file(tmp_path / "a.pcapng", data)[:2] == ([FRAMES[0]], [9000])


@pytest.mark.parametrize("writer", ["RawPcapWriter", "RawPcapWriter-nano", "PcapNgWriter"])
def test_what_scapy_writes_is_read(writer: str, tmp_path: Path) -> None:
    scapy = pytest.importorskip("scapy.utils")
    from scapy.layers.l2 import Ether

    path = str(tmp_path / "scapy.cap")
    packets = [Ether(frame) for frame in FRAMES]
    for packet, time_ns in zip(packets, TIMES_NS, strict=True):
        packet.time = time_ns // 1_000_000_000 + 0.5
    if writer == "PcapNgWriter":
        out: Any = scapy.PcapNgWriter(path)
    else:
        out = scapy.PcapWriter(path, nano=writer.endswith("nano"), linktype=1)
    out.write(packets)
    out.close()
    with open_port(PortConfig("pcap", in_path=path)) as port:
        frames, times, end = read_all(port)
    assert frames == FRAMES
    assert times == [time_ns // 1_000_000_000 * 1_000_000_000 + 500_000_000 for time_ns in TIMES_NS]
    assert end == codes.ERROR_END_OF_INPUT


def test_what_is_written_has_the_times_that_were_asked_and_no_others(tmp_path: Path) -> None:
    """The whole file, byte by byte: nothing of the host or the day is in it."""
    path = tmp_path / "out.pcap"
    with open_port(PortConfig("pcap", out_path=str(path))) as port:
        hand = Hand(port)
        for frame, time_ns in zip(FRAMES, TIMES_NS, strict=True):
            hand.send([frame], ts_ns=time_ns)
    data = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)
    for frame, time_ns in zip(FRAMES, TIMES_NS, strict=True):
        data += struct.pack("<IIII", *divmod(time_ns, 1_000_000_000), len(frame), len(frame)) + frame
    assert path.read_bytes() == data


def test_what_is_written_can_be_read_back(tmp_path: Path) -> None:
    path = tmp_path / "out.pcap"
    frames = [bytes([i & 255]) * 1500 for i in range(400)]  # more than the writer's room
    with open_port(PortConfig("pcap", out_path=str(path))) as port:
        Hand(port).send(frames, ts_ns=17)
    with open_port(PortConfig("pcap", in_path=str(path))) as port:
        assert read_all(port) == (frames, [17] * 400, codes.ERROR_END_OF_INPUT)


def test_checksums_are_called_complete_only_when_the_configuration_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(classic("<", True))
    for complete in (False, True):
        with open_port(PortConfig("pcap", in_path=str(path), udp_checksum_complete=complete)) as port:
            flags = int(Hand(port).receive()[0]["flags"])
            assert bool(flags & layout.PKT_UDP_CHECKSUM_COMPLETE) == complete


def test_a_capture_without_packets_ends_at_once(tmp_path: Path) -> None:
    for data in (classic("<", True, []), section("<"), section(">") + interface(">")):
        assert read_file(tmp_path / "a.pcap", data) == ([], [], codes.ERROR_END_OF_INPUT)


def test_frames_longer_than_a_buffer_are_counted_and_passed_over(tmp_path: Path) -> None:
    frames = [FRAMES[0], b"j" * 9000, FRAMES[1]]
    path = tmp_path / "a.pcap"
    path.write_bytes(classic("<", True, frames))
    with open_port(PortConfig("pcap", in_path=str(path))) as port:
        assert read_all(port)[0] == [FRAMES[0], FRAMES[1]]
        assert port.stats()["rx_too_long"] == 1
