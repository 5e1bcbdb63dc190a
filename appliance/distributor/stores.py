"""The files of a distributor in shared memory: the L3 store that it follows, its own stores, what it tells of itself.

A store of its own is a sparse file as long as it may ever become; memory is had ahead of its use, so that full shared
memory makes the distributor wait and is never a bus error.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np

from appliance.distributor_counters import QUIET_BYTES, SLOTS
from native.layout import FEED_FORMAT_VERSION, FEED_HEADER, FEED_MAGIC

TOLD_NAME = "distributor"
_HEADER_BYTES = FEED_HEADER.itemsize
_AHEAD_BYTES = 4 << 20
"""So much more than is needed is had at once."""


class StoreError(Exception):
    """Shared memory cannot be used; the message is one sentence that says why."""


def store_name(channel: str) -> str:
    """File of the store of a derived channel; that of L3 is `feed`."""
    return f"feed.{channel}"


def create_told(folder: Path, quiet_bytes: int) -> None:
    """The file of counters, for a run of the appliance whose first `quiet_bytes` of L3 an earlier one has published.
    Raises OSError."""
    told = np.zeros(SLOTS, np.int64)
    told[QUIET_BYTES] = quiet_bytes
    (folder / TOLD_NAME).write_bytes(told.tobytes())


def map_told(folder: Path) -> np.ndarray:
    """int64[SLOTS], shared. Raises StoreError."""
    try:
        with (folder / TOLD_NAME).open("r+b") as file:
            return np.frombuffer(mmap.mmap(file.fileno(), SLOTS * 8), np.int64)
    except (OSError, ValueError) as error:
        raise StoreError(f"{folder / TOLD_NAME}: cannot be used: {error}.") from None


class InputStore:
    """The L3 store, mapped to be read."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError."""
        try:
            with path.open("rb") as file:
                self._memory = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: cannot be read: {error}.") from None
        if self._memory.size < _HEADER_BYTES:
            raise StoreError(f"{path}: is too short for a feed store.")
        self.header = self._memory[:_HEADER_BYTES].view(FEED_HEADER)[0]
        if int(self.header["magic"]) != FEED_MAGIC or int(self.header["format_version"]) != FEED_FORMAT_VERSION:
            raise StoreError(f"{path}: is not a feed store of format {FEED_FORMAT_VERSION}.")
        self.capacity_bytes = int(self.header["capacity_bytes"])
        if self.capacity_bytes > self._memory.size - _HEADER_BYTES:
            raise StoreError(f"{path}: is cut short: {self._memory.size} bytes, its header promises more.")

    @property
    def entries_address(self) -> int:
        """Address of the first entry."""
        return int(self._memory.ctypes.data) + _HEADER_BYTES

    @property
    def committed_address(self) -> int:
        """Address of `committed_bytes`."""
        return int(self._memory.ctypes.data) + _offset("committed_bytes")


class DerivedStore:
    """The store of one derived channel: found as an earlier process of this run has left it, or begun."""

    def __init__(
        self,
        path: Path,
        capacity_bytes: int,
        channel_id: int,
        epoch: int,
        topic_session_id: bytes,
        first_sequence: int = 1,
    ) -> None:
        """`first_sequence`: number of the first message that it will have, where it is begun. Raises StoreError."""
        self.path = path
        self._size = _HEADER_BYTES + capacity_bytes
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            os.ftruncate(self._file, self._size)
            os.posix_fallocate(self._file, 0, _HEADER_BYTES)
            self._memory = np.frombuffer(mmap.mmap(self._file, self._size), np.uint8)
        except OSError as error:
            raise StoreError(f"{path}: cannot be had: {error.strerror}.") from None
        self.header = self._memory[:_HEADER_BYTES].view(FEED_HEADER)[0]
        if int(self.header["magic"]) != FEED_MAGIC:
            self.header["format_version"] = FEED_FORMAT_VERSION
            self.header["epoch"] = epoch
            self.header["capacity_bytes"] = capacity_bytes
            self.header["next_sequence"] = self.header["first_sequence"] = first_sequence
            self.header["channel_id"] = channel_id
            self.header["topic_session_id"] = np.frombuffer(topic_session_id, np.uint8)
            self.header["magic"] = FEED_MAGIC
        self.room_bytes = self.committed_bytes
        """Bytes of entries that have memory."""

    @property
    def committed_bytes(self) -> int:
        """Bytes of entries that readers may have seen."""
        return int(self.header["committed_bytes"])

    @property
    def entries_address(self) -> int:
        """Address of the first entry."""
        return int(self._memory.ctypes.data) + _HEADER_BYTES

    def address(self, field: str) -> int:
        """Address of a field of FEED_HEADER."""
        return int(self._memory.ctypes.data) + _offset(field)

    def grow(self, needed_bytes: int) -> bool:
        """Have memory for the first `needed_bytes` of entries and some more. False: shared memory is full."""
        start = _HEADER_BYTES + self.room_bytes
        for ahead_bytes in (_AHEAD_BYTES, 0):
            end = min(_HEADER_BYTES + needed_bytes + ahead_bytes, self._size)
            if end <= start:
                break
            try:
                os.posix_fallocate(self._file, start, end - start)
            except OSError:
                continue
            self.room_bytes = end - _HEADER_BYTES
            break
        return self.room_bytes >= min(needed_bytes, self._size - _HEADER_BYTES)

    def mark_closed(self) -> None:
        """Nothing more will come."""
        self.header["closed"] = 1


def _offset(field: str) -> int:
    assert FEED_HEADER.fields is not None
    return int(FEED_HEADER.fields[field][1])
