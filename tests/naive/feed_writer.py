"""A feed store writer and market data messages in plain Python, for tests. The kernel's publisher is another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from native.layout import FEED_ENTRY, FEED_FORMAT_VERSION, FEED_HEADER, FEED_MAGIC
from wire.blocks import schema
from wire.framing import packets

MARKET_DATA = schema("market_data")
TOPIC_SESSION_ID = bytes(range(16))


def message(name: str, **values: Any) -> bytes:
    """One frame: frameHeader, messageHeader, block, padding."""
    return packets.frame(MARKET_DATA.encode(name, **values))


def packet(sequence: int, frames: list[bytes], *, epoch: int = 1, channel_id: int = 1, time_ns: int = 0) -> bytes:
    """An incremental packet of `frames`; without frames a heartbeat."""
    header = packets.PacketHeader(time_ns, sequence, channel_id, packets.FLAG_INCREMENTAL, len(frames), epoch)
    return packets.pack_header(header) + b"".join(frames)


def deletes(first: int, count: int) -> list[bytes]:
    """`count` different small messages, numbered from `first` in their OrderId."""
    return [message("OrderDelete", InstrumentId=1, InstrSeqNum=n, OrderId=n) for n in range(first, first + count)]


class FeedWriter:
    """Writes a feed store file as the publisher does: entry first, committed_bytes last."""

    def __init__(self, path: Path, *, capacity_bytes: int = 1 << 20, epoch: int = 1, channel_id: int = 1) -> None:
        self.path = path
        self._file = np.memmap(path, dtype=np.uint8, mode="w+", shape=(FEED_HEADER.itemsize + capacity_bytes,))
        self.header = self._file[: FEED_HEADER.itemsize].view(FEED_HEADER)
        self._entries = self._file[FEED_HEADER.itemsize :]
        header = self.header[0]
        header["format_version"] = FEED_FORMAT_VERSION
        header["capacity_bytes"] = capacity_bytes
        header["epoch"] = epoch
        header["channel_id"] = channel_id
        header["next_sequence"] = header["first_sequence"] = 1
        header["topic_session_id"] = np.frombuffer(TOPIC_SESSION_ID, dtype=np.uint8)
        header["magic"] = FEED_MAGIC
        self.next_sequence = 1

    def begin_at(self, sequence: int) -> None:
        """Have `sequence` as the store's first message, before any is there."""
        self.next_sequence = sequence
        self.header[0]["first_sequence"] = self.header[0]["next_sequence"] = sequence

    def append(self, payload: bytes, message_count: int) -> None:
        """Append one packet that holds the next `message_count` messages."""
        self.append_raw(payload, message_count, self.next_sequence)
        self.next_sequence += message_count
        self.header[0]["next_sequence"] = self.next_sequence

    def append_raw(self, payload: bytes, message_count: int, first_sequence: int, payload_bytes: int = -1) -> None:
        """Append an entry whose fields may lie."""
        at = int(self.header[0]["committed_bytes"])
        entry = np.zeros(1, dtype=FEED_ENTRY)
        entry[0] = (first_sequence, message_count, len(payload) if payload_bytes < 0 else payload_bytes)
        octets = entry.tobytes() + payload.ljust(len(payload) + 7 & ~7, b"\0")
        self._entries[at : at + len(octets)] = np.frombuffer(octets, dtype=np.uint8)
        self.header[0]["committed_bytes"] = at + len(octets)

    def publish(self, packet_sizes: list[int]) -> list[bytes]:
        """Append packets of so many messages each; returns the frames in order."""
        frames: list[bytes] = []
        for size in packet_sizes:
            some = deletes(self.next_sequence, size)
            self.append(packet(self.next_sequence, some, time_ns=1000 + self.next_sequence), size)
            frames += some
        return frames
