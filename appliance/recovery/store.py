"""Reads the feed store: every market data packet of the day, in shared memory, while the publisher appends to it.

The file is a FEED_HEADER and then entries, each a FEED_ENTRY and the packet as it was sent, padded to 8 bytes.
`committed_bytes` counts the bytes of whole entries and is stored last, so everything below it can be read without a
lock. The index is in memory: one (first sequence, offset) pair a packet, found by bisection.
"""

from __future__ import annotations

import mmap
import os
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from native.layout import FEED_ENTRY, FEED_FORMAT_VERSION, FEED_HEADER, FEED_MAGIC
from wire.framing import packets

FEED_FILE_NAME: Final = "feed"
"""Name of the store inside the shared-memory folder of an instance."""

_ENTRY = struct.Struct("<QII")
assert _ENTRY.size == FEED_ENTRY.itemsize


class StoreError(Exception):
    """The feed store cannot be used; the message is one sentence that says why."""


class FeedStore:
    """A feed store, mapped read-only. `poll` follows what the publisher appends; `packets_of` gives ranges."""

    def __init__(self, path: str | Path) -> None:
        """Map the store at `path` (the file, or the folder that holds it). Raises StoreError."""
        place = Path(path)
        self.path: Final = place / FEED_FILE_NAME if place.is_dir() else place
        try:
            with open(self.path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size < FEED_HEADER.itemsize:
                    raise StoreError(f"{self.path}: is too short for a feed store ({size} bytes).")
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be read: {error.strerror}.") from None
        self._header = np.frombuffer(self._map, dtype=FEED_HEADER, count=1)
        header = self._header[0]
        self.capacity_bytes: Final = int(header["capacity_bytes"])
        if int(header["magic"]) != FEED_MAGIC:
            raise StoreError(f"{self.path}: is not a feed store.")
        if int(header["format_version"]) != FEED_FORMAT_VERSION:
            raise StoreError(f"{self.path}: has format {int(header['format_version'])}, not {FEED_FORMAT_VERSION}.")
        if self.capacity_bytes > size - FEED_HEADER.itemsize:
            raise StoreError(f"{self.path}: is cut short: {size} bytes, its header promises more.")
        self.epoch: Final = int(header["epoch"])
        self.channel_id: Final = int(header["channel_id"])
        self.topic_session_id: Final = header["topic_session_id"].tobytes()
        self._first_sequences = array("Q")
        self._offsets = array("Q")
        self._indexed_bytes = 0
        self._next_sequence = 0
        self.poll()

    @property
    def first_sequence(self) -> int:
        """Number of the oldest message held; 0 while there is none."""
        return self._first_sequences[0] if self._first_sequences else 0

    @property
    def next_sequence(self) -> int:
        """One above the newest message indexed; 0 while there is none."""
        return self._next_sequence

    @property
    def closed(self) -> bool:
        """The publisher has ended cleanly: nothing more will come."""
        return bool(self._header[0]["closed"])

    def poll(self) -> int:
        """Index the entries that were committed since the last call; returns how many. Raises StoreError."""
        committed = int(self._header[0]["committed_bytes"])
        if committed == self._indexed_bytes:
            return 0
        if committed < self._indexed_bytes or committed > self.capacity_bytes:
            raise StoreError(f"{self.path}: committed_bytes went from {self._indexed_bytes} to {committed}.")
        found = 0
        while self._indexed_bytes < committed:
            offset = FEED_HEADER.itemsize + self._indexed_bytes
            room = committed - self._indexed_bytes - _ENTRY.size
            if room < 0:
                raise StoreError(f"{self.path}: an entry at byte {offset} is cut short.")
            first, messages, payload_bytes = _ENTRY.unpack_from(self._map, offset)
            padded_bytes = payload_bytes + 7 & ~7
            if payload_bytes < packets.HEADER_BYTES or padded_bytes > room:
                raise StoreError(f"{self.path}: the entry at byte {offset} has a bad length.")
            if messages:
                if self._next_sequence and first != self._next_sequence:
                    raise StoreError(f"{self.path}: message {self._next_sequence} is missing before {first}.")
                self._first_sequences.append(first)
                self._offsets.append(offset)
                self._next_sequence = first + messages
                found += 1
            self._indexed_bytes += _ENTRY.size + padded_bytes
        return found

    def holds(self, from_sequence: int, count: int) -> bool:
        """Whether messages [from_sequence, from_sequence + count) were all published; count must be positive."""
        return count > 0 and 0 < self.first_sequence <= from_sequence and from_sequence + count <= self._next_sequence

    def packets_of(self, from_sequence: int, count: int) -> Iterator[tuple[int, bytes]]:
        """(messages, packet) for each packet of [from_sequence, from_sequence + count), as they go out over TCP.

        Original bytes but for the retransmit flag; the first and last packet are trimmed to whole messages, their
        SeqNum and MsgCount adjusted. Raises ValueError where `holds` is false, StoreError for a damaged packet.
        """
        if not self.holds(from_sequence, count):
            raise ValueError(f"messages {from_sequence}..{from_sequence + count - 1} are not in the store")
        end = from_sequence + count
        position = bisect_right(self._first_sequences, from_sequence) - 1
        while position < len(self._first_sequences) and self._first_sequences[position] < end:
            offset = self._offsets[position]
            first, messages, payload_bytes = _ENTRY.unpack_from(self._map, offset)
            start = offset + _ENTRY.size
            keep = min(end, first + messages) - max(from_sequence, first)
            try:
                yield (
                    keep,
                    packets.retransmitted(
                        self._map[start : start + payload_bytes], skip=max(from_sequence - first, 0), keep=keep
                    ),
                )
            except packets.PacketError as error:
                raise StoreError(f"{self.path}: the packet of message {first} is damaged: {error}") from None
            position += 1

    def close(self) -> None:
        """Unmap the file; the store must not be used after."""
        del self._header
        self._map.close()
