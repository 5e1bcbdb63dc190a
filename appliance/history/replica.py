"""A replica: a process that follows the log, decides every record with the same kernels into a state of its own, and
writes snapshots of that. The loop knows nothing of it and is never waited for.

Snapshots are taken between two bursts only, because there the outbox is empty: behind a record whose follower begins a
burst, or behind the last record of a log that was closed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from appliance.config import Config
from appliance.distributor.seeds import ChannelFollower, follows_channels
from appliance.distributor.stores import StoreError
from appliance.exchange import Exchange, allocate, venue_identity, whole_state_hash
from appliance.feed_book.seed import SeedError
from appliance.history.player import Player
from appliance.history.snapshot import SnapshotError, find_snapshots, read_header, remove_old_snapshots
from appliance.history.state import load, save
from appliance.journal.control import open_control
from appliance.journal.files import LocalFiles
from appliance.journal.follower import Follower
from appliance.journal.records import JournalDamaged, JournalError, RecordsGone
from appliance.journal.scan import scan
from appliance.publisher.packet import NEXT_NUMBER
from appliance.sequencer.journal import COMMITTED, LAST_CRC32C
from native.layout import COMMAND_FIRST_OF_BURST

STEP_RECORDS = 8192
_IDLE_SECONDS = 0.002
_PUBLISHED_SECONDS_MAX = 1.0
_ATTEMPTS_MAX = 100
"""To come up with the log where it goes on without us: each time what has left shared memory meanwhile."""


class ReplicaError(Exception):
    """The log cannot be followed; the message is one sentence that says why."""


class Replica:
    """The state of the venue, one step behind. Use as a context manager."""

    def __init__(
        self, config: Config, memory: Path, folder: Path, *, snapshot_seconds: float, kept: int | None = None
    ) -> None:
        """Begin with the newest snapshot in `folder` that the log bears out, or with the first record.

        memory: the venue's shared memory. A snapshot is written into `folder` every `snapshot_seconds` in which
        something happened, and the newest `kept` (else as the configuration says) stay. Raises ReplicaError.
        """
        small = {
            "journal": config.journal.model_copy(update={"records": 1024}),  # the records stay where they are
            "feed": config.feed.model_copy(update={"store_mib": 1}),  # nobody asks a replica for packets
        }
        self.exchange: Exchange = allocate(config.model_copy(update=small))
        self.refused: list[str] = []
        """Sentences about snapshots that could not be used, or not be written."""
        self.snapshot: Path | None = None
        """The newest one that it wrote."""
        self._config = config
        self._memory = memory
        self._folder = folder
        self._seconds = snapshot_seconds
        self._kept = kept or config.journal.snapshots_kept
        try:
            if not open_control(memory).identity.same_venue(venue_identity(config)):
                raise ReplicaError(f"{memory}: the log is of another configuration or version; give that one.")
            self._records = self._begin()
            self._channels = ChannelFollower(config, memory) if follows_channels(config) else None
        except (JournalError, StoreError, SeedError) as error:
            raise ReplicaError(str(error)) from None
        self._saved_sequence = self.sequence
        self._saved_at = time.monotonic()
        self._player = Player(self.exchange, quiet=True)

    def _begin(self) -> Follower:
        chain = self._config.epoch
        for path in find_snapshots(self._folder, self._config.epoch):
            try:
                snapshot = read_header(path)
                if snapshot.sequence > 0:
                    self._check_history(path, snapshot.sequence, snapshot.chain_crc32c)
                load(self.exchange, self._config, path)
            except SnapshotError as error:
                self.refused.append(str(error))
                continue
            chain = snapshot.chain_crc32c if snapshot.sequence > 0 else chain
            break
        return Follower(self._memory, self.sequence + 1, verify_from_crc32c=chain)

    def _check_history(self, path: Path, sequence: int, chain_crc32c: int) -> None:
        found: list[int] = []
        try:
            try:
                found += [int(record["crc32c"]) for record in Follower(self._memory, sequence).poll(1)]
            except RecordsGone:
                self._read_elsewhere(sequence, sequence, lambda records: found.append(int(records[0]["crc32c"])))
        except JournalError as error:
            raise SnapshotError(f"{path}: {error}") from None
        if found != [chain_crc32c]:
            raise SnapshotError(f"{path}: is not of this log: record {sequence} is another, or not there.")

    def _read_elsewhere(self, from_sequence: int, to_sequence: int, take: Callable[[np.ndarray], None]) -> None:
        """Read records that have left shared memory where they are safe: on disk, or in the archive. Raises
        JournalError."""
        journal = self._config.journal
        archive = Path(journal.archive) if journal.archive else None
        folder = Path(journal.directory) if journal.mode == "disk" else archive
        if folder is None:
            raise JournalError(f"{self._memory}: records from {from_sequence} on are nowhere any more.")
        scan(
            LocalFiles(),
            folder,
            archive_folder=archive if journal.mode == "disk" else None,
            expected=venue_identity(self._config),
            from_sequence=from_sequence,
            to_sequence=to_sequence,
            take=take,
        )

    def _poll(self) -> np.ndarray:
        """The next records of shared memory; where the loop was faster, what has left that is decided first. Raises
        ReplicaError."""
        for attempt in range(_ATTEMPTS_MAX):
            try:
                try:
                    return self._records.poll(STEP_RECORDS)
                except RecordsGone:
                    self._read_elsewhere(self.sequence + 1, self._left_up_to(), self._player.play)
                chain = int(self.exchange.journal.scalars[LAST_CRC32C])
                self._records = Follower(self._memory, self.sequence + 1, verify_from_crc32c=chain)
            except JournalDamaged as error:
                raise ReplicaError(str(error)) from None
            except JournalError as error:  # the archiver may have taken a segment elsewhere just now
                if attempt == _ATTEMPTS_MAX - 1:
                    raise ReplicaError(str(error)) from None
        raise ReplicaError(f"{self._memory}: the log goes on faster than it can be followed.")

    def _left_up_to(self) -> int:
        """Records up to this one are safe elsewhere."""
        name = "durable_records" if self._config.journal.mode == "disk" else "archived_records"
        return self._records.control.load(name)

    @property
    def sequence(self) -> int:
        """Of the last record that was decided."""
        return int(self.exchange.journal.scalars[COMMITTED])

    @property
    def is_over(self) -> bool:
        """The log was closed, and all of it was decided."""
        return self._records.is_over

    @property
    def state_hash(self) -> str:
        """Of the state now: after `run`, that of the loop when it stopped."""
        return whole_state_hash(self.exchange)

    def step(self) -> int:
        """Decide what has come since; returns how many records. Raises ReplicaError for a log that is damaged."""
        records = self._poll()
        at = 0
        if records.size and self._is_due():
            firsts = np.flatnonzero(records["flags"] & COMMAND_FIRST_OF_BURST)
            if firsts.size:
                at = int(firsts[-1])
                self._player.play(records[:at])
                self._save()
        self._player.play(records[at:])
        self._follow_channels()
        if self.is_over and self.sequence > self._saved_sequence:
            self._save()
        return int(records.size)

    def _is_due(self) -> bool:
        return time.monotonic() - self._saved_at >= self._seconds

    def _save(self) -> None:
        self._player.settle()
        if self.sequence == self._saved_sequence:
            return
        if not self._is_published():
            return  # and try again behind the next step
        seed = self._channels.seed() if self._channels is not None else None
        try:
            self.snapshot = save(self.exchange, self._config, self._folder, seed)
            self._saved_sequence = self.sequence
            remove_old_snapshots(self._folder, self._config.epoch, self._kept, self.sequence)
        except (SnapshotError, OSError) as error:
            self.refused.append(str(error))
        self._saved_at = time.monotonic()

    def _follow_channels(self) -> bool:
        """Follow what the venue has published, as far as the state here has come. True: that is all of it. Raises
        ReplicaError."""
        if self._channels is None:
            return True
        try:
            return self._channels.follow(int(self.exchange.feed.scalars[NEXT_NUMBER]))
        except StoreError as error:
            raise ReplicaError(f"What market data has come to cannot be kept: {error}") from None

    def _is_published(self) -> bool:
        """Whether the venue has published all that the state here knows of; it soon has, unless its disk is behind.
        Raises ReplicaError."""
        until = time.monotonic() + _PUBLISHED_SECONDS_MAX
        while not self._follow_channels():
            if time.monotonic() > until:
                return False
            time.sleep(_IDLE_SECONDS)
        return True

    def run(self, ended: Callable[[], bool], *, told: Callable[[Path], None] | None = None) -> None:
        """Follow until the log is closed, or `ended` says so. `told` gets every new snapshot. Raises ReplicaError."""
        before = self.snapshot
        while not ended():
            took = self.step()
            if self.snapshot != before and self.snapshot is not None:
                before = self.snapshot
                if told is not None:
                    told(self.snapshot)
            if self.is_over:
                return
            if took < STEP_RECORDS:
                time.sleep(_IDLE_SECONDS)

    def close(self) -> None:
        """Give back what it holds."""
        self._player.close()

    def __enter__(self) -> Replica:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
