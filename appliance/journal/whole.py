"""A log as one array, from wherever it lies, and one array as a log."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from appliance.journal.address_space import lazy_array
from appliance.journal.files import Files, LocalFiles
from appliance.journal.records import (
    SEGMENT_NAME,
    Identity,
    JournalError,
    SegmentHeader,
    header_bytes,
)
from appliance.journal.scan import Log, find_segments, scan
from native.layout import SEQUENCED
from native.log_layout import JOURNAL_FORM_ARCHIVE, JOURNAL_MAGIC


def is_log(path: Path) -> bool:
    """Whether `path` is a folder with segments, a segment or an archived one. Raises OSError."""
    if path.is_dir():
        return any(SEGMENT_NAME.fullmatch(entry.name) for entry in path.iterdir())
    if (match := SEGMENT_NAME.fullmatch(path.name)) and match[2]:
        return True
    with path.open("rb") as file:
        return file.read(8) == JOURNAL_MAGIC.to_bytes(8, "little")


def load_log(
    path: Path,
    *,
    archive_folder: Path | None = None,
    expected: Identity | None = None,
    from_sequence: int = 1,
    to_sequence: int | None = None,
    files: Files | None = None,
) -> tuple[Log, np.ndarray]:
    """The log at `path` and its records (SEQUENCED[n], a copy), every one verified. Raises JournalError."""
    files = files or LocalFiles()
    segments = find_segments(files, path, archive_folder)
    if not segments:
        raise JournalError(f"{path}: has no segments of a log (journal.000001 and so on).")
    try:
        records = lazy_array(SEQUENCED, sum(segment.records_max for segment in segments))
    except OSError as error:
        raise JournalError(f"{path}: memory for its records cannot be had: {error.strerror}.") from None
    count = 0

    def take(found: np.ndarray) -> None:
        nonlocal count
        records[count : count + found.size] = found
        count += found.size

    log = scan(
        files,
        path,
        archive_folder=archive_folder,
        expected=expected,
        from_sequence=from_sequence,
        to_sequence=to_sequence,
        take=take,
    )
    return log, records[:count]


def save_log(path: Path, identity: Identity, records: np.ndarray) -> None:
    """Write `records` (SEQUENCED[n], numbered from 1) as a log of one file. Raises OSError."""
    header = SegmentHeader(identity, JOURNAL_FORM_ARCHIVE, 1, 1, records.size, identity.epoch)
    with path.open("wb") as file:
        file.write(header_bytes(header))
        file.write(records.data)
