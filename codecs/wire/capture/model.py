"""What a capture is once it is read: an index of packets over the bytes of the file, and its interfaces."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LINK_TYPE_ETHERNET = 1
"""LINKTYPE_ETHERNET of the tcpdump.org registry: the only link type whose frames this project parses."""

CAPTURED_BYTES_MAX = 262_144
"""Largest packet that is believed: libpcap's MAXIMUM_SNAPLEN. A length above it is a damaged file, not a packet."""

NS_PER_SECOND = 1_000_000_000
TIME_NS_END = 1 << 63
"""Times are kept in [0, 2**63) ns since the epoch: the year 2262 ends it."""

PACKET_INDEX = np.dtype(
    [
        ("offset", "<u8"),  # of the packet's first byte in the file
        ("time_ns", "<i8"),  # since the epoch, UTC
        ("captured_bytes", "<u4"),
        ("original_bytes", "<u4"),  # on the wire; larger than captured_bytes where the capture was cut
        ("interface", "<u4"),  # index into Capture.interfaces
        ("flags", "<u4"),  # PACKET_*
    ]
)
"""One packet, 32 bytes. The bytes themselves stay in the file."""

PACKET_WITHOUT_TIME = 1
"""A pcapng Simple Packet Block has no time: the packet was given the time of the one before it."""


class CaptureError(ValueError):
    """A file is not a capture, or is damaged at `offset` (bytes from its start); `sentence` says how."""

    def __init__(self, file: str, offset: int, sentence: str) -> None:
        super().__init__(f"{file}: byte {offset}: {sentence}")
        self.file = file
        self.offset = offset
        self.sentence = sentence


class Interface(NamedTuple):
    """Where packets were captured. Classic pcap has one without a name."""

    name: str
    link_type: int
    snap_bytes: int  # packets longer than this were cut; 0: no limit
    ticks_per_second: int  # resolution of the times in the file
    offset_seconds: int  # what the file says to add to each time; time_ns has it added already


class Packet(NamedTuple):
    """One packet for people and tools; a loop over many takes the index and the bytes instead."""

    time_ns: int
    data: bytes
    original_bytes: int
    interface: int
    comment: str


@dataclass(frozen=True)
class Capture:
    """A capture in memory: `data` the whole file, `packets` a PACKET_INDEX array with one row a packet.

    `comments` maps a packet's row to its pcapng comment. `blocks_skipped` counts pcapng blocks that hold no packet
    and no interface. `error` is what ended the file early, where the reader was told to keep what came before it.
    """

    file: str
    data: bytes | mmap.mmap
    packets: NDArray[np.void]
    interfaces: tuple[Interface, ...]
    comments: dict[int, str] = field(default_factory=dict)
    blocks_skipped: int = 0
    error: CaptureError | None = None

    def __len__(self) -> int:
        return len(self.packets)

    def __iter__(self) -> Iterator[Packet]:
        data, comment_of = self.data, self.comments.get
        rows = zip(*(self.packets[name].tolist() for name in PACKET_INDEX.names or ()), strict=True)
        for row, (offset, time_ns, captured_bytes, original_bytes, interface, _flags) in enumerate(rows):
            frame = data[offset : offset + captured_bytes]
            yield Packet(time_ns, frame, original_bytes, interface, comment_of(row, ""))

    def frame(self, row: int) -> bytes:
        """The captured bytes of packet `row`."""
        offset = int(self.packets[row]["offset"])
        return self.data[offset : offset + int(self.packets[row]["captured_bytes"])]
