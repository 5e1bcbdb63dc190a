"""Segments that nobody writes any more, compressed with zstd: the header and the records, back to back.

An archive is written, synced, named and read back before the segment that it replaces may go.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from appliance.journal.files import Files
from appliance.journal.records import (
    HEADER_BYTES,
    RECORD_BYTES,
    Cursor,
    JournalDamaged,
    JournalError,
    SegmentHeader,
    header_bytes,
    read_header,
    segment_name,
)
from native.layout import SEQUENCED
from native.log_layout import JOURNAL_FORM_ARCHIVE

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SUFFIX: Final = ".zst"
_PART_SUFFIX: Final = ".part"
_READ_BYTES: Final = 1 << 18
_RECORDS_A_STEP: Final = 1 << 14
_LEVEL: Final = 3
"""zstd's default: about 10 times smaller here; higher levels cost much and win little."""


def archive_name(segment: int) -> str:
    """File name of an archived segment."""
    return f"{segment_name(segment)}{SUFFIX}"


class ArchiveWriter:
    """One archive: `take` the records, then `finish`. Raises OSError from the files."""

    def __init__(self, files: Files, folder: Path, header: SegmentHeader) -> None:
        self._files = files
        self._folder = folder
        self.path: Final = folder / archive_name(header.segment)
        self._part = folder / f"{self.path.name}{_PART_SUFFIX}"
        self._header = header
        options: dict[Any, int] = {
            zstd.CompressionParameter.compression_level: _LEVEL,
            zstd.CompressionParameter.checksum_flag: 1,
        }
        self._compressor = zstd.ZstdCompressor(options=options)
        self._at = 0
        self.records = 0
        if self._part.name in files.names(folder):
            files.remove(self._part)  # of a run that was ended
        self._file = files.create(self._part)
        self._put(self._compressor.compress(header_bytes(header)))

    def _put(self, octets: bytes) -> None:
        if octets:
            self._files.write_at(self._file, memoryview(octets), self._at)
            self._at += len(octets)

    def take(self, records: np.ndarray) -> None:
        """The next records of the segment, SEQUENCED[n]."""
        for start in range(0, records.size, _RECORDS_A_STEP):
            self._put(self._compressor.compress(records[start : start + _RECORDS_A_STEP].tobytes()))
        self.records += records.size

    def finish(self) -> int:
        """Sync it, read it back, name it. Returns its bytes. Raises JournalError where it does not read back."""
        self._put(self._compressor.flush())
        self._files.sync(self._file)
        self._files.close(self._file)
        cursor = Cursor(self._header.first_sequence, self._header.chain_crc32c)
        whole = sum(cursor.count_whole(records) for records in read_records(self._files, self._part))
        if whole != self.records:
            raise JournalDamaged(f"{self._part}: {whole} of {self.records} records could be read back.")
        self._files.rename(self._part, self.path)
        self._files.sync_folder(self._folder)
        return self._at

    def abandon(self) -> None:
        """Take the unfinished file away."""
        self._files.close(self._file)
        self._files.remove(self._part)


def _octets(files: Files, path: Path) -> Iterator[bytes]:
    """The content, uncompressed, piece by piece. Raises OSError, JournalDamaged."""
    file = files.open_to_read(path)
    try:
        room = bytearray(_READ_BYTES)
        decompressor = zstd.ZstdDecompressor()
        at = 0
        while not decompressor.eof:
            got = files.read_at(file, memoryview(room), at)
            if got == 0:
                raise JournalDamaged(f"{path}: byte {at}: the archive is cut short; put it back from a copy.")
            at += got
            try:
                yield decompressor.decompress(bytes(room[:got]))
            except zstd.ZstdError as error:
                raise JournalDamaged(f"{path}: byte {at - got}: the archive is damaged: {error}.") from None
    finally:
        files.close(file)


def read_archive_header(files: Files, path: Path) -> SegmentHeader:
    """The header of an archive. Raises OSError, JournalError."""
    octets = b""
    for piece in _octets(files, path):
        octets += piece
        if len(octets) >= HEADER_BYTES:
            break
    header = read_header(octets[:HEADER_BYTES], path)
    if header.form != JOURNAL_FORM_ARCHIVE:
        raise JournalDamaged(f"{path}: byte 20: is not the archive of a segment.")
    return header


def read_whole(files: Files, path: Path) -> bytes:
    """Header and records of an archive, not verified. Raises JournalError."""
    try:
        return b"".join(_octets(files, path))
    except OSError as error:
        raise JournalError(f"{path}: cannot be read: {error.strerror}.") from None


def read_records(files: Files, path: Path) -> Iterator[np.ndarray]:
    """The records of an archive as SEQUENCED[n], piece by piece, not verified. Raises OSError, JournalDamaged."""
    rest = b""
    to_skip = HEADER_BYTES
    for piece in _octets(files, path):
        octets = rest + piece
        if to_skip:
            skipped = min(to_skip, len(octets))
            octets, to_skip = octets[skipped:], to_skip - skipped
        whole = len(octets) // RECORD_BYTES * RECORD_BYTES
        rest = octets[whole:]
        if whole:
            yield np.frombuffer(bytearray(octets[:whole]), SEQUENCED)  # a copy: pieces are not aligned
    if rest or to_skip:
        raise JournalDamaged(f"{path}: the archive ends inside a record.")


def archive_segment(
    files: Files,
    archive_folder: Path,
    header: SegmentHeader,
    give: Callable[[Callable[[np.ndarray], None]], None],
) -> tuple[Path, int]:
    """Archive one segment; `give` calls its argument with every record. Returns path and bytes. Raises JournalError."""
    written: ArchiveWriter | None = None
    try:
        written = ArchiveWriter(files, archive_folder, replace(header, form=JOURNAL_FORM_ARCHIVE))
        give(written.take)
        size = written.finish()
    except OSError as error:
        raise JournalError(
            f"{archive_folder}: segment {header.segment} cannot be archived: {error.strerror}."
        ) from None
    return written.path, size
