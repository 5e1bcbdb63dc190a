"""Archives the segments of a log that nobody writes any more, and lets the oldest archives go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from appliance.journal.archive import SUFFIX, archive_name, archive_segment, read_archive_header
from appliance.journal.control import open_control
from appliance.journal.files import Files, LocalFiles
from appliance.journal.records import CONTROL_NAME, HEADER_BYTES, SEGMENT_NAME, JournalError
from appliance.journal.scan import Segment, Take, find_segments, scan


@dataclass
class Archived:
    """What one pass has done."""

    segments: list[int] = field(default_factory=list)
    """Numbers of the segments that were archived."""
    records: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    removed: list[int] = field(default_factory=list)
    """Numbers of the archives that were let go."""


def archive_log(
    files: Files,
    folder: Path,
    archive_folder: Path,
    *,
    last_too: bool = False,
    remove: bool = True,
    up_to_record: int | None = None,
    keep_archives: int | None = None,
) -> Archived:
    """Archive every segment of the log in `folder` but the newest, which may still be written (`last_too`: that one as
    well, of a log that nobody carries on). `remove`: take the segments away then. `up_to_record`: only those whose
    records all lie up to it. `keep_archives`: let all but so many of the newest archives go.

    A pass that was killed is simply done again. Raises JournalError; what was archived by then stays.
    """
    done = Archived()
    segments = find_segments(files, folder, archive_folder)
    if (folder / CONTROL_NAME).exists():  # in shared memory: without those that are mapped ahead of the writer
        committed = open_control(folder).load("committed_records")
        segments = [s for s in segments if s.header.first_sequence <= max(committed, 1)]
    try:
        names = files.names(archive_folder)
    except OSError as error:
        raise JournalError(f"{archive_folder}: cannot be read: {error.strerror}.") from None
    archived = {int(match[1]) for name in names if (match := SEGMENT_NAME.fullmatch(name)) and match[2]}
    for index, segment in enumerate(segments):
        ahead = segments[index + 1].header.first_sequence if index + 1 < len(segments) else None
        if segment.header.segment in archived or (ahead is None and not last_too):
            continue
        if up_to_record is not None and (ahead is None or ahead - 1 > up_to_record):
            break
        _archive_one(files, folder, archive_folder, segment, ahead, done)
    try:
        if remove:
            newest = segments[-1].header.segment if segments and not last_too else None
            _remove_archived(files, folder, archive_folder, newest)
        if keep_archives is not None:
            numbers = sorted(
                int(match[1])
                for name in files.names(archive_folder)
                if (match := SEGMENT_NAME.fullmatch(name)) and match[2]
            )
            for number in numbers[: max(0, len(numbers) - keep_archives)]:
                files.remove(archive_folder / archive_name(number))
                done.removed.append(number)
            files.sync_folder(archive_folder)
    except OSError as error:
        raise JournalError(f"{folder}: archived segments cannot be removed: {error.strerror}.") from None
    return done


def _archive_one(
    files: Files, folder: Path, archive_folder: Path, segment: Segment, ahead: int | None, done: Archived
) -> None:
    first = segment.header.first_sequence

    def give(take: Take) -> None:
        """The records of this segment alone, verified."""

        def take_and_count(records: np.ndarray) -> None:
            take(records)
            done.records += records.size
            done.bytes_before += records.nbytes

        if ahead is None or ahead > first:
            scan(
                files,
                folder,
                archive_folder=archive_folder,
                from_sequence=first,
                to_sequence=None if ahead is None else ahead - 1,
                take=take_and_count,
            )

    header = replace(segment.header, capacity=segment.records_max)
    path, size = archive_segment(files, archive_folder, header, give)
    assert path.suffix == SUFFIX
    done.segments.append(segment.header.segment)
    done.bytes_after += size
    done.bytes_before += HEADER_BYTES


def _remove_archived(files: Files, folder: Path, archive_folder: Path, newest: int | None) -> None:
    archived = set(files.names(archive_folder))
    for name in files.names(folder):
        match = SEGMENT_NAME.fullmatch(name)
        if match and match[2] is None and int(match[1]) != newest and f"{name}{SUFFIX}" in archived:
            files.remove(folder / name)
    files.sync_folder(folder)


def follow_log(folder: Path, archive_folder: Path, *, keep_archives: int | None, wait: Callable[[], bool]) -> None:
    """Archive the log in `folder` (on disk, or in shared memory) as it grows, until `wait()` says to end.

    Segments in shared memory stay: `archived_records` tells the venue, which maps them, what it may remove. Raises
    JournalError.
    """
    files = LocalFiles()
    is_memory = (folder / CONTROL_NAME).exists()
    control = open_control(folder, writable=True) if is_memory else None
    try:
        archive_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(f"{archive_folder}: cannot be made: {error.strerror}.") from None
    while not wait():
        finished: int | None = None
        if control is not None:  # but for the newest of them: the venue may not have told its header yet what it knows
            finished = control.load("committed_records") - int(control.row["segment_records"])
        archive_log(
            files,
            folder,
            archive_folder,
            remove=control is None,
            up_to_record=finished,
            keep_archives=keep_archives,
        )
        if control is not None:
            control.store("archived_records", _archived_up_to(files, archive_folder))


def _archived_up_to(files: Files, archive_folder: Path) -> int:
    """Number of the last record that the archive has."""
    numbers = [int(match[1]) for name in files.names(archive_folder) if (match := SEGMENT_NAME.fullmatch(name))]
    if not numbers:
        return 0
    header = read_archive_header(files, archive_folder / archive_name(max(numbers)))
    return header.first_sequence - 1 + header.capacity
