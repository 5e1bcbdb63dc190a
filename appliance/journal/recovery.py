"""Open a log on disk to carry it on: find where it ends, bring what is in doubt to safety, begin a new segment."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np

from appliance.journal.disk_log import GROUP_RECORDS_MAX, SPARE_NAME, DiskLog
from appliance.journal.files import Files
from appliance.journal.records import Identity, JournalError
from appliance.journal.scan import Log, Take, scan
from native.layout import SEQUENCED


def open_log(
    files: Files,
    folder: Path,
    venue: Identity,
    *,
    archive_folder: Path | None = None,
    segment_bytes: int,
    from_sequence: int = 1,
    take: Take | None = None,
    group_records_max: int = GROUP_RECORDS_MAX,
    background: bool = True,
) -> tuple[Log, DiskLog]:
    """Verify the log in `folder`, give its records from `from_sequence` on to `take`, and carry it on.

    Every record that `take` was given is safe when this comes back: what no later group proves is written again, in
    the new segment. A folder without a log gets a new one of `venue`; its `instance_id` counts only then.
    Raises JournalError (see `scan`); nothing has been changed then, but for an unused spare segment that is removed.
    """
    log = scan(files, folder, archive_folder=archive_folder, expected=venue, from_sequence=from_sequence, take=take)
    doubtful: list[np.ndarray] = []
    if log.unproven_sequence <= log.last_sequence:
        scan(
            files,
            folder,
            archive_folder=archive_folder,
            from_sequence=log.unproven_sequence,
            take=lambda records: doubtful.append(records.copy()),
        )
    try:
        if SPARE_NAME in files.names(folder):
            files.remove(folder / SPARE_NAME)
    except OSError as error:
        raise JournalError(f"{folder}: cannot be written: {error.strerror}.") from None
    identity = replace(venue, instance_id=log.identity.instance_id) if log.segments else venue
    disk = DiskLog(
        files,
        folder,
        identity,
        segment=log.next_segment,
        next_sequence=log.unproven_sequence,
        chain_crc32c=log.unproven_crc32c if log.segments else venue.epoch,
        segment_bytes=segment_bytes,
        doubtful=np.concatenate([np.zeros(0, SEQUENCED), *doubtful]),
        group_records_max=group_records_max,
        background=background,
    )
    assert disk.next_sequence == log.last_sequence + 1
    return log, disk


def new_instance_id() -> bytes:
    """The identity of a log that begins."""
    return uuid.uuid4().bytes
