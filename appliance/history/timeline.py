"""Replay of sequenced records to a place, at a pace, with hashes on the way.

Records come from a journal, or from a capture whose frames are sequenced first, so that both end at exactly the record
that was asked for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from appliance.config import Config
from appliance.exchange import Exchange, allocate, whole_state_hash
from appliance.history.beginning import begin_as_the_day_did
from appliance.history.player import Player
from appliance.history.state import hash_parts
from appliance.journal.whole import is_log
from appliance.replay import LOCAL_MAC, ReplayError, load_journal, replay_capture, sized_for_bytes
from appliance.sequencer.journal import COMMITTED
from native.ports import PortError

STEP_RECORDS = 8192
_PACE_SECONDS = 0.001


@dataclass(frozen=True)
class Until:
    """Where to stop: behind the last record that both allow. None: no bound."""

    sequence: int | None = None
    time_ns: int | None = None
    """UTC; records of this time are still taken."""

    def count(self, records: np.ndarray) -> int:
        """How many of `records` (SEQUENCED[n] from sequence 1 on) to take."""
        count = records.size
        if self.sequence is not None:
            count = min(count, self.sequence)
        if self.time_ns is not None:  # time never goes back
            count = min(count, int(np.searchsorted(records["time_ns"], np.uint64(self.time_ns), "right")))
        return count


@dataclass(frozen=True)
class Mark:
    """The state after one record."""

    sequence: int
    time_ns: int
    state_hash: str
    parts: dict[str, str]
    """Hashes of parts of the state: where two states differ, these say in what."""

    def to_line(self) -> str:
        """One JSON line; `read_marks` reads it again."""
        return json.dumps(asdict(self))


def sequenced_records(path: Path, config: Config) -> tuple[Config, np.ndarray]:
    """The records that the journal at `path` holds, or that the capture there gives: SEQUENCED[n] from sequence 1 on;
    and `config` with the journal's epoch, where it leaves that open; of a capture, which an empty venue sequences,
    without snapshots. Raises ReplayError."""
    try:
        if is_log(path):
            return load_journal(path, config)
    except OSError as error:
        raise ReplayError(f"{path}: cannot be read: {error.strerror}") from None
    kept: list[Exchange] = []
    replay_capture(path, config, keep=kept)
    journal = kept[0].journal
    config = config.model_copy(update={"journal": config.journal.model_copy(update={"snapshots": ""})})
    return config, journal.records[: int(journal.scalars[COMMITTED])]


def sized_exchange(records: np.ndarray, config: Config) -> Exchange:
    """An exchange as the day of `records` began, whose feed store is large enough for them; it has no journal of its
    own. Raises ReplayError."""
    sized = sized_for_bytes(config, records.nbytes)
    small = sized.journal.model_copy(update={"records": 1024})
    exchange = allocate(sized.model_copy(update={"journal": small}), local_mac=LOCAL_MAC)
    begin_as_the_day_did(exchange, config, records)
    return exchange


def mark(exchange: Exchange, time_ns: int) -> Mark:
    """Hashes of `exchange` as it is now."""
    sequence = int(exchange.journal.scalars[COMMITTED])
    return Mark(sequence, time_ns, whole_state_hash(exchange), hash_parts(exchange))


def play_to(
    records: np.ndarray,
    exchange: Exchange,
    *,
    out: Path | None = None,
    hash_every: int | None = None,
    told: Callable[[Mark], None] | None = None,
    multiplier: float | None = None,
    quiet: bool = False,
    progress: Callable[[int], None] | None = None,
) -> float:
    """Play `records` into `exchange` and return the seconds that it took.

    told: is given the state's hashes after every `hash_every` records and at the end. multiplier: times the recorded
    pace. quiet: see Player. Raises ReplayError when `out` cannot be written.
    """
    try:
        with Player(exchange, str(out) if out else "", quiet=quiet) as player:
            player.play(records[:0])
            started = time.perf_counter()
            for start, stop in _steps(records, hash_every, multiplier):
                player.play(records[start:stop])
                if told is not None and hash_every and (stop % hash_every == 0 or stop == records.size):
                    told(mark(exchange, int(records[stop - 1]["time_ns"])))
                if progress is not None:
                    progress(stop)
            player.settle()
            return time.perf_counter() - started
    except PortError as error:
        raise ReplayError(error.sentence) from None


def _steps(records: np.ndarray, hash_every: int | None, multiplier: float | None) -> Iterator[tuple[int, int]]:
    """(start, stop) of what to play next, when it is due."""
    started = time.perf_counter()
    start = 0
    while start < records.size:
        stop = min(start + STEP_RECORDS, records.size)
        if hash_every is not None:
            stop = min(stop, (start // hash_every + 1) * hash_every)
        if multiplier is not None:
            first_ns = int(records[0]["time_ns"])
            due_ns = first_ns + int((time.perf_counter() - started) * 1e9 * multiplier)
            due = start + int(np.searchsorted(records["time_ns"][start:stop], np.uint64(due_ns), "right"))
            if due == start:
                time.sleep(_PACE_SECONDS)
                continue
            stop = due
        yield start, stop
        start = stop


def read_marks(path: Path) -> list[Mark]:
    """The lines that `--hash-every` printed. Raises ReplayError."""
    marks: list[Mark] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ReplayError(f"{path}: cannot be read as text") from None
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            if "input" in row:
                continue  # the result of the replay, which ends the list
            values = Mark(int(row["sequence"]), int(row["time_ns"]), str(row["state_hash"]), dict(row["parts"]))
        except (ValueError, KeyError, TypeError):
            raise ReplayError(f"{path}: line {number} is no line of --hash-every --json") from None
        if marks and values.sequence <= marks[-1].sequence:
            raise ReplayError(f"{path}: line {number}: the sequence does not rise")
        marks.append(values)
    if not marks:
        raise ReplayError(f"{path}: holds no hashes")
    return marks


def is_list_of_marks(path: Path) -> bool:
    """Whether the file starts like a list that `--hash-every --json` printed."""
    if path.is_dir():
        return False
    with path.open("rb") as file:
        return file.read(1) == b"{"
