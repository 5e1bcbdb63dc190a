"""Reads a feed store: every market data packet of the day of one channel, in shared memory, while it is appended to.

The file is a FEED_HEADER and then entries, each a FEED_ENTRY and the packet as it was sent, padded to 8 bytes.
`committed_bytes` counts the bytes of whole entries and is stored last, so everything below it can be read without a
lock. The walking, and the copying of ranges, is that of `appliance.retransmit`: kernels.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from appliance.retransmit import encode, index
from native.layout import FEED_FORMAT_VERSION, FEED_HEADER, FEED_MAGIC
from wire.framing import packets, sofh

FEED_FILE_NAME: Final = "feed"
"""Name of the L3 store inside the shared-memory folder of an instance; those of other channels begin with it too."""


class StoreError(Exception):
    """The feed store cannot be used; the message is one sentence that says why."""


class FeedStore:
    """A feed store, mapped read-only. `poll` follows what the publisher appends; `encode` gives ranges."""

    def __init__(self, path: str | Path, *, poll: bool = True) -> None:
        """Map the store at `path` (the file, or the folder that holds it), and index it unless `poll` is false.

        Raises StoreError.
        """
        place = Path(path)
        self.path: Final = place / FEED_FILE_NAME if place.is_dir() else place
        try:
            with open(self.path, "rb") as file:
                status = os.fstat(file.fileno())
                if status.st_size < FEED_HEADER.itemsize:
                    raise StoreError(f"{self.path}: is too short for a feed store ({status.st_size} bytes).")
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be read: {error.strerror}.") from None
        self.identity: Final = (status.st_dev, status.st_ino)
        """Device and inode: another file of the same name is another store."""
        octets = np.frombuffer(self._map, np.uint8)
        self._header = octets[: FEED_HEADER.itemsize].view(FEED_HEADER)
        header = self._header[0]
        self.capacity_bytes: Final = int(header["capacity_bytes"])
        if int(header["magic"]) != FEED_MAGIC:
            raise StoreError(f"{self.path}: is not a feed store.")
        if int(header["format_version"]) != FEED_FORMAT_VERSION:
            raise StoreError(f"{self.path}: has format {int(header['format_version'])}, not {FEED_FORMAT_VERSION}.")
        if self.capacity_bytes > status.st_size - FEED_HEADER.itemsize:
            raise StoreError(f"{self.path}: is cut short: {status.st_size} bytes, its header promises more.")
        self.epoch: Final = int(header["epoch"])
        self.channel_id: Final = int(header["channel_id"])
        self.topic_session_id: Final = header["topic_session_id"].tobytes()
        self.entries: Final = octets[FEED_HEADER.itemsize :]
        """uint8[capacity]: the entries; only what is below `committed_bytes` is whole."""
        self._state = np.zeros(index.STATE_COUNT, np.int64)
        self._marks = np.zeros((index.marks_max(self.capacity_bytes), 2), np.int64)
        if poll:
            self.poll()

    @property
    def first_sequence(self) -> int:
        """Number of the oldest message that is held, or will be."""
        return int(self._state[index.FIRST_SEQUENCE]) or int(self._header[0]["first_sequence"]) or 1

    @property
    def next_sequence(self) -> int:
        """One above the newest message indexed."""
        return int(self._state[index.NEXT_SEQUENCE]) or self.first_sequence

    @property
    def indexed_bytes(self) -> int:
        """Bytes of entries whose lengths and numbers were checked."""
        return int(self._state[index.INDEXED_BYTES])

    @property
    def unindexed_bytes(self) -> int:
        """Bytes of entries that were committed since the last `poll`, or that it left."""
        return int(self._header[0]["committed_bytes"]) - self.indexed_bytes

    @property
    def closed(self) -> bool:
        """The publisher has ended cleanly: nothing more will come."""
        return bool(self._header[0]["closed"])

    def poll(self, bytes_max: int | None = None) -> int:
        """Index the entries that were committed since the last call, at most about `bytes_max` bytes of them; returns
        how many. Raises StoreError."""
        committed = int(self._header[0]["committed_bytes"])
        indexed = self.indexed_bytes
        if committed == indexed:
            return 0
        if committed < indexed or committed > self.capacity_bytes:
            raise StoreError(f"{self.path}: committed_bytes went from {indexed} to {committed}.")
        found = int(index.index_entries(self.entries, committed, bytes_max or committed, self._state, self._marks))
        if found < 0:
            at = FEED_HEADER.itemsize + int(self._state[index.FAULT_AT])
            if found == index.OUT_OF_STEP:
                first = int(self._state[index.FAULT_SEQUENCE])
                raise StoreError(f"{self.path}: message {self.next_sequence} is missing before {first}.")
            what = "is cut short" if found == index.CUT_SHORT else "has a bad length"
            raise StoreError(f"{self.path}: the entry at byte {at} {what}.")
        return found

    def border(self, offset: int, bytes_min: int) -> int:
        """Where an entry ends `bytes_min` bytes or a little more behind `offset`, of what is indexed."""
        offsets = self._marks[: int(self._state[index.MARK_COUNT]), 1]
        place = int(np.searchsorted(offsets, offset + bytes_min))
        return int(offsets[place]) if place < offsets.size else self.indexed_bytes

    def holds(self, from_sequence: int, count: int) -> bool:
        """Whether messages [from_sequence, from_sequence + count) were all published; count must be positive."""
        return count > 0 and self.first_sequence <= from_sequence and from_sequence + count <= self.next_sequence

    @property
    def held(self) -> str:
        """A sentence that says which messages are held."""
        first, following = self.first_sequence, self.next_sequence
        if first == following:
            return "Nothing was published yet." if first == 1 else f"Held: from message {first} on, which is the next."
        return f"Published: {first}..{following - 1}." if first == 1 else f"Held: {first}..{following - 1}."

    def cursor(self, from_sequence: int) -> np.ndarray:
        """int64[encode.CURSOR_COUNT], at message `from_sequence`, which the store must hold."""
        if not self.holds(from_sequence, 1):
            raise ValueError(f"message {from_sequence} is not in the store")
        offset = index.entry_of(self.entries, self._state, self._marks, from_sequence)
        return np.array([offset, from_sequence], np.int64)

    def encode(self, cursor: np.ndarray, end_sequence: int, octets: np.ndarray, at: int, bytes_min: int) -> int:
        """`encode.encode_packets`: frames of messages from `cursor` on, written at `octets[at:]`; returns their bytes.
        Raises StoreError for a packet that is not what its entry says."""
        written = int(encode.encode_packets(self.entries, cursor, end_sequence, octets, at, bytes_min))
        if written <= 0:
            raise StoreError(f"{self.path}: the packet of message {int(cursor[encode.SEQUENCE])} is damaged.")
        return written

    def packets_of(self, from_sequence: int, count: int) -> Iterator[tuple[int, bytes]]:
        """(messages, packet) for each packet of [from_sequence, from_sequence + count), as they go out over TCP.

        Original bytes but for the retransmit flag; the first and last packet are trimmed to whole messages, their
        SeqNum and MsgCount adjusted. Raises ValueError where `holds` is false, StoreError for a damaged packet.
        """
        if not self.holds(from_sequence, count):
            raise ValueError(f"messages {from_sequence}..{from_sequence + count - 1} are not in the store")
        cursor = self.cursor(from_sequence)
        octets = np.zeros(sofh.HEADER_BYTES + encode.PACKET_BYTES_MAX, np.uint8)
        while cursor[encode.SEQUENCE] < from_sequence + count:
            written = self.encode(cursor, from_sequence + count, octets, 0, 1)
            packet = octets[sofh.HEADER_BYTES : written].tobytes()
            yield packets.parse_header(packet).message_count, packet

    def is_replaced(self) -> bool:
        """Whether another file lies at the path now: its publisher was started anew."""
        try:
            status = os.stat(self.path)
        except OSError:
            return False  # gone: what is mapped stays, and stays right
        return (status.st_dev, status.st_ino) != self.identity

    def close(self) -> None:
        """Let go of the file; the store must not be used after. It is unmapped with the last view of it."""
        del self._header
