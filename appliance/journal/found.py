"""A log as a start finds it: where it ends, and its records from any place on, without reading what lies before."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from appliance.journal.control import read_control
from appliance.journal.files import Files
from appliance.journal.records import END_OF_TIME, Identity
from appliance.journal.scan import Log, Take, find_segments, scan
from native.log_layout import JOURNAL_FORM_MEMORY


class FoundLog:
    """The log in a folder; nobody writes it. Every method raises JournalError (see `scan`)."""

    def __init__(self, files: Files, folder: Path, archive_folder: Path | None, expected: Identity) -> None:
        """Verify the end of the log, from its last segment on."""
        self._files = files
        self._folder = folder
        self._archive_folder = archive_folder
        self._expected = expected
        self._segments = find_segments(files, folder, archive_folder)
        self._is_memory = bool(self._segments) and self._segments[-1].header.form == JOURNAL_FORM_MEMORY
        committed = int(read_control(folder)["committed_records"]) if self._is_memory else END_OF_TIME
        begun = [s for s in self._segments if s.header.first_sequence <= committed]
        self.end = self._scan(self._start_before(begun[-1].header.first_sequence) if begun else 1)
        """What is known of the log's end. `first_sequence` and `segments` are those of the part that was read."""

    @property
    def last_sequence(self) -> int:
        """Number of the last record; 0: there is none."""
        return self.end.last_sequence

    @property
    def first_sequence(self) -> int:
        """Number of the first record that is still there."""
        return self._segments[0].header.first_sequence if self._segments else 1

    def crc32c_of(self, sequence: int) -> int | None:
        """CRC32C of record `sequence`; None where the log does not hold it."""
        if not self.first_sequence <= sequence <= self.last_sequence:
            return None
        found: list[int] = []

        def take(records: np.ndarray) -> None:
            found.extend(int(record["crc32c"]) for record in records if int(record["sequence"]) == sequence)

        self._scan(self._start_before(sequence), sequence, take)
        (crc,) = found
        return crc

    def read(self, from_sequence: int, take: Take) -> int:
        """Verify and give every record from `from_sequence` on to `take`; returns the number of the last one."""

        def take_from_there(records: np.ndarray) -> None:
            skipped = max(0, from_sequence - int(records[0]["sequence"]))
            if skipped < records.size:
                take(records[skipped:])

        if from_sequence <= self.last_sequence:
            self._scan(self._start_before(from_sequence), None, take_from_there)
        return self.last_sequence

    def _scan(self, from_sequence: int, to_sequence: int | None = None, take: Take | None = None) -> Log:
        return scan(
            self._files,
            self._folder,
            archive_folder=self._archive_folder,
            expected=self._expected,
            from_sequence=from_sequence,
            to_sequence=to_sequence,
            take=take,
        )

    def _start_before(self, sequence: int) -> int:
        """Where to begin to read in order to have `sequence`: in memory at a segment that knows what its chain begins
        with, which the newest may not have been told."""
        if not self._is_memory:
            return sequence
        headers = [segment.header for segment in self._segments]
        known = [header.first_sequence for header in headers[1:] if header.chain_crc32c != 0]
        return max([headers[0].first_sequence, *(first for first in known if first <= sequence)])
