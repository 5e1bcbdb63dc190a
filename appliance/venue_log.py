"""The log of a running venue: found, carried on or begun, kept mapped, made durable, archived, closed.

What is left of an earlier run under the same name decides what a start does:

- memory: a log in shared memory that was not closed is that of a process that was killed. It is carried on.
- disk: a log in `journal.directory` is carried on, closed or not; a new day begins in another folder.

So is its epoch decided, where the configuration leaves it open: that of the log that is carried on, whose feed goes on
with the next number; else one above all before it under this name, by the clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from appliance.config import Config
from appliance.exchange import SharedFolder, venue_identity, with_epoch_of_log
from appliance.journal.control import open_control
from appliance.journal.disk_writer import lock_folder
from appliance.journal.event_store import RECORDS_A_PAGE, EventStore
from appliance.journal.files import LocalFiles
from appliance.journal.found import FoundLog
from appliance.journal.keeper import Keeper
from appliance.journal.records import CONTROL_NAME, SEGMENT_NAME, Identity, JournalError
from appliance.journal.scan import Log
from native.layout import FEED_HEADER, FEED_MAGIC

_WRITER_STOP_SECONDS_MAX = 10.0
_LOCK_SECONDS_MAX = 10.0
"""The disk writer of a venue that was killed brings to disk what was committed, then it ends."""
EPOCH_ZERO_S = 1_577_836_800
"""2020-01-01 UTC: epochs by the clock are the seconds since then, so that they rise until 2088."""


def epoch_left_in(feed_file: Path) -> int:
    """The epoch of the feed store that an earlier run has left; 0: there is none."""
    try:
        with feed_file.open("rb") as file:
            octets = file.read(FEED_HEADER.itemsize)
    except OSError:
        return 0
    if len(octets) < FEED_HEADER.itemsize:
        return 0
    header = np.frombuffer(octets, FEED_HEADER)[0]
    return int(header["epoch"]) if int(header["magic"]) == FEED_MAGIC else 0


class VenueLog:
    """The log, and the thread and processes around it. `open`, `start_writer`, `start`, `stop`."""

    def __init__(self, config: Config, shared: SharedFolder) -> None:
        self.config = config
        """With the epoch of this run, once it is open."""
        self._shared = shared
        self._keeper: Keeper | None = None
        self._writer: subprocess.Popen[bytes] | None = None
        self._archiver: subprocess.Popen[bytes] | None = None
        self._lock_file = -1
        self.store: EventStore
        self.is_only_copy = False
        """Shared memory has a log of an earlier run that is nowhere else."""
        self.recovered_records = 0
        """Records that an earlier run left."""
        self.decided_records = 0
        """Records up to this one need not be decided again; those behind it lie in `store`."""
        self.last_crc32c = config.epoch
        self.torn = ""
        """What was cut off the end of the log on disk, in one sentence."""

    @property
    def _is_on_disk(self) -> bool:
        return self.config.journal.mode == "disk"

    @property
    def path(self) -> Path:
        """Where the log can be read after the run."""
        return Path(self.config.journal.directory) if self._is_on_disk else self._shared.path

    def open(self, decided_up_to: Callable[[FoundLog], int] = lambda _: 0) -> None:
        """Find the log or begin one, in the shared folder, which is ours. `decided_up_to` says of the log that was
        found how many of its records a snapshot contains: only those behind it are loaded. Raises JournalError."""
        if self._archive_folder is not None:
            _make(self._archive_folder)
            self._check_archive(self._archive_folder)
        last_epoch = epoch_left_in(self._shared.feed)
        if self._is_on_disk:
            _make(Path(self.config.journal.directory))
            # first: the writer of a venue that was killed still reads what lies in shared memory
            self.is_only_copy = (self._shared.path / CONTROL_NAME).exists()
            self._lock_file = lock_folder(Path(self.config.journal.directory), _LOCK_SECONDS_MAX)
            self.is_only_copy = False
            self._shared.clear()
            self._adopt_epoch(Path(self.config.journal.directory))
            self._choose_epoch(last_epoch)
            self._load_from_disk(venue_identity(self.config), decided_up_to)
        elif self._was_left_by_a_kill():
            self._shared.clear(but_the_journal=True)
            self._adopt_epoch(self._shared.path)
            with self._anew(f"move {self._shared.path} away"):
                log = FoundLog(LocalFiles(), self._shared.path, self._archive_folder, venue_identity(self.config))
                self.decided_records = decided_up_to(log)
                log.read(self.decided_records + 1, lambda records: None)  # only verified: it lies where it is needed
            self.store = EventStore.attach(self._shared.path)
            self._found(log.end)
        else:
            self._shared.clear()
            self._choose_epoch(last_epoch)
            venue = venue_identity(self.config)
            self.store = self._new_store(venue)
            self.decided_records = decided_up_to(FoundLog(LocalFiles(), self._shared.path, None, venue))

    def _check_archive(self, archive_folder: Path) -> None:
        """The newest segment of a log is never in the archive alone, so where no log lies to be carried on, what is
        archived is of another one. Raises JournalError."""
        own = Path(self.config.journal.directory) if self._is_on_disk else self._shared.path
        is_carried_on = own.is_dir() and (self._is_on_disk or self._was_left_by_a_kill())
        if is_carried_on and _has_segments(own):
            return
        if _has_segments(archive_folder):
            self.is_only_copy = (self._shared.path / CONTROL_NAME).exists()
            raise JournalError(
                f"{archive_folder}: holds segments of another log; name another journal.archive, or move them away."
            )

    def _adopt_epoch(self, folder: Path) -> None:
        """That of the log in `folder`, if there is one. Raises JournalError."""
        self.config = with_epoch_of_log(self.config, folder)
        self.last_crc32c = self.config.epoch

    def _choose_epoch(self, last_epoch: int) -> None:
        """Where nothing has said one: by the clock, and above `last_epoch`."""
        if self.config.epoch == 0:
            epoch = max(int(time.time()) - EPOCH_ZERO_S, last_epoch + 1)
            self.config = self.config.model_copy(update={"epoch": epoch})
        self.last_crc32c = self.config.epoch

    def _was_left_by_a_kill(self) -> bool:
        if not (self._shared.path / CONTROL_NAME).exists():
            return False
        self.is_only_copy = True  # also where it cannot be read
        control = open_control(self._shared.path)
        self.is_only_copy = not control.row["closed"] and control.load("committed_records") > 0
        return self.is_only_copy

    @contextlib.contextmanager
    def _anew(self, how: str) -> Iterator[None]:
        try:
            yield
        except JournalError as error:
            raise JournalError(f"{error} To begin anew, {how}.") from None

    @property
    def _archive_folder(self) -> Path | None:
        return Path(self.config.journal.archive) if self.config.journal.archive else None

    @property
    def _segment_records(self) -> int:
        journal = self.config.journal
        return min(journal.segment_records, -(-journal.records // RECORDS_A_PAGE) * RECORDS_A_PAGE)

    def _new_store(self, identity: Identity, first_sequence: int = 1, chain_crc32c: int | None = None) -> EventStore:
        segment = self._segment_records
        return EventStore.create(
            self._shared.path,
            identity,
            segment_records=segment,
            records_max=-(-self.config.journal.records // segment) * segment,
            first_sequence=first_sequence,
            chain_crc32c=chain_crc32c,
        )

    def _load_from_disk(self, venue: Identity, decided_up_to: Callable[[FoundLog], int]) -> None:
        """Verify the log on disk and put the records that are needed into shared memory, from the beginning of the
        segment on that will have them."""
        folder = Path(self.config.journal.directory)
        with self._anew("name another journal.directory"):
            log = FoundLog(LocalFiles(), folder, self._archive_folder, venue)
            self.decided_records = decided_up_to(log)
            first, chain = 1, None
            if self.decided_records:
                segment = self._segment_records
                first = (self.decided_records - 1) // segment * segment + 1
                chain = (log.crc32c_of(first - 1) or 0) if first > 1 else None
            if log.end.segments:
                venue = replace(venue, instance_id=log.end.identity.instance_id)
            store = self.store = self._new_store(venue, first, chain)

            def take(records: np.ndarray) -> None:
                start = int(records[0]["sequence"]) - 1
                store.keep_ahead(2 + records.size // store.segment_records)
                store.records[start : start + records.size] = records
                store.control.store("committed_records", start + records.size)

            # what lies before the snapshot may be gone, also from the archive
            log.read(min(max(first, log.first_sequence), self.decided_records + 1), take)
        self._found(log.end)
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
        self._await_writer()
        if self._archive_folder is not None:
            self._start_archiver(self._archive_folder)

    def _removable(self) -> int:
        """Records that are safe elsewhere, but for the newest segments."""
        if not self._is_on_disk and not self.config.journal.archive:
            return 0
        safe = self.store.control.load("durable_records" if self._is_on_disk else "archived_records")
        kept = self.config.journal.segments_kept * self.store.segment_records
        return min(safe, self.store.committed_records - kept)

    def start_writer(self) -> None:
        """Have the disk writer come up, where there is one; `start` waits for it."""
        if not self._is_on_disk:
            return
        journal = self.config.journal
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

    def _await_writer(self) -> None:
        if self._writer is None:
            return
        assert self._writer.stdout is not None
        line = self._writer.stdout.readline()  # it says that it is ready, or ends
        if not line:
            code = self._writer.wait()
            raise JournalError(f"The disk writer did not start (exit {code}); its own message stands above.")
        assert json.loads(line)["durable_records"] == self.recovered_records

    def _start_archiver(self, archive_folder: Path) -> None:
        journal = self.config.journal
        words = [sys.executable, "-m", "appliance.journal", "archive", "--to", str(archive_folder)]
        words += ["--from", str(self.path), "--parent-pid", str(os.getpid())]
        if journal.archives_kept:
            words += ["--keep", str(journal.archives_kept)]
        self._archiver = subprocess.Popen(words, stdin=subprocess.DEVNULL)

    @property
    def holds(self) -> bool:
        """Whether what is said must wait until it is durable."""
        return self._is_on_disk

    def durable_records(self) -> int:
        """Number of the last record that is safe on disk."""
        return self.store.control.load("durable_records")

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
            if in_good_order:
                self.store.seal_headers()
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


def _has_segments(folder: Path) -> bool:
    return any(SEGMENT_NAME.fullmatch(name) for name in os.listdir(folder))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(f"{folder}: the log cannot be written there: {error.strerror}.") from None
