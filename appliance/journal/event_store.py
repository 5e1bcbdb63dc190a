"""The log in shared memory, for its one writer: segment files behind one array that is as long as the log may get.

The addresses of the whole log are reserved at the start. Segments are mapped into them ahead of the writer by a thread
beside it, and taken away behind it once nobody needs them, so the loop indexes `records[sequence - 1]` and never knows:
rotation costs it nothing. What has memory ends at `mapped_records`, which the writer looks at before it writes.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from appliance.journal.address_space import AddressSpace
from appliance.journal.control import Control, create_control, open_control
from appliance.journal.records import (
    HEADER_BYTES,
    RECORD_BYTES,
    SEGMENT_NAME,
    Identity,
    JournalError,
    NoRoom,
    SegmentHeader,
    header_bytes,
    segment_name,
)
from native.layout import SEQUENCED
from native.log_layout import JOURNAL_FORM_MEMORY

RECORDS_A_PAGE: Final = 4096 // RECORD_BYTES
_PART_NAME: Final = "journal.part"
SEGMENTS_AHEAD: Final = 2
"""Segments with memory beyond the one that is being written."""


class EventStore:
    """The segments in `folder` and the array over them. Made by `create` or `attach`."""

    def __init__(self, folder: Path, control: Control, chain_crc32c: int) -> None:
        row = control.row
        self.folder: Final = folder
        self.control: Final = control
        self.segment_records: Final = int(row["segment_records"])
        self.records_max: Final = int(row["records_max"])
        self._first_record = int(row["first_record"])
        self._first_chain_crc32c = chain_crc32c
        try:
            self._space = AddressSpace(self.records_max * RECORD_BYTES)
        except OSError as error:
            raise JournalError(
                f"{folder}: addresses for {self.records_max} records cannot be had: {error.strerror}; "
                "make journal.records_max smaller."
            ) from None
        self.records: Final = self._space.array(SEQUENCED)
        """SEQUENCED[records_max]; memory is there from `removed_records` to `mapped_records`."""
        self._headers_sealed = self._first_record // self.segment_records + 1

    @classmethod
    def create(
        cls,
        folder: Path,
        identity: Identity,
        *,
        segment_records: int,
        records_max: int,
        first_sequence: int = 1,
        chain_crc32c: int | None = None,
    ) -> EventStore:
        """An empty log in `folder`, whose first record will be `first_sequence` (of a log that is carried on: the first
        one of a segment). `chain_crc32c`: CRC of the record before; without it the epoch. Raises JournalError."""
        assert segment_records % RECORDS_A_PAGE == 0 and records_max % segment_records == 0
        assert (first_sequence - 1) % segment_records == 0
        try:
            control = create_control(folder, identity, segment_records=segment_records, records_max=records_max)
        except OSError as error:
            raise JournalError(f"{folder}: the log cannot be made: {error.strerror}.") from None
        control.row["first_record"] = first_sequence - 1
        for field in ("committed_records", "mapped_records", "removed_records"):
            control.store(field, first_sequence - 1)
        store = cls(folder, control, identity.epoch if chain_crc32c is None else chain_crc32c)
        store.keep_ahead(0)  # the rest is mapped beside the writer's work
        return store

    @classmethod
    def attach(cls, folder: Path) -> EventStore:
        """The log that a process left behind when it was killed; the caller has made sure that it is gone and verified
        the records (`scan`). Raises JournalError."""
        control = open_control(folder, writable=True)
        store = cls(folder, control, 0)
        mapped = store.removed_records
        numbers = {int(match[1]) for name in os.listdir(folder) if (match := SEGMENT_NAME.fullmatch(name))}
        while store._number_of(mapped) in numbers and mapped < control.load("mapped_records"):
            store._map(store._number_of(mapped))
            mapped += store.segment_records
        for number in numbers:
            if (number - 1) * store.segment_records >= mapped:
                os.unlink(folder / segment_name(number))  # made, but not told, when the process was killed
        if mapped < control.load("committed_records"):
            raise JournalError(f"{folder}: segment {store._number_of(mapped)} of the log is missing.")
        control.store("mapped_records", mapped)
        store._headers_sealed = store._number_of(control.load("committed_records"))
        store.keep_ahead(0)  # the rest is mapped beside the writer's work
        return store

    @property
    def committed_records(self) -> int:
        """Sequence of the last whole record."""
        return self.control.load("committed_records")

    @property
    def mapped_records(self) -> int:
        """Records up to this one have memory."""
        return self.control.load("mapped_records")

    @property
    def removed_records(self) -> int:
        """Records up to this one are gone from here."""
        return self.control.load("removed_records")

    def _number_of(self, record: int) -> int:
        return record // self.segment_records + 1

    def _map(self, number: int) -> None:
        size = self.segment_records * RECORD_BYTES
        file = os.open(self.folder / segment_name(number), os.O_RDWR | os.O_CLOEXEC)
        try:
            self._space.map_file((number - 1) * size, file, HEADER_BYTES, size)
        finally:
            os.close(file)

    def keep_ahead(self, segments: int = SEGMENTS_AHEAD) -> bool:
        """Map segments until so many lie beyond the one in use; True when something was done. Raises NoRoom: the writer
        may go on to `mapped_records`; try again later."""
        done = self.seal_headers()  # first: what has no header may not be released, and room may be short
        while (
            self.mapped_records < self.records_max
            and self._number_of(self.mapped_records) <= self._number_of(self.committed_records) + segments
        ):
            self._extend()
            done = True
        return done

    def _extend(self) -> None:
        mapped = self.mapped_records
        path = self.folder / segment_name(self._number_of(mapped))
        part = self.folder / _PART_NAME
        size = self.segment_records * RECORD_BYTES
        try:
            part.unlink(missing_ok=True)  # of a process that was killed
            file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            try:
                os.posix_fallocate(file, 0, HEADER_BYTES + size)  # now, not as a bus error in the loop
                self._write_header(file, mapped, self._first_chain_crc32c if mapped == self._first_record else 0)
                part.rename(path)
                self._space.map_file(mapped * RECORD_BYTES, file, HEADER_BYTES, size)
            except OSError:
                part.unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                raise
            finally:
                os.close(file)
        except OSError as error:
            sentence = f"{path}: {size >> 20} MiB cannot be had: {error.strerror}"
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                raise NoRoom(
                    f"{sentence}; input is refused from record {mapped + 1} on: make journal.segment_records smaller, "
                    "give /dev/shm more room or have the log archived."
                ) from None
            raise JournalError(f"{sentence}.") from None
        self.control.store("mapped_records", mapped + self.segment_records)

    def _write_header(self, file: int, first_record: int, chain_crc32c: int) -> None:
        header = SegmentHeader(
            self.control.identity,
            JOURNAL_FORM_MEMORY,
            self._number_of(first_record),
            first_record + 1,
            self.segment_records,
            chain_crc32c,
        )
        os.pwrite(file, header_bytes(header), 0)

    def seal_headers(self) -> bool:
        """Tell segments that the writer has come to what their chain begins with: not known when they were made."""
        done = False
        while self._headers_sealed < self._number_of(min(self.committed_records, self.mapped_records - 1)):
            first_record = self._headers_sealed * self.segment_records
            file = os.open(self.folder / segment_name(self._headers_sealed + 1), os.O_RDWR | os.O_CLOEXEC)
            try:
                self._write_header(file, first_record, int(self.records[first_record - 1]["crc32c"]))
            finally:
                os.close(file)
            self._headers_sealed += 1
            done = True
        return done

    def release(self, records: int) -> bool:
        """Take away the segments whose records all lie up to `records`; never the one in use. True when one went."""
        done = False
        size = self.segment_records * RECORD_BYTES
        while True:
            removed = self.removed_records
            number = self._number_of(removed)
            newest = self._number_of(max(0, self.committed_records - 1))
            if removed + self.segment_records > records or number >= min(self._headers_sealed, newest):
                return done
            self.control.store("removed_records", removed + self.segment_records)
            self._space.unmap((number - 1) * size, size)
            (self.folder / segment_name(number)).unlink(missing_ok=True)
            done = True

    def close(self) -> None:
        """Unmap everything; no array of it may be used any more. The files stay."""
        self._space.close()
