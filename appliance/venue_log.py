"""The log of a running venue: found, carried on or begun, kept mapped, made durable, archived, closed.

What is left of an earlier run under the same name decides what a start does:

- memory: a log in shared memory that was not closed is that of a process that was killed. It is carried on.
- disk: a log in `journal.directory` is carried on, closed or not; a new day begins in another folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from appliance.config import Config
from appliance.exchange import SharedFolder, venue_identity
from appliance.journal.control import open_control
from appliance.journal.disk_writer import lock_folder
from appliance.journal.event_store import EventStore
from appliance.journal.files import LocalFiles
from appliance.journal.keeper import Keeper
from appliance.journal.records import CONTROL_NAME, Identity, JournalError
from appliance.journal.scan import Log, scan

_WRITER_STOP_SECONDS_MAX = 10.0
_LOCK_SECONDS_MAX = 10.0
"""The disk writer of a venue that was killed brings to disk what was committed, then it ends."""


class VenueLog:
    """The log, and the thread and processes around it. `open`, then `start`, then `stop`."""

    def __init__(self, config: Config, shared: SharedFolder) -> None:
        self._config = config
        self._shared = shared
        self._keeper: Keeper | None = None
        self._writer: subprocess.Popen[bytes] | None = None
        self._archiver: subprocess.Popen[bytes] | None = None
        self._lock_file = -1
        self.store: EventStore
        self.is_only_copy = False
        """Shared memory has a log of an earlier run that is nowhere else."""
        self.recovered_records = 0
        """Records that an earlier run left; they are in `store` and are to be decided again."""
        self.last_crc32c = config.epoch
        self.torn = ""
        """What was cut off the end of the log on disk, in one sentence."""

    @property
    def _is_on_disk(self) -> bool:
        return self._config.journal.mode == "disk"

    @property
    def path(self) -> Path:
        """Where the log can be read after the run."""
        return Path(self._config.journal.directory) if self._is_on_disk else self._shared.path

    def open(self) -> None:
        """Find the log or begin one, in the shared folder, which is ours. Raises JournalError."""
        venue = venue_identity(self._config)
        if self._is_on_disk:
            self._shared.clear()
            self._load_from_disk(venue)
        elif self._was_left_by_a_kill():
            self._shared.clear(but_the_journal=True)
            log = self._scan(self._shared.path, venue)
            self.store = EventStore.attach(self._shared.path)
            self._found(log)
        else:
            self._shared.clear()
            self.store = self._new_store(venue)

    def _was_left_by_a_kill(self) -> bool:
        if not (self._shared.path / CONTROL_NAME).exists():
            return False
        self.is_only_copy = True  # also where it cannot be read
        control = open_control(self._shared.path)
        self.is_only_copy = not control.row["closed"] and control.load("committed_records") > 0
        return self.is_only_copy

    def _scan(self, folder: Path, venue: Identity) -> Log:
        try:
            return scan(LocalFiles(), folder, archive_folder=self._archive_folder, expected=venue)
        except JournalError as error:
            raise JournalError(f"{error} To begin anew, move {folder} away.") from None

    @property
    def _archive_folder(self) -> Path | None:
        return Path(self._config.journal.archive) if self._config.journal.archive else None

    def _new_store(self, identity: Identity) -> EventStore:
        journal = self._config.journal
        segment = min(journal.segment_records, -(-journal.records // 32) * 32)
        return EventStore.create(
            self._shared.path, identity, segment_records=segment, records_max=-(-journal.records // segment) * segment
        )

    def _load_from_disk(self, venue: Identity) -> None:
        """Verify the log on disk and put its records into shared memory."""
        folder = Path(self._config.journal.directory)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"{folder}: the log cannot be written there: {error.strerror}.") from None
        self._lock_file = lock_folder(folder, _LOCK_SECONDS_MAX)
        made: list[EventStore] = []

        def take(records: np.ndarray) -> None:
            if not made:
                made.append(self._new_store(venue))
            store = made[0]
            start = int(records[0]["sequence"]) - 1
            store.keep_ahead(2 + records.size // store.segment_records)
            store.records[start : start + records.size] = records
            store.control.store("committed_records", start + records.size)

        try:
            log = scan(LocalFiles(), folder, archive_folder=self._archive_folder, expected=venue, take=take)
        except JournalError as error:
            raise JournalError(f"{error} To begin anew, name another journal.directory.") from None
        self.store = made[0] if made else self._new_store(venue)
        if log.segments:
            self.store.control.row["instance_id"] = np.frombuffer(log.identity.instance_id, np.uint8)
        self._found(log)
        self.store.control.store("durable_records", self.recovered_records)

    def _found(self, log: Log) -> None:
        self.recovered_records = log.last_sequence
        if log.last_sequence:
            self.last_crc32c = log.last_crc32c
        self.torn = log.torn.sentence if log.torn else ""

    def start(self) -> None:
        """Begin to keep segments mapped, to write and to archive. Raises JournalError."""
        self._keeper = Keeper(self.store, self._removable)
        self._keeper.start()
        if self._is_on_disk:
            self._start_writer()
        if self._archive_folder is not None:
            self._start_archiver(self._archive_folder)

    def _removable(self) -> int:
        """Records that are safe elsewhere, but for the newest segments."""
        if not self._is_on_disk and not self._config.journal.archive:
            return 0
        safe = self.store.control.load("durable_records" if self._is_on_disk else "archived_records")
        kept = self._config.journal.segments_kept * self.store.segment_records
        return min(safe, self.store.committed_records - kept)

    def _start_writer(self) -> None:
        journal = self._config.journal
        words = [sys.executable, "-m", "appliance.journal", "write"]
        words += ["--memory", str(self._shared.path), "--folder", journal.directory]
        words += ["--segment-mib", str(journal.disk_segment_mib), "--idle", journal.writer_idle]
        words += ["--cpu", str(journal.writer_cpu), "--parent-pid", str(os.getpid())]
        if journal.archive:
            words += ["--archive", journal.archive]
        words += ["--lock-file", str(self._lock_file)]
        self._writer = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, pass_fds=(self._lock_file,)
        )
        assert self._writer.stdout is not None
        line = self._writer.stdout.readline()  # it says that it is ready, or ends
        if not line:
            code = self._writer.wait()
            raise JournalError(f"The disk writer did not start (exit {code}); its own message stands above.")
        assert json.loads(line)["durable_records"] == self.recovered_records

    def _start_archiver(self, archive_folder: Path) -> None:
        journal = self._config.journal
        words = [sys.executable, "-m", "appliance.journal", "archive", "--to", str(archive_folder)]
        words += ["--from", str(self.path), "--parent-pid", str(os.getpid())]
        if journal.archives_kept:
            words += ["--keep", str(journal.archives_kept)]
        self._archiver = subprocess.Popen(words, stdin=subprocess.DEVNULL)

    @property
    def holds(self) -> bool:
        """Whether what is said must wait until it is durable."""
        return self._is_on_disk

    def check(self) -> str:
        """A sentence that says what is wrong but may pass, or nothing. Raises JournalError where it will not pass."""
        if self._writer is not None and self._writer.poll() is not None:
            raise JournalError(
                f"The disk writer ended (exit {self._writer.returncode}), its own message stands above: nothing after "
                f"record {self.store.control.load('durable_records')} is acknowledged."
            )
        if self._archiver is not None and self._archiver.poll() is not None:
            code = self._archiver.returncode
            self._archiver = None
            return f"The archiver ended (exit {code}), its own message stands above; segments stay where they are."
        assert self._keeper is not None
        if self._keeper.is_lost:
            raise JournalError(self._keeper.problem)
        return self._keeper.problem

    def stop(self, *, in_good_order: bool) -> None:
        """End what was started. `in_good_order`: mark the log as closed, when everything in it is safe."""
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None
        if self._archiver is not None:
            self._archiver.terminate()
            self._archiver.wait()
            self._archiver = None
        if hasattr(self, "store") and in_good_order:
            self.store.control.row["closed"] = 1
        if self._writer is not None:
            if not in_good_order:
                self._writer.send_signal(signal.SIGUSR1)
            try:
                self._writer.wait(_WRITER_STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._writer.kill()
                self._writer.wait()
            assert self._writer.stdout is not None
            self._writer.stdout.close()
            self._writer = None
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1
