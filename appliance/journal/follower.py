"""Reads the log in shared memory while it is written, from any process, without locks: records whole or not at all."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Final

import numpy as np

from appliance.journal.control import open_control
from appliance.journal.records import (
    HEADER_BYTES,
    RECORD_BYTES,
    Cursor,
    JournalDamaged,
    JournalError,
    RecordsGone,
    segment_name,
)
from native.layout import SEQUENCED


class Follower:
    """A place in the log, moved by `poll`."""

    def __init__(self, folder: Path, from_sequence: int = 1, *, verify_from_crc32c: int | None = None) -> None:
        """Follow the log in `folder` from record `from_sequence` on. `verify_from_crc32c`, the CRC of the record before
        it (of the first one: the epoch): verify each record. Raises JournalError."""
        self.folder: Final = folder
        self.control: Final = open_control(folder)
        self._segment_records = int(self.control.row["segment_records"])
        self._next = from_sequence
        self._cursor = Cursor(from_sequence, verify_from_crc32c) if verify_from_crc32c is not None else None
        self._number = 0
        self._records = np.zeros(0, SEQUENCED)

    @property
    def next_sequence(self) -> int:
        """Number of the record that `poll` gives next."""
        return self._next

    @property
    def is_over(self) -> bool:
        """Whether the writer ended in good order and everything was read."""
        return bool(self.control.row["closed"]) and self._next > self.control.load("committed_records")

    def poll(self, records_max: int = 1 << 20) -> np.ndarray:
        """The next records that are whole, SEQUENCED[0..records_max], read-only, none when there are none yet.

        They lie in one segment and are not copied: they stay readable as long as the array lives. Raises JournalError:
        the records are gone already (read the archive), or one is damaged.
        """
        committed = self.control.load("committed_records")
        if self._next > committed:
            return self._records[:0]
        index = self._next - 1
        number = index // self._segment_records + 1
        if number != self._number:
            self._records = self._open(number)
            self._number = number
        at = index % self._segment_records
        found = self._records[at : min(at + records_max, at + committed - index, self._segment_records)]
        if self._cursor is not None:
            whole = self._cursor.count_whole(found)
            if whole < found.size:
                raise JournalDamaged(
                    f"{self.folder}: record {self._next + whole} is damaged (CRC32C, number or chain)."
                )
        self._next += found.size
        return found

    def _open(self, number: int) -> np.ndarray:
        try:
            file = os.open(self.folder / segment_name(number), os.O_RDONLY | os.O_CLOEXEC)
            try:
                size = self._segment_records * RECORD_BYTES
                mapping = mmap.mmap(file, size, mmap.MAP_SHARED, mmap.PROT_READ, offset=HEADER_BYTES)
            finally:
                os.close(file)
        except FileNotFoundError:
            removed = self.control.load("removed_records")
            raise RecordsGone(
                f"{self.folder}: record {self._next} is no longer in shared memory, which begins with {removed + 1}; "
                "read the archive or the log on disk."
            ) from None
        except (OSError, ValueError) as error:
            raise JournalError(f"{self.folder / segment_name(number)}: cannot be mapped: {error}.") from None
        return np.frombuffer(mapping, SEQUENCED)
