"""pcapng: a chain of blocks, each with its type and its length before and after its body.

Source: draft-ietf-opsawg-pcapng. Read: section headers (either byte order, several in a file), interface
descriptions with if_name, if_tsresol and if_tsoffset, enhanced, simple and obsolete packet blocks, packet comments;
other blocks are stepped over and counted. Written: one little-endian section, interfaces with nanosecond times.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np

from wire.capture.model import (
    CAPTURED_BYTES_MAX,
    LINK_TYPE_ETHERNET,
    NS_PER_SECOND,
    PACKET_INDEX,
    PACKET_WITHOUT_TIME,
    TIME_NS_END,
    Capture,
    CaptureError,
    Interface,
)

BLOCK_SECTION_HEADER = 0x0A0D0D0A
"""Reads the same in both byte orders."""
BLOCK_INTERFACE = 1
BLOCK_OBSOLETE_PACKET = 2
BLOCK_SIMPLE_PACKET = 3
BLOCK_ENHANCED_PACKET = 6
BYTE_ORDER_MAGIC = 0x1A2B3C4D
SECTION_LENGTH_UNKNOWN = -1

OPTION_END = 0
OPTION_COMMENT = 1
OPTION_IF_NAME = 2
OPTION_IF_TSRESOL = 9
OPTION_IF_TSOFFSET = 14

BLOCK_FRAME_BYTES = 12
"""Type, length and length again."""
PACKET_FIXED_BYTES = 20
"""Interface, time (high, low), captured and original length: the same size in both kinds of packet block."""


def is_pcapng(data: bytes | mmap.mmap) -> bool:
    """Whether the file starts with a section header block."""
    return data[:4] == struct.pack("<I", BLOCK_SECTION_HEADER)


def index_pcapng(file: str, data: bytes | mmap.mmap, *, keep_whole: bool = False) -> Capture:
    """The index of a pcapng file. `keep_whole`: at damage, keep the packets before it and set `error`.

    Interfaces of several sections are numbered through. Raises CaptureError.
    """
    reader = _Reader(file, data)
    try:
        reader.read()
    except CaptureError as error:
        if not keep_whole:
            raise
        return reader.capture(error)
    return reader.capture(None)


class _Reader:
    """Walks the blocks once; the state of the section (byte order, first interface) is all that it carries."""

    def __init__(self, file: str, data: bytes | mmap.mmap) -> None:
        self.file = file
        self.data = data
        self.interfaces: list[Interface] = []
        self.rows: list[tuple[int, int, int, int, int, int]] = []
        self.comments: dict[int, str] = {}
        self.blocks_skipped = 0
        self.order = "<"
        self.section_interface = 0
        self.last_time_ns = 0
        self.packet_fields = struct.Struct("<IIIII")

    def capture(self, error: CaptureError | None) -> Capture:
        packets = np.array(self.rows, dtype=PACKET_INDEX)
        return Capture(self.file, self.data, packets, tuple(self.interfaces), self.comments, self.blocks_skipped, error)

    def fail(self, offset: int, sentence: str) -> CaptureError:
        return CaptureError(self.file, offset, sentence)

    def read(self) -> None:
        data, end, at = self.data, len(self.data), 0
        head, tail = struct.Struct("<II"), struct.Struct("<I")
        while at < end:
            if end - at < BLOCK_FRAME_BYTES:
                raise self.fail(at, f"The file ends inside a block ({end - at} bytes of it are there).")
            kind, length = head.unpack_from(data, at)
            if kind == BLOCK_SECTION_HEADER:
                self._section_order(at)
                head, tail = struct.Struct(self.order + "II"), struct.Struct(self.order + "I")
                length = head.unpack_from(data, at)[1]
            if length < BLOCK_FRAME_BYTES or length % 4:
                raise self.fail(at, f"A block's length is {length}: it must be a multiple of 4 and 12 or more.")
            if length > end - at:
                raise self.fail(at, f"The file ends inside a block: {length} bytes are announced, {end - at} are left.")
            if tail.unpack_from(data, at + length - 4)[0] != length:
                raise self.fail(at, f"A block's two lengths differ ({length} before its body).")
            body, body_end = at + 8, at + length - 4
            if kind in (BLOCK_ENHANCED_PACKET, BLOCK_OBSOLETE_PACKET):
                self._packet(kind, body, body_end)
            elif kind == BLOCK_SIMPLE_PACKET:
                self._simple_packet(body, body_end)
            elif kind == BLOCK_INTERFACE:
                self._interface(body, body_end)
            elif kind == BLOCK_SECTION_HEADER:
                self._section(body, body_end)
            else:
                self.blocks_skipped += 1
            at += length

    def _section_order(self, at: int) -> None:
        magic = self.data[at + 8 : at + 12]
        for order in "<>":
            if magic == struct.pack(order + "I", BYTE_ORDER_MAGIC):
                self.order = order
                return
        raise self.fail(at + 8, f"The byte-order magic of a section is {magic.hex()}, which is neither order.")

    def _section(self, body: int, body_end: int) -> None:
        if body_end - body < 16:
            raise self.fail(body, "A section header is shorter than its fields.")
        major, minor = struct.unpack_from(self.order + "HH", self.data, body + 4)
        if major != 1:
            raise self.fail(body + 4, f"pcapng version {major}.{minor} is not known, only 1.x.")
        self.section_interface = len(self.interfaces)
        self.packet_fields = struct.Struct(self.order + "IIIII")

    def _options(self, at: int, end: int) -> Iterator[tuple[int, int, int]]:
        """(code, offset, length) of each option in [at, end)."""
        while at < end:
            if end - at < 4:
                raise self.fail(at, "A block ends inside the header of an option.")
            code, length = struct.unpack_from(self.order + "HH", self.data, at)
            if code == OPTION_END:
                return
            at += 4
            if length > end - at:
                raise self.fail(at - 4, f"An option of {length} bytes does not fit its block.")
            yield code, at, length
            at += length + -length % 4

    def _interface(self, body: int, body_end: int) -> None:
        if body_end - body < 8:
            raise self.fail(body, "An interface description is shorter than its fields.")
        link_type, _reserved, snap_bytes = struct.unpack_from(self.order + "HHI", self.data, body)
        name, ticks_per_second, offset_seconds = "", 1_000_000, 0
        for code, at, length in self._options(body + 8, body_end):
            if code == OPTION_IF_NAME:
                name = self.data[at : at + length].decode("utf-8", "replace").rstrip("\0")
            elif code == OPTION_IF_TSRESOL:
                if length != 1:
                    raise self.fail(at, f"if_tsresol has {length} bytes instead of 1.")
                exponent = self.data[at]
                ticks_per_second = 1 << (exponent & 0x7F) if exponent & 0x80 else 10**exponent
            elif code == OPTION_IF_TSOFFSET:
                if length != 8:
                    raise self.fail(at, f"if_tsoffset has {length} bytes instead of 8.")
                (offset_seconds,) = struct.unpack_from(self.order + "q", self.data, at)
        self.interfaces.append(Interface(name, link_type, snap_bytes, ticks_per_second, offset_seconds))

    def _packet(self, kind: int, body: int, body_end: int) -> None:
        if body_end - body < PACKET_FIXED_BYTES:
            raise self.fail(body, "A packet block is shorter than its fields.")
        interface, high, low, captured_bytes, original_bytes = self.packet_fields.unpack_from(self.data, body)
        if kind == BLOCK_OBSOLETE_PACKET:  # two bytes of interface, two of drops
            (interface,) = struct.unpack_from(self.order + "H", self.data, body)
        interface += self.section_interface
        if interface >= len(self.interfaces):
            raise self.fail(body, "A packet names an interface that its section has not described.")
        offset = body + PACKET_FIXED_BYTES
        if captured_bytes > CAPTURED_BYTES_MAX or captured_bytes > body_end - offset:
            raise self.fail(body + 12, f"A packet claims {captured_bytes} bytes, which its block cannot hold.")
        time_ns = (high << 32) | low
        described = self.interfaces[interface]
        if described.ticks_per_second != NS_PER_SECOND or described.offset_seconds:
            time_ns = time_ns * NS_PER_SECOND // described.ticks_per_second + described.offset_seconds * NS_PER_SECOND
        if not 0 <= time_ns < TIME_NS_END:
            raise self.fail(body + 4, f"A packet's time is {time_ns} ns, outside the years 1970 to 2262.")
        options = offset + captured_bytes + -captured_bytes % 4
        if options < body_end:
            texts = [
                self.data[at : at + length].decode("utf-8", "replace")
                for code, at, length in self._options(options, body_end)
                if code == OPTION_COMMENT
            ]
            if texts:
                self.comments[len(self.rows)] = "\n".join(texts)
        self.last_time_ns = time_ns
        self.rows.append((offset, time_ns, captured_bytes, original_bytes, interface, 0))

    def _simple_packet(self, body: int, body_end: int) -> None:
        interface = self.section_interface
        if interface >= len(self.interfaces):
            raise self.fail(body, "A simple packet comes before the first interface of its section.")
        if body_end - body < 4:
            raise self.fail(body, "A simple packet block is shorter than its fields.")
        (original_bytes,) = struct.unpack_from(self.order + "I", self.data, body)
        captured_bytes = min(original_bytes, self.interfaces[interface].snap_bytes or original_bytes)
        offset = body + 4
        if captured_bytes > CAPTURED_BYTES_MAX or captured_bytes > body_end - offset:
            raise self.fail(body, f"A packet claims {captured_bytes} bytes, which its block cannot hold.")
        self.rows.append((offset, self.last_time_ns, captured_bytes, original_bytes, interface, PACKET_WITHOUT_TIME))


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


_OPTIONS_END = _option(OPTION_END, b"")


class PcapngWriter:
    """Writes one pcapng section with nanosecond times to a binary stream; packets may carry a comment each."""

    def __init__(
        self, stream: BinaryIO, *, interfaces: Sequence[str] = ("pitwire0",), link_type: int = LINK_TYPE_ETHERNET
    ) -> None:
        if not interfaces:
            raise ValueError("A pcapng file needs at least one interface.")
        self._stream = stream
        self._interfaces_count = len(interfaces)
        self._pack_head = struct.Struct("<IIIIIII").pack
        self._block(
            BLOCK_SECTION_HEADER,
            struct.pack("<IHHq", BYTE_ORDER_MAGIC, 1, 0, SECTION_LENGTH_UNKNOWN),
        )
        for name in interfaces:
            options = _option(OPTION_IF_NAME, name.encode()) + _option(OPTION_IF_TSRESOL, b"\x09") + _OPTIONS_END
            self._block(BLOCK_INTERFACE, struct.pack("<HHI", link_type, 0, CAPTURED_BYTES_MAX) + options)

    def _block(self, kind: int, body: bytes) -> None:
        length = len(body) + BLOCK_FRAME_BYTES
        self._stream.write(struct.pack("<II", kind, length) + body + struct.pack("<I", length))

    def write(
        self, time_ns: int, frame: bytes, *, original_bytes: int | None = None, interface: int = 0, comment: str = ""
    ) -> None:
        """Append one packet. Raises ValueError for a time, length, interface or comment that the format cannot hold."""
        captured_bytes = len(frame)
        if not 0 <= time_ns < TIME_NS_END or captured_bytes > CAPTURED_BYTES_MAX:
            raise ValueError(f"pcapng cannot hold time {time_ns} ns with {captured_bytes} bytes.")
        if not 0 <= interface < self._interfaces_count:
            raise ValueError(f"Interface {interface} was not described; there are {self._interfaces_count}.")
        options = b""
        if comment:
            text = comment.encode()
            if len(text) > 0xFFFF:
                raise ValueError(f"A comment of {len(text)} bytes is longer than an option can be.")
            options = _option(OPTION_COMMENT, text) + _OPTIONS_END
        tail = bytes(-captured_bytes % 4) + options
        length = BLOCK_FRAME_BYTES + PACKET_FIXED_BYTES + captured_bytes + len(tail)
        original = captured_bytes if original_bytes is None else original_bytes
        head = self._pack_head(
            BLOCK_ENHANCED_PACKET, length, interface, time_ns >> 32, time_ns & 0xFFFFFFFF, captured_bytes, original
        )
        self._stream.write(head + frame + tail + length.to_bytes(4, "little"))
