"""Reads a log from end to end and says what of it can be believed.

The rule: the first bad place ends the log only where nothing valid follows it. A group is written only when the one
before it is safe, so a block of a later group proves that everything before it was safe once: if that is bad now, it is
damage and no torn write, and the log is refused with the place. What is cut is reported, and stays in its file.

A run that carries a log on begins a new segment, and writes the last group again in it: nothing proves that the sync of
that group ever came back, even where its bytes are there to read. The segment gets its name when the group is safe in
it. So a segment proves that everything before its first record is safe; it ends where the next one begins, and what
lies behind that in it no longer counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from appliance.journal import archive
from appliance.journal.control import read_control
from appliance.journal.files import Files
from appliance.journal.records import (
    END_OF_TIME,
    HEADER_BYTES,
    RECORD_BYTES,
    SEGMENT_NAME,
    Cursor,
    Identity,
    JournalDamaged,
    JournalError,
    SegmentHeader,
    read_header,
)
from native.layout import SEQUENCED
from native.log_layout import (
    JOURNAL_BLOCK,
    JOURNAL_BLOCK_BYTES,
    JOURNAL_BLOCK_RECORDS,
    JOURNAL_FORM_DISK,
    JOURNAL_FORM_MEMORY,
)

_CHUNK_BLOCKS: Final = 256
_BLOCK_HEADER_BYTES: Final = JOURNAL_BLOCK.itemsize

Take = Callable[[np.ndarray], None]
"""Is given the records, SEQUENCED[n], in order; they are only lent."""


@dataclass(frozen=True)
class TornTail:
    """What was cut off the end of a log: a write that never became safe."""

    path: Path
    byte: int
    """Where in the file the log ends now."""
    sentence: str


@dataclass(frozen=True)
class Segment:
    """One file of the log."""

    path: Path
    header: SegmentHeader

    @property
    def records_max(self) -> int:
        """More records than these it cannot have."""
        if self.header.form == JOURNAL_FORM_DISK:
            return self.header.capacity * JOURNAL_BLOCK_RECORDS
        return self.header.capacity


@dataclass
class Log:
    """A log that can be believed."""

    segments: list[Segment]
    first_sequence: int = 1
    """Of the first record that was read."""
    last_sequence: int = 0
    """Of the last whole record; first_sequence - 1 where there is none."""
    last_crc32c: int = 0
    """CRC of that record, or what the first one's chain begins with."""
    last_time_ns: int = 0
    unproven_sequence: int = 1
    """From this record on nothing proves that the records were ever safe; `last_sequence + 1` after a good end."""
    unproven_crc32c: int = 0
    """CRC of the record before that one."""
    closed: bool = False
    """The last run ended in good order."""
    torn: TornTail | None = None

    @property
    def identity(self) -> Identity:
        """Whose log it is. There must be a segment."""
        return self.segments[-1].header.identity

    @property
    def next_segment(self) -> int:
        """Number of the next segment."""
        return self.segments[-1].header.segment + 1 if self.segments else 1


def find_segments(files: Files, folder: Path, archive_folder: Path | None = None) -> list[Segment]:
    """The segments of the log in `folder`, in order, those that only the archive has before them. One segment's file in
    the place of the folder is a log by itself.

    Raises JournalError: a header that is damaged or of another format, a segment that is missing or of another log.
    """
    found: dict[int, Path] = {}
    twice: dict[int, Path] = {}
    try:
        if folder.is_file():
            return [Segment(folder, _header_of(files, folder))]
        for place in (archive_folder, folder):
            for name in sorted(files.names(place)) if place is not None else ():
                match = SEGMENT_NAME.fullmatch(name)
                # one that lies in the folder as it was written comes before its archive
                if match and place is not None and (match[2] is None or int(match[1]) not in found):
                    number = int(match[1])
                    if number in found:
                        twice[number] = found[number]
                    found[number] = place / name
        segments = [Segment(path, _header_of(files, path)) for _, path in sorted(found.items())]
        for number, path in twice.items():
            if _header_of(files, path).identity != _header_of(files, found[number]).identity:
                raise JournalDamaged(f"{path}: belongs to another log than {found[number]}.")
    except OSError as error:
        raise JournalError(f"{error.filename or folder}: cannot be read: {error.strerror}.") from None
    for number, segment in zip(sorted(found), segments, strict=True):
        if segment.header.segment != number:
            raise JournalDamaged(f"{segment.path}: byte 24: says that it is segment {segment.header.segment}.")
    for one, other in pairwise(segments):
        if other.header.segment != one.header.segment + 1:
            raise JournalDamaged(
                f"{folder}: segment {one.header.segment + 1} is missing before {other.path.name}; "
                "put it back from a copy."
            )
        if other.header.identity != one.header.identity:
            raise JournalDamaged(f"{other.path}: belongs to another log than {one.path.name}.")
        if other.header.first_sequence < one.header.first_sequence:
            raise JournalDamaged(f"{other.path}: begins with a record before those of {one.path.name}.")
    return segments


def _header_of(files: Files, path: Path) -> SegmentHeader:
    if path.suffix == archive.SUFFIX:
        return archive.read_archive_header(files, path)
    file = files.open_to_read(path)
    try:
        room = bytearray(HEADER_BYTES)
        got = files.read_at(file, memoryview(room), 0)
        return read_header(bytes(room[:got]), path)
    finally:
        files.close(file)


def scan(
    files: Files,
    folder: Path,
    *,
    archive_folder: Path | None = None,
    expected: Identity | None = None,
    from_sequence: int = 1,
    to_sequence: int | None = None,
    take: Take | None = None,
) -> Log:
    """Verify the log in `folder` from record `from_sequence` on and give every whole record to `take`.

    `expected`: the venue that is to carry it on. With `from_sequence`, what lies before its group is not looked at;
    with `to_sequence`, what lies behind that record is not, and what is said of the end is said of that place.
    A folder without segments is a log without records. Raises JournalError (JournalDamaged where nothing but damage
    explains what is there); what `take` was given by then must be thrown away.
    """
    segments = find_segments(files, folder, archive_folder)
    if not segments:
        return Log([])
    if expected is not None:
        _check_venue(segments[-1], expected)
    first = segments[0].header.first_sequence
    if from_sequence < first:
        raise JournalError(
            f"{folder}: begins with record {first}; the records before it lie in no archive that was named."
        )
    committed, closed = END_OF_TIME - 1, False
    if segments[-1].header.form == JOURNAL_FORM_MEMORY and not folder.is_file():
        control = read_control(folder)
        committed, closed = int(control["committed_records"]), bool(control["closed"])
        # those that are mapped ahead of the writer
        segments = [s for s in segments if s.header.first_sequence <= max(committed, first)]
    start = max(i for i, segment in enumerate(segments) if segment.header.first_sequence <= from_sequence)
    log = Log(segments, first_sequence=from_sequence, closed=closed)
    reader = _Reader(files, log, from_sequence, take)
    wanted = END_OF_TIME if to_sequence is None else to_sequence + 1
    for index in range(start, len(segments)):
        last = index + 1 == len(segments)
        promised = committed + 1 if last else segments[index + 1].header.first_sequence
        reader.read(segments[index], min(promised, wanted), last)
        if promised >= wanted:
            break
    reader.finish()
    if log.last_sequence < from_sequence - 1:
        raise JournalError(f"{folder}: ends with record {log.last_sequence}, before record {from_sequence}.")
    return log


def _check_venue(segment: Segment, expected: Identity) -> None:
    found = segment.header.identity
    if found.schema_digest != expected.schema_digest:
        raise JournalError(f"{segment.path}: was written under other message schemas; use the version that wrote it.")
    if not found.same_venue(expected):
        raise JournalError(
            f"{segment.path}: was written under another configuration (instruments, sessions, limits, epoch); "
            "give that one, or another folder."
        )


class _Reader:
    """Walks through the segments with one cursor."""

    def __init__(self, files: Files, log: Log, from_sequence: int, take: Take | None) -> None:
        self._files = files
        self._log = log
        self._from = from_sequence
        self._take = take
        self._cursor: Cursor | None = None
        self._blocks = np.zeros(_CHUNK_BLOCKS * JOURNAL_BLOCK_BYTES, np.uint8)
        self._records = np.zeros(_CHUNK_BLOCKS * JOURNAL_BLOCK_RECORDS, SEQUENCED)

    @property
    def cursor(self) -> Cursor:
        assert self._cursor is not None
        return self._cursor

    def read(self, segment: Segment, stop: int, last: bool) -> None:
        """One segment, up to record `stop`, with which the next one begins."""
        header = segment.header
        chain = header.chain_crc32c
        if self._cursor is None:
            self._cursor = Cursor(header.first_sequence, chain)
        elif header.form == JOURNAL_FORM_MEMORY:
            chain = self.cursor.chain_crc32c  # memory is mapped ahead of the writer, before the CRC is known
        elif chain != self.cursor.chain_crc32c:
            raise JournalDamaged(f"{segment.path}: byte 52: does not carry on the record before it (chain of CRC32C).")
        self.cursor.enter(
            segment=header.segment,
            block=HEADER_BYTES // JOURNAL_BLOCK_BYTES,
            instance_id=header.identity.instance_id,
            stop_sequence=stop,
            next_sequence=header.first_sequence,
            chain_crc32c=chain,
        )
        if header.first_sequence == stop:
            return
        try:
            if segment.path.suffix == archive.SUFFIX:
                for records in archive.read_records(self._files, segment.path):
                    self._take_plain(segment, records[: stop - self.cursor.next_sequence])
            else:
                file = self._files.open_to_read(segment.path)
                try:
                    if header.form == JOURNAL_FORM_DISK:
                        self._read_disk(segment, file, stop, last)
                    else:
                        self._read_memory(segment, file, stop)
                finally:
                    self._files.close(file)
        except OSError as error:
            raise JournalError(f"{segment.path}: cannot be read: {error.strerror}.") from None
        if self.cursor.next_sequence < stop and not last:
            at = self.cursor.next_block * JOURNAL_BLOCK_BYTES
            where = f"byte {at}: " if header.form == JOURNAL_FORM_DISK else ""
            raise JournalDamaged(
                f"{segment.path}: {where}ends with record {self.cursor.next_sequence - 1}, but record {stop - 1} was "
                "safe once; put the file back from a copy."
            )

    def finish(self) -> None:
        """Fill in what is known at the end."""
        log, cursor = self._log, self.cursor
        log.last_sequence = cursor.next_sequence - 1
        log.last_crc32c = cursor.chain_crc32c
        disk = log.segments[-1].header.form == JOURNAL_FORM_DISK
        if disk:
            log.closed = cursor.closed
        if disk and not log.closed:
            log.unproven_sequence, log.unproven_crc32c = cursor.group_sequence, cursor.group_chain_crc32c
        else:
            log.unproven_sequence, log.unproven_crc32c = log.last_sequence + 1, log.last_crc32c

    def _give(self, records: np.ndarray) -> None:
        """Hand over records that the cursor has passed."""
        if not records.size:
            return
        self._log.last_time_ns = int(records[-1]["time_ns"])
        skipped = max(0, self._from - int(records[0]["sequence"]))
        if self._take is not None and skipped < records.size:
            self._take(records[skipped:])

    # --- records back to back -----------------------------------------------------------------------------------------

    def _read_memory(self, segment: Segment, file: int, stop: int) -> None:
        octets = self._records.view(np.uint8)
        end = min(stop, segment.header.first_sequence + segment.header.capacity)
        while self.cursor.next_sequence < end:
            at = HEADER_BYTES + (self.cursor.next_sequence - segment.header.first_sequence) * RECORD_BYTES
            wanted = min(end - self.cursor.next_sequence, self._records.size) * RECORD_BYTES
            got = self._files.read_at(file, octets.data[:wanted], at) // RECORD_BYTES
            if got == 0:
                raise JournalDamaged(f"{segment.path}: byte {at}: the file is cut short; put it back from a copy.")
            unwritten = np.flatnonzero(self._records[:got]["sequence"] == 0)
            if stop >= END_OF_TIME and unwritten.size:  # a segment alone: nobody says how many records are whole
                self._take_plain(segment, self._records[: unwritten[0]])
                return
            self._take_plain(segment, self._records[:got])

    def _take_plain(self, segment: Segment, records: np.ndarray) -> None:
        first = self.cursor.next_sequence
        whole = self.cursor.count_whole(records)
        if whole < records.size:
            at = HEADER_BYTES + (self.cursor.next_sequence - segment.header.first_sequence) * RECORD_BYTES
            raise JournalDamaged(
                f"{segment.path}: byte {at}: record {first + whole} is damaged (CRC32C, number or chain); "
                "put the file back from a copy."
            )
        self._give(records)

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _read_disk(self, segment: Segment, file: int, stop: int, last: bool) -> None:
        present = -(-self._files.size(file) // JOURNAL_BLOCK_BYTES)
        end = min(present, segment.header.capacity)
        self._start_at(segment, file, end, stop)
        cursor = self.cursor
        while cursor.next_block < end and cursor.next_sequence < stop:
            got = self._load(file, cursor.next_block, min(_CHUNK_BLOCKS, end - cursor.next_block))
            whole, count = cursor.read_blocks(self._blocks[: got * JOURNAL_BLOCK_BYTES], self._records)
            self._give(self._records[:count])
            if cursor.next_sequence >= stop:
                return
            if cursor.closed:
                break
            if whole < got:
                self._give(self._whole_records_of_bad_block(whole, stop))
                if cursor.next_sequence < stop:
                    self._judge(segment, file, end, last)
                return
        if last and not cursor.closed and present < segment.header.capacity:
            self._cut(segment, cursor.next_block * JOURNAL_BLOCK_BYTES, "the file is cut short")

    def _load(self, file: int, block: int, count: int) -> int:
        """Read blocks from the file; what is missing of the last one is zero. Returns how many."""
        room = self._blocks.data[: count * JOURNAL_BLOCK_BYTES]
        got = self._files.read_at(file, room, block * JOURNAL_BLOCK_BYTES)
        blocks = -(-got // JOURNAL_BLOCK_BYTES)
        self._blocks[got : blocks * JOURNAL_BLOCK_BYTES] = 0
        return blocks

    def _start_at(self, segment: Segment, file: int, end: int, stop: int) -> None:
        """Move the cursor to the group that holds the first record asked for: by halves, since the numbers rise from
        block to block and what is not ours lies behind them."""
        low = self.cursor.next_block
        if self._from <= self.cursor.next_sequence:
            return

        def header_of(block: int) -> np.void | None:
            self._load(file, block, 1)
            whole = self.cursor.owns(self._blocks[:JOURNAL_BLOCK_BYTES], block)
            return self._blocks[:_BLOCK_HEADER_BYTES].view(JOURNAL_BLOCK)[0].copy() if whole else None

        high, found = end, None
        while low < high:
            middle = (low + high) // 2
            row = header_of(middle)
            if row is not None and int(row["first_sequence"]) <= self._from:
                low, found = middle + 1, row
            else:
                high = middle
        group = header_of(int(found["group_block"])) if found is not None else None
        if group is not None:
            self.cursor.enter(
                segment=segment.header.segment,
                block=int(group["block"]),
                instance_id=segment.header.identity.instance_id,
                stop_sequence=stop,
                next_sequence=int(group["first_sequence"]),
                chain_crc32c=int(group["chain_crc32c"]),
            )

    def _whole_records_of_bad_block(self, index: int, stop: int) -> np.ndarray:
        """The records at the start of a block that is not whole: the chain vouches for each."""
        at = index * JOURNAL_BLOCK_BYTES
        body = self._blocks[at + _BLOCK_HEADER_BYTES : at + JOURNAL_BLOCK_BYTES]
        records = body.view(SEQUENCED)[: min(JOURNAL_BLOCK_RECORDS, stop - self.cursor.next_sequence)]
        return records[: self.cursor.count_whole(records)]

    def _judge(self, segment: Segment, file: int, end: int, last: bool) -> None:
        """The cursor's block is not whole: is it the end of the log, a torn write, or damage?"""
        bad = self.cursor.next_block
        at = bad * JOURNAL_BLOCK_BYTES
        empty = True
        for start in range(bad, end, _CHUNK_BLOCKS):
            got = self._load(file, start, min(_CHUNK_BLOCKS, end - start))
            blocks = self._blocks[: got * JOURNAL_BLOCK_BYTES].reshape(got, JOURNAL_BLOCK_BYTES)
            for index in np.flatnonzero(blocks.view(np.uint64).any(axis=1)):
                empty = False
                row = blocks[index][:_BLOCK_HEADER_BYTES].view(JOURNAL_BLOCK)[0]
                if self.cursor.owns(blocks[index], start + int(index)) and int(row["group_block"]) > bad:
                    raise JournalDamaged(
                        f"{segment.path}: byte {at}: record {self.cursor.next_sequence} is damaged, but record "
                        f"{int(row['first_sequence'])} was written after it was safe: this is damage and no torn "
                        "write; put the file back from a copy."
                    )
        if last and (not empty or self.cursor.group_end_block > bad):
            self._cut(segment, at, "the last write is not whole")

    def _cut(self, segment: Segment, byte: int, what: str) -> None:
        kept = self.cursor.next_sequence - 1
        self._log.torn = TornTail(
            segment.path, byte, f"{segment.path}: byte {byte}: {what}: the log ends with record {kept}."
        )
