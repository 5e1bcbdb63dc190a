"""Classic pcap: a 24-byte header, then a 16-byte header before each packet.

Source: draft-ietf-opsawg-pcap. The magic number tells the byte order and whether fractions of a second are micro- or
nanoseconds.
"""

from __future__ import annotations

import mmap
import struct
from typing import BinaryIO, Literal

import numpy as np

from wire.capture.model import (
    CAPTURED_BYTES_MAX,
    LINK_TYPE_ETHERNET,
    NS_PER_SECOND,
    PACKET_INDEX,
    Capture,
    CaptureError,
    Interface,
)

MAGIC_MICROSECONDS = 0xA1B2C3D4
MAGIC_NANOSECONDS = 0xA1B23C4D
FILE_HEADER_BYTES = 24
PACKET_HEADER_BYTES = 16
LINK_TYPE_MASK = 0x0FFFFFFF
"""The four high bits of the link-type word tell the length of a frame check sequence."""

_SECONDS_MAX = (1 << 32) - 1

_VARIANTS: dict[bytes, tuple[str, int]] = {
    struct.pack(order + "I", magic): (order, fractions_per_second)
    for order in "<>"
    for magic, fractions_per_second in ((MAGIC_MICROSECONDS, 1_000_000), (MAGIC_NANOSECONDS, NS_PER_SECOND))
}


def is_classic(data: bytes | mmap.mmap) -> bool:
    """Whether the file starts with a pcap magic number, in either byte order."""
    return data[:4] in _VARIANTS


def index_classic(file: str, data: bytes | mmap.mmap, *, keep_whole: bool = False) -> Capture:
    """The index of a classic pcap file. `keep_whole`: at damage, keep the packets before it and set `error`.

    Raises CaptureError.
    """
    order, fractions_per_second = _VARIANTS[data[:4]]
    end = len(data)
    if end < FILE_HEADER_BYTES:
        raise CaptureError(file, end, f"The file header has {FILE_HEADER_BYTES} bytes, the file {end}.")
    major, minor, _zone, _accuracy, snap_bytes, link_word = struct.unpack_from(order + "HHiIII", data, 4)
    if major != 2:
        raise CaptureError(file, 4, f"pcap version {major}.{minor} is not known, only 2.x.")
    interface = Interface("", link_word & LINK_TYPE_MASK, snap_bytes, fractions_per_second, 0)

    unpack = struct.Struct(order + "IIII").unpack_from
    rows: list[tuple[int, int, int, int, int]] = []
    append = rows.append
    error: CaptureError | None = None
    at = FILE_HEADER_BYTES
    while at < end:
        if end - at < PACKET_HEADER_BYTES:
            error = CaptureError(file, at, f"The file ends inside a packet header ({end - at} bytes of it are there).")
            break
        seconds, fraction, captured_bytes, original_bytes = unpack(data, at)
        offset = at + PACKET_HEADER_BYTES
        at = offset + captured_bytes
        if captured_bytes > CAPTURED_BYTES_MAX or at > end or fraction >= fractions_per_second:
            at = offset - PACKET_HEADER_BYTES
            error = CaptureError(file, at, _defect(end - offset, captured_bytes, fraction, fractions_per_second))
            break
        append((offset, seconds, fraction, captured_bytes, original_bytes))
    if error is not None and not keep_whole:
        raise error

    columns = np.array(rows, dtype=np.int64).reshape(len(rows), 5)
    packets = np.zeros(len(rows), dtype=PACKET_INDEX)
    packets["offset"] = columns[:, 0]
    packets["time_ns"] = columns[:, 1] * NS_PER_SECOND + columns[:, 2] * (NS_PER_SECOND // fractions_per_second)
    packets["captured_bytes"] = columns[:, 3]
    packets["original_bytes"] = columns[:, 4]
    return Capture(file, data, packets, (interface,), error=error)


def _defect(bytes_left: int, captured_bytes: int, fraction: int, fractions_per_second: int) -> str:
    if captured_bytes > CAPTURED_BYTES_MAX:
        return f"A packet claims {captured_bytes} bytes; more than {CAPTURED_BYTES_MAX} is damage."
    if captured_bytes > bytes_left:
        return f"The file ends inside a packet: {captured_bytes} bytes are announced, {bytes_left} are there."
    return f"A packet's fraction of a second is {fraction} of {fractions_per_second}."


class PcapWriter:
    """Writes classic pcap to a binary stream: nanoseconds unless told otherwise, little-endian unless told."""

    def __init__(
        self,
        stream: BinaryIO,
        *,
        nanoseconds: bool = True,
        byte_order: Literal["little", "big"] = "little",
        link_type: int = LINK_TYPE_ETHERNET,
        snap_bytes: int = CAPTURED_BYTES_MAX,
    ) -> None:
        order = "<" if byte_order == "little" else ">"
        magic = MAGIC_NANOSECONDS if nanoseconds else MAGIC_MICROSECONDS
        self._stream = stream
        self._pack = struct.Struct(order + "IIII").pack
        self._ns_per_fraction = 1 if nanoseconds else 1000
        stream.write(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap_bytes, link_type))

    def write(
        self, time_ns: int, frame: bytes, *, original_bytes: int | None = None, interface: int = 0, comment: str = ""
    ) -> None:
        """Append one packet; below the file's resolution time is cut. The format has no interfaces and no comments.

        Raises ValueError for a time outside 1970..2106, a frame above CAPTURED_BYTES_MAX or an interface not 0.
        """
        seconds, rest_ns = divmod(time_ns, NS_PER_SECOND)
        captured_bytes = len(frame)
        if not 0 <= seconds <= _SECONDS_MAX or captured_bytes > CAPTURED_BYTES_MAX or interface:
            raise ValueError(f"pcap cannot hold time {time_ns} ns, {captured_bytes} bytes, interface {interface}.")
        original = captured_bytes if original_bytes is None else original_bytes
        self._stream.write(self._pack(seconds, rest_ns // self._ns_per_fraction, captured_bytes, original) + frame)
