"""Recovery of the state: the newest snapshot that can be used, and the records behind it.

A snapshot can be used when it is whole and was written under this configuration, and when the log holds its last
record with the same CRC32C: one that is ahead of the log, or of a history that was cut off, tells of inputs that nobody
was ever answered. Nothing is sent; every number goes on, and the feed store is filled again with what the played
records publish, so the TCP recovery server has the feed from the snapshot on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appliance.config import Config
from appliance.exchange import Exchange
from appliance.feed_book.seed import Seed
from appliance.history.player import Player
from appliance.history.records import LogEnd, RecordSource
from appliance.history.snapshot import SnapshotError, find_snapshots
from appliance.history.state import check_venue, empty_feed_store, load, verify
from appliance.publisher.packet import NEXT_NUMBER


class RecoveryError(Exception):
    """The state cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Recovered:
    """What recovery did. Sequences are of inputs."""

    snapshot: Path | None
    """The one that was used; None: the day was played from its beginning."""
    snapshot_sequence: int
    last_sequence: int
    refused: tuple[str, ...]
    """A sentence for every snapshot that could not be used."""
    feed_first_number: int
    """Published messages from this number on can be had again; those before it cannot."""
    seconds: float

    @property
    def records_played(self) -> int:
        """Records behind the snapshot."""
        return self.last_sequence - self.snapshot_sequence


@dataclass(frozen=True)
class Chosen:
    """Where a recovery begins."""

    snapshot: Path | None
    """None: with the first record of the day."""
    sequence: int
    """Of the last record that the snapshot contains."""
    refused: tuple[str, ...]
    """A sentence for every snapshot that cannot be used."""
    seed: Seed | None = None
    """What the channels of market data had come to; None: nobody needs it, or the feed begins with message 1."""


def choose(config: Config, folder: Path | None, log: LogEnd, *, channels: np.ndarray | None = None) -> Chosen:
    """The newest snapshot in `folder` that can be used with `log`: whole, of this venue, version and history.
    `channels` (SEED_CHANNEL[n]): somebody goes on with these, so what they had come to must be in it, unless it is the
    day's own beginning. Raises what `log` raises."""
    refused: list[str] = []
    for path in find_snapshots(folder, config.epoch) if folder is not None else []:
        try:
            snapshot, seed = verify(path)
            check_venue(snapshot, config, path)
            if snapshot.sequence == 0 or channels is None:
                seed = None
            elif seed is None or not _is_of(seed, channels):
                raise SnapshotError(
                    f"{path}: does not say what the channels and tiers of this configuration had come to."
                )
            if snapshot.sequence > 0:
                _check_history(path, snapshot.sequence, snapshot.chain_crc32c, log)
        except SnapshotError as error:
            refused.append(str(error))
            continue
        return Chosen(path, snapshot.sequence, tuple(refused), seed)
    return Chosen(None, 0, tuple(refused))


def _is_of(seed: Seed, channels: np.ndarray) -> bool:
    names = ("channel_id", "depth")
    return all(seed.channels[name].tolist() == channels[name].tolist() for name in names)


def begin_with(exchange: Exchange, config: Config, chosen: Chosen) -> int:
    """Put the chosen state into `exchange`, as `allocate` gave it. Returns the number of the first market data message
    that its feed store will have. Raises RecoveryError: the exchange must be thrown away."""
    if chosen.snapshot is None:
        empty_feed_store(exchange)
    else:
        try:
            load(exchange, config, chosen.snapshot)
        except SnapshotError as error:
            raise RecoveryError(f"{error} Remove it and start again.") from None
    return int(exchange.feed.scalars[NEXT_NUMBER])


def recover(exchange: Exchange, config: Config, folder: Path | None, source: RecordSource) -> Recovered:
    """Bring `exchange`, as `allocate` gave it, to the state after the last record of `source`.

    `folder` is where snapshots are. The state is that of an uninterrupted run; counters, but for those of what was
    played, begin at 0. Raises RecoveryError, and what `source` raises for a log that is damaged; the exchange must then
    be thrown away.
    """
    started = time.perf_counter()
    chosen = choose(config, folder, source)
    feed_first_number = begin_with(exchange, config, chosen)
    with Player(exchange) as player:
        last_sequence = source.read(chosen.sequence + 1, player.play)
        player.settle()
        if player.sequence != last_sequence:
            raise RecoveryError(f"The log ends with record {last_sequence}, but was read to {player.sequence} only.")
    seconds = time.perf_counter() - started
    return Recovered(chosen.snapshot, chosen.sequence, last_sequence, chosen.refused, feed_first_number, seconds)


def _check_history(path: Path, sequence: int, chain_crc32c: int, log: LogEnd) -> None:
    found = log.crc32c_of(sequence)
    if found is None:
        raise SnapshotError(f"{path}: is of record {sequence}, which the log does not hold.")
    if found != chain_crc32c:
        raise SnapshotError(f"{path}: is of another history: record {sequence} of the log has another CRC32C.")
