"""The capture reader and writer against independent witnesses: scapy, tshark, capinfos."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from wire.capture import Capture, PcapngWriter, PcapWriter, create_capture, open_capture, parse_capture
from wire.capture.model import PACKET_WITHOUT_TIME

FRAMES = [(1_767_603_600_123_456_789 + 1001 * n, bytes((n,)) * (14 + n)) for n in range(5)]


def classic(**options: object) -> bytes:
    stream = io.BytesIO()
    writer = PcapWriter(stream, **options)  # type: ignore[arg-type]
    for time_ns, frame in FRAMES:
        writer.write(time_ns, frame)
    return stream.getvalue()


def pcapng() -> bytes:
    stream = io.BytesIO()
    writer = PcapngWriter(stream, interfaces=("left", "right"))
    for row, (time_ns, frame) in enumerate(FRAMES):
        writer.write(time_ns, frame, interface=row % 2, comment=f"packet {row}" if row % 2 else "")
    return stream.getvalue()


def seen(capture: Capture) -> list[tuple[int, bytes]]:
    return [(packet.time_ns, packet.data) for packet in capture]


@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_classic_round_trip(byte_order: str) -> None:
    exact = parse_capture(classic(byte_order=byte_order))
    assert seen(exact) == FRAMES
    assert exact.interfaces[0].link_type == 1
    assert [exact.frame(row) for row in range(len(exact))] == [frame for _, frame in FRAMES]
    cut = parse_capture(classic(byte_order=byte_order, nanoseconds=False))
    assert seen(cut) == [(time_ns // 1000 * 1000, frame) for time_ns, frame in FRAMES]


def test_pcapng_round_trip() -> None:
    capture = parse_capture(pcapng())
    assert seen(capture) == FRAMES
    assert [interface.name for interface in capture.interfaces] == ["left", "right"]
    assert [packet.interface for packet in capture] == [0, 1, 0, 1, 0]
    assert capture.comments == {1: "packet 1", 3: "packet 3"}
    assert [packet.comment for packet in capture] == ["", "packet 1", "", "packet 3", ""]


def block(kind: int, body: bytes, order: str) -> bytes:
    length = len(body) + 12
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_that_others_write(order: str) -> None:
    """Resolutions in powers of ten and of two, offsets, simple and obsolete packets, unknown blocks, two sections."""

    def option(code: int, value: bytes) -> bytes:
        return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)

    def interface(snap_bytes: int, *options: bytes) -> bytes:
        return block(1, struct.pack(order + "HHI", 1, 0, snap_bytes) + b"".join(options), order)

    def enhanced(number: int, ticks: int, data: bytes) -> bytes:
        fields = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), 100)
        return block(6, fields + data + bytes(-len(data) % 4), order)

    section = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    first = (
        section
        + interface(0)  # microseconds unless told
        + interface(64, option(9, b"\x8a"), option(14, struct.pack(order + "q", 1000)))  # 2**-10 s
        + interface(0, option(2, b"ps0"), option(9, b"\x0c"))  # picoseconds
        + block(0xBAD, b"what is this", order)
        + enhanced(0, 5_000_001, b"abcde")
        + enhanced(1, 3 * 1024 + 512, b"fgh")
        + enhanced(2, 7_000_000_000_999, b"i")
        + block(3, struct.pack(order + "I", 6) + b"simple\0\0", order)
        + block(2, struct.pack(order + "HHIIII", 1, 9, 0, 1024, 4, 4) + b"obso", order)
    )
    second = section + interface(0, option(9, b"\x09")) + enhanced(0, 42, b"z")
    capture = parse_capture(first + second)
    assert seen(capture) == [
        (5_000_001_000, b"abcde"),
        (1_003_500_000_000, b"fgh"),
        (7_000_000_000, b"i"),
        (7_000_000_000, b"simple"),
        (1_001_000_000_000, b"obso"),
        (42, b"z"),
    ]
    assert capture.packets["flags"].tolist() == [0, 0, 0, PACKET_WITHOUT_TIME, 0, 0]
    assert capture.packets["interface"].tolist() == [0, 1, 2, 0, 1, 3]
    assert capture.packets["original_bytes"].tolist() == [100, 100, 100, 6, 4, 100]
    assert capture.blocks_skipped == 1
    assert capture.interfaces[2].name == "ps0"


def test_scapy_reads_what_we_write(tmp_path: Path) -> None:
    utils = pytest.importorskip("scapy.utils")
    for name, data in (("a.pcap", classic()), ("b.pcap", classic(byte_order="big")), ("c.pcapng", pcapng())):
        path = tmp_path / name
        path.write_bytes(data)
        found = []
        with utils.RawPcapReader(str(path)) as reader:
            for frame, metadata in reader:
                if name.endswith("ng"):
                    found.append(((metadata.tshigh << 32) | metadata.tslow, frame))
                    assert metadata.tsresol == 1_000_000_000
                else:
                    found.append((metadata.sec * 1_000_000_000 + metadata.usec, frame))
        assert found == FRAMES, name


def test_we_read_what_scapy_writes(tmp_path: Path) -> None:
    utils = pytest.importorskip("scapy.utils")
    packet = pytest.importorskip("scapy.packet")
    for name, nano, endianness in (("a.pcap", True, "<"), ("b.pcap", False, ">")):
        with utils.RawPcapWriter(str(tmp_path / name), linktype=1, nano=nano, endianness=endianness) as writer:
            writer.write_header(None)
            for time_ns, frame in FRAMES:
                fraction = time_ns % 1_000_000_000
                writer.write_packet(frame, sec=time_ns // 1_000_000_000, usec=fraction if nano else fraction // 1000)
        unit = 1 if nano else 1000
        assert seen(open_capture(tmp_path / name)) == [(t // unit * unit, frame) for t, frame in FRAMES]
    with utils.PcapNgWriter(str(tmp_path / "c.pcapng")) as writer:
        for _time_ns, frame in FRAMES:
            writer.write(packet.Raw(frame))
    assert [data for _, data in seen(open_capture(tmp_path / "c.pcapng"))] == [frame for _, frame in FRAMES]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_agrees(tmp_path: Path) -> None:
    path = tmp_path / "c.pcapng"
    path.write_bytes(pcapng())
    fields = ["frame.time_epoch", "frame.cap_len", "frame.interface_name", "frame.comment"]
    words = [word for name in fields for word in ("-e", name)]
    run = subprocess.run(
        ["tshark", "-r", str(path), "-T", "fields", *words], capture_output=True, text=True, check=True, timeout=60
    )
    expected = []
    for row, (time_ns, frame) in enumerate(FRAMES):
        seconds, rest_ns = divmod(time_ns, 1_000_000_000)
        comment = f"packet {row}" if row % 2 else ""
        expected.append(f"{seconds}.{rest_ns:09d}\t{len(frame)}\t{('left', 'right')[row % 2]}\t{comment}")
    assert [line.rstrip("\n") for line in run.stdout.splitlines()] == expected


@pytest.mark.skipif(shutil.which("capinfos") is None, reason="capinfos is not installed")
@pytest.mark.parametrize("suffix", [".pcap", ".pcapng"])
def test_capinfos_agrees(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"c{suffix}"
    with create_capture(path) as writer:
        for time_ns, frame in FRAMES:
            writer.write(time_ns, frame)
    run = subprocess.run(["capinfos", "-TcdDr", str(path)], capture_output=True, text=True, check=True, timeout=60)
    assert f"\t{len(FRAMES)}\t" in run.stdout + "\t"
    assert str(sum(len(frame) for _, frame in FRAMES)) in run.stdout


def test_a_capture_takes_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.pcap"
    path.write_bytes(b"older")
    with pytest.raises(ValueError, match="cannot hold"), create_capture(path) as writer:
        writer.write(-1, b"x")
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]
    with create_capture(path) as writer:
        writer.write(7, b"x")
    assert seen(open_capture(path)) == [(7, b"x")]


def test_a_device_is_written_to_and_not_replaced() -> None:
    with create_capture("/dev/null") as writer:
        writer.write(0, b"x")
    assert not Path("/dev/null").is_file()


def test_writers_refuse_what_the_formats_cannot_hold() -> None:
    for writer in (PcapWriter(io.BytesIO()), PcapngWriter(io.BytesIO())):
        with pytest.raises(ValueError, match="cannot hold"):
            writer.write(-1, b"")
        with pytest.raises(ValueError, match="cannot hold"):
            writer.write(0, bytes(262_145))
        with pytest.raises(ValueError, match=r"[Ii]nterface"):
            writer.write(0, b"", interface=5)
    with pytest.raises(ValueError, match="cannot hold"):
        PcapWriter(io.BytesIO()).write(1 << 62, b"")
    with pytest.raises(ValueError, match="at least one interface"):
        PcapngWriter(io.BytesIO(), interfaces=())
    with pytest.raises(ValueError, match="comment"):
        PcapngWriter(io.BytesIO()).write(0, b"", comment="x" * 65536)
