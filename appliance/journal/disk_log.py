"""The log on disk: segments of 4 KiB blocks, written group by group; a group is safe when `append` comes back.

A block that is safe is never written again, so a write that a crash tears cannot reach it. The next group is written
only when the one before is safe: at a crash, all that is in doubt is the last group, and its blocks say which they are.
A segment is zeroed and synced before its first group, so that a group changes data and nothing else of the file system.
"""

from __future__ import annotations

import errno
import mmap
import threading
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from appliance.journal.files import Files
from appliance.journal.records import (
    HEADER_BYTES,
    Cursor,
    Identity,
    JournalError,
    NoRoom,
    SegmentHeader,
    blocks_for,
    header_bytes,
    segment_name,
)
from native.layout import SEQUENCED
from native.log_layout import (
    JOURNAL_BLOCK_BYTES,
    JOURNAL_BLOCK_CLOSED,
    JOURNAL_BLOCK_RECORDS,
    JOURNAL_FORM_DISK,
)

GROUP_BLOCKS_MAX: Final = 133
GROUP_RECORDS_MAX: Final = GROUP_BLOCKS_MAX * JOURNAL_BLOCK_RECORDS
"""About half a MiB: beyond this a sync takes longer and gives hardly more records a second."""
SPARE_NAME: Final = "journal.spare"
_ZERO_BYTES = 1 << 20
_NO_RECORDS = np.zeros(0, SEQUENCED)


class DurableLog(Protocol):
    """How records become safe: on this machine's disk here, on other machines elsewhere. One thread uses it."""

    def append(self, records: np.ndarray) -> None:
        """Make these records (SEQUENCED[1..GROUP_RECORDS_MAX], the next ones) safe. NoRoom: nothing has happened, try
        again later. JournalError: the log is over, and what was not safe before may never be."""

    def close(self) -> None:
        """Mark the end as one in good order."""


class _Spare:
    """The next segment's file, zeroed beside the writer's work."""

    def __init__(self, files: Files, folder: Path, blocks: int, background: bool) -> None:
        self._files = files
        self.path: Final = folder / SPARE_NAME
        self._blocks = blocks
        self._file = -1
        self._error: OSError | None = None
        self._thread: threading.Thread | None = None
        if background:
            self._thread = threading.Thread(target=self._make, name="journal-spare", daemon=True)
            self._thread.start()
        else:
            self._make()

    def _make(self) -> None:
        zeros = mmap.mmap(-1, _ZERO_BYTES)
        try:
            file = self._files.create(self.path, direct=True)
            try:
                end = self._blocks * JOURNAL_BLOCK_BYTES
                for offset in range(0, end, _ZERO_BYTES):
                    self._files.write_at(file, memoryview(zeros)[: min(_ZERO_BYTES, end - offset)], offset)
                self._files.sync(file)
            except OSError:
                self._files.close(file)
                self._files.remove(self.path)  # what it took is needed
                raise
            self._file = file
        except OSError as error:
            self._error = error

    @property
    def is_made(self) -> bool:
        """Whether `take` would come back at once."""
        return self._thread is None or not self._thread.is_alive()

    def take(self) -> int:
        """The zeroed file. Raises OSError."""
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self._file


class DiskLog:
    """Writes one log from a given record on. See `recovery.open_log` for how that place is found."""

    def __init__(
        self,
        files: Files,
        folder: Path,
        identity: Identity,
        *,
        segment: int,
        next_sequence: int,
        chain_crc32c: int,
        segment_bytes: int,
        doubtful: np.ndarray = _NO_RECORDS,
        group_records_max: int = GROUP_RECORDS_MAX,
        background: bool = True,
    ) -> None:
        """Begin segment number `segment` with the records `doubtful` (SEQUENCED[n]), which lie in the segment before it
        but may not be safe there: the segment gets its name only when they are safe in it.

        `segment_bytes` is raised to what two groups need. `background`: zero the segments after it in a thread.
        Raises JournalError.
        """
        self._files = files
        self._folder = folder
        self._identity = identity
        self.group_records_max: Final = group_records_max
        group_blocks_max = blocks_for(group_records_max)
        self._segment_blocks = max(segment_bytes // JOURNAL_BLOCK_BYTES, 2 * group_blocks_max + 2)
        self._background = background
        self._segment = segment - 1
        self._cursor = Cursor(next_sequence, chain_crc32c)
        self._blocks = np.frombuffer(mmap.mmap(-1, group_blocks_max * JOURNAL_BLOCK_BYTES), np.uint8)  # whole pages
        self._file = -1
        self._path = folder
        self._problem = ""
        self._spare: _Spare | None = None
        self._begin_segment(doubtful)

    @property
    def next_sequence(self) -> int:
        """Number of the next record to append; every one below it is safe."""
        return self._cursor.next_sequence

    @property
    def segment(self) -> int:
        """Number of the segment that is being written; those before it will never change."""
        return self._segment

    def append(self, records: np.ndarray) -> None:
        assert 0 < records.size <= self.group_records_max and records.dtype == SEQUENCED
        self._write(records, 0)

    def close(self) -> None:
        try:
            if not self._problem:
                self._write(_NO_RECORDS, JOURNAL_BLOCK_CLOSED)
        finally:
            self._give_back()

    def abandon(self) -> None:
        """Close the files and leave the log as a crash would."""
        self._give_back()
        self._problem = self._problem or f"{self._folder}: the log was left."

    def _give_back(self) -> None:
        if self._spare is not None:
            try:
                self._files.close(self._spare.take())
                self._files.remove(self._spare.path)
            except OSError:
                pass  # it never came to be, or nobody needs it: the next start removes it
            self._spare = None
        if self._file >= 0:
            self._files.close(self._file)
            self._file = -1

    def _write(self, records: np.ndarray, flags: int) -> None:
        if self._problem:
            raise JournalError(self._problem)
        if self._cursor.next_block + blocks_for(records.size) > self._segment_blocks:
            self._begin_segment()
        after = self._cursor.copy()
        try:
            self._put(self._file, after, records, flags)
            self._files.sync(self._file)
            there = self._files.is_at(self._file, self._path)
        except OSError as error:
            raise self._over(
                f"{self._path}: block {self._cursor.next_block}: cannot be written: {error.strerror}"
            ) from None
        if not there:
            raise self._over(f"{self._path}: the file has been removed or replaced while it was written")
        self._cursor = after

    def _put(self, file: int, cursor: Cursor, records: np.ndarray, flags: int = 0) -> None:
        """Write one group where the cursor stands. Raises OSError."""
        offset = cursor.next_block * JOURNAL_BLOCK_BYTES
        count = cursor.fill_blocks(records, self._blocks, flags)
        self._files.write_at(file, self._blocks.data[: count * JOURNAL_BLOCK_BYTES], offset)

    def _over(self, what: str) -> JournalError:
        """From here on nothing will ever be called safe: the page cache can no longer be believed."""
        self._problem = (
            f"{what}; nothing after record {self._cursor.next_sequence - 1} is acknowledged. "
            "Repair the disk and start again."
        )
        return JournalError(self._problem)

    def _begin_segment(self, doubtful: np.ndarray = _NO_RECORDS) -> None:
        """Make the spare file the next segment, with these records in it, and have another made. NoRoom: nothing has
        changed."""
        spare = self._spare or self._new_spare()
        try:
            file = spare.take()
        except OSError as error:
            self._spare = None
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                size_mib = self._segment_blocks * JOURNAL_BLOCK_BYTES >> 20
                raise NoRoom(
                    f"{self._folder}: there is no room for the next segment ({size_mib} MiB): {error.strerror}; "
                    "free some: nothing is acknowledged until then."
                ) from None
            raise self._over(f"{spare.path}: cannot be made: {error.strerror}") from None
        self._spare = None
        segment = self._segment + 1
        path = self._folder / segment_name(segment)
        header = SegmentHeader(
            self._identity,
            JOURNAL_FORM_DISK,
            segment,
            self._cursor.next_sequence,
            self._segment_blocks,
            self._cursor.chain_crc32c,
        )
        self._blocks[:HEADER_BYTES] = np.frombuffer(header_bytes(header), np.uint8)
        cursor = Cursor(
            header.first_sequence,
            header.chain_crc32c,
            segment=segment,
            block=HEADER_BYTES // JOURNAL_BLOCK_BYTES,
            instance_id=self._identity.instance_id,
        )
        try:
            self._files.write_at(file, self._blocks.data[:HEADER_BYTES], 0)
            for start in range(0, doubtful.size, self.group_records_max):
                self._put(file, cursor, doubtful[start : start + self.group_records_max])
            self._files.sync(file)
            self._files.rename(spare.path, path)
            self._files.sync_folder(self._folder)
        except OSError as error:
            self._files.close(file)
            raise self._over(f"{path}: the segment cannot be begun: {error.strerror}") from None
        if self._file >= 0:
            self._files.close(self._file)
        self._file = file
        self._path = path
        self._segment = segment
        self._cursor = cursor
        self._spare = self._new_spare() if self._background else None

    def _new_spare(self) -> _Spare:
        return _Spare(self._files, self._folder, self._segment_blocks, self._background)
